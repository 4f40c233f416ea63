/** What a household, a profile or a plan has set, in words: a window, a budget, a device, a name. */

/** One element of a list of settings. */
export function wordsOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const item = value as Readonly<Record<string, unknown>>;
  if ('from' in item && 'to' in item) return scheduleWords(item);
  if ('minutesPerDay' in item) {
    return `${String(item['target'])} ${String(item['minutesPerDay'])} minutes a day`;
  }
  if ('always' in item) {
    return item['always'] === true ? `${String(item['name'])} (always)` : String(item['name']);
  }
  return settingWords(item);
}

/** Such as `youtube strict, google off` for `{ youtube: strict, engines: { google: false } }`. */
export function settingWords(value: object): string {
  return Object.entries(value)
    .map(([key, one]: [string, unknown]) => {
      if (Array.isArray(one)) return `${key} ${one.map(wordsOf).join(' ')}`;
      if (typeof one === 'object' && one !== null) return settingWords(one);
      if (typeof one === 'boolean') return `${key} ${one ? 'on' : 'off'}`;
      return `${key} ${String(one)}`;
    })
    .join(', ');
}

/** Such as `internet mon tue 21:00–07:00`. */
function scheduleWords(schedule: Readonly<Record<string, unknown>>): string {
  const { target, days, dates, from, to, names, safeSearch } = schedule;
  return [
    String(target),
    ...(Array.isArray(names) ? [`(${names.map(String).join(' ')})`] : []),
    ...(typeof safeSearch === 'object' && safeSearch !== null
      ? [`(${settingWords(safeSearch)})`]
      : []),
    ...[days, dates].flatMap((list) => (Array.isArray(list) ? list.map(String) : [])),
    `${String(from)}–${String(to)}`,
  ].join(' ');
}
