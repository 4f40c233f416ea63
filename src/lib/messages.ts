/**
 * Every sentence that a client may read in a DNS response: the EXTRA-TEXT of Extended DNS Errors
 * (RFC 8914, section 2), in each language. They are turned into octets when the policy image is compiled;
 * the query path copies octets. Texts of mandatory (law) lists never name the category.
 *
 * They are short and calm, and say what is and until when, never who did wrong. What must not be cut
 * (a time, a helpline) stands before names that somebody else has chosen.
 */

/** Keeps the option small, so that it never is what truncates a response. */
export const EXTRA_TEXT_BYTES_MAX = 80;

/** BCP 47. The first is the fallback. */
export const LANGUAGES = ['en', 'ru', 'be', 'pl', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Messages {
  readonly blockedByLaw: string;
  readonly blockedForSecurity: string;
  /** A category that the plan blocks, and one that the household does. */
  readonly blockedByPlan: string;
  readonly blockedByHousehold: string;
  /** Instead of either, for categories that carry the local helpline. */
  readonly blockedWithHelp: string;
  readonly blockedByBypassControl: string;
  readonly deniedByProfile: string;
  readonly deniedBySubscriber: string;
  readonly deniedByPlan: string;
  /** The internet is off: by a schedule, by a pause, by a used-up budget. */
  readonly offUntil: string;
  readonly off: string;
  readonly pausedUntil: string;
  readonly paused: string;
  readonly timeUsedUp: string;
  /** Instead of either, for what only the clock blocks: a used-up budget, a schedule. */
  readonly usedUpForToday: string;
  readonly blockedBySchedule: string;
  readonly notOnAllowList: string;
  readonly noSafeMode: string;
}

export const MESSAGES: Readonly<Record<Language, Messages>> = {
  en: {
    blockedByLaw: 'Blocked: legal order',
    blockedForSecurity: 'Blocked: {category} (security)',
    blockedByPlan: 'Filtered: {category} (plan {plan})',
    blockedByHousehold: 'Filtered: {category}',
    blockedWithHelp: 'Help: {help}. Filtered: {category}',
    blockedByBypassControl: 'Filtered: filter bypass',
    deniedByProfile: 'Filtered: on the deny list of the profile',
    deniedBySubscriber: 'Filtered: on the deny list of the household',
    deniedByPlan: 'Filtered: on the deny list of plan {plan}',
    offUntil: 'Internet is off until {time}',
    off: 'Internet is off for now',
    pausedUntil: 'Internet is paused until {time}',
    paused: 'Internet is paused',
    timeUsedUp: 'Internet time for today is used up',
    usedUpForToday: 'Time for today is used up: {category}',
    blockedBySchedule: 'Filtered at this time: {category}',
    notOnAllowList: 'Filtered: not on the list of allowed sites',
    noSafeMode: 'Filtered: this search engine has no safe mode',
  },
  ru: {
    blockedByLaw: 'Заблокировано по требованию закона',
    blockedForSecurity: 'Опасный сайт: {category}',
    blockedByPlan: 'Фильтр: {category} (тариф {plan})',
    blockedByHousehold: 'Фильтр: {category}',
    blockedWithHelp: 'Помощь: {help}. Фильтр: {category}',
    blockedByBypassControl: 'Фильтр: обход фильтра',
    deniedByProfile: 'Фильтр: в списке запретов профиля',
    deniedBySubscriber: 'Фильтр: в списке запретов семьи',
    deniedByPlan: 'Фильтр: запрет тарифа {plan}',
    offUntil: 'Интернет выключен до {time}',
    off: 'Интернет сейчас выключен',
    pausedUntil: 'Интернет на паузе до {time}',
    paused: 'Интернет на паузе',
    timeUsedUp: 'Время в интернете на сегодня вышло',
    usedUpForToday: 'Время на сегодня вышло: {category}',
    blockedBySchedule: 'Фильтр по расписанию: {category}',
    notOnAllowList: 'Фильтр: нет в списке разрешённых',
    noSafeMode: 'У этого поиска нет безопасного режима',
  },
  be: {
    blockedByLaw: 'Заблакавана паводле закона',
    blockedForSecurity: 'Небяспечны сайт: {category}',
    blockedByPlan: 'Фільтр: {category} (тарыф {plan})',
    blockedByHousehold: 'Фільтр: {category}',
    blockedWithHelp: 'Дапамога: {help}. Фільтр: {category}',
    blockedByBypassControl: 'Фільтр: абыход фільтра',
    deniedByProfile: 'Фільтр: у спісе забарон профілю',
    deniedBySubscriber: 'Фільтр: у спісе забарон сям’і',
    deniedByPlan: 'Фільтр: забарона тарыфу {plan}',
    offUntil: 'Інтэрнэт выключаны да {time}',
    off: 'Інтэрнэт зараз выключаны',
    pausedUntil: 'Інтэрнэт на паўзе да {time}',
    paused: 'Інтэрнэт на паўзе',
    timeUsedUp: 'Час у інтэрнэце на сёння скончыўся',
    usedUpForToday: 'Час на сёння скончыўся: {category}',
    blockedBySchedule: 'Фільтр паводле раскладу: {category}',
    notOnAllowList: 'Фільтр: няма ў спісе дазволеных',
    noSafeMode: 'У гэтага пошуку няма бяспечнага рэжыму',
  },
  pl: {
    blockedByLaw: 'Zablokowano na mocy prawa',
    blockedForSecurity: 'Zablokowano: {category} (bezpieczeństwo)',
    blockedByPlan: 'Filtr: {category} (taryfa {plan})',
    blockedByHousehold: 'Filtr: {category}',
    blockedWithHelp: 'Pomoc: {help}. Filtr: {category}',
    blockedByBypassControl: 'Filtr: obejście filtra',
    deniedByProfile: 'Filtr: na liście blokad profilu',
    deniedBySubscriber: 'Filtr: na liście blokad rodziny',
    deniedByPlan: 'Filtr: na liście blokad taryfy {plan}',
    offUntil: 'Internet wyłączony do {time}',
    off: 'Internet jest teraz wyłączony',
    pausedUntil: 'Internet wstrzymany do {time}',
    paused: 'Internet jest wstrzymany',
    timeUsedUp: 'Czas w internecie na dziś się skończył',
    usedUpForToday: 'Czas na dziś się skończył: {category}',
    blockedBySchedule: 'Filtr według harmonogramu: {category}',
    notOnAllowList: 'Filtr: spoza listy dozwolonych stron',
    noSafeMode: 'Ta wyszukiwarka nie ma bezpiecznego trybu',
  },
  de: {
    blockedByLaw: 'Gesperrt: gesetzliche Anordnung',
    blockedForSecurity: 'Gesperrt: {category} (Sicherheit)',
    blockedByPlan: 'Gefiltert: {category} (Tarif {plan})',
    blockedByHousehold: 'Gefiltert: {category}',
    blockedWithHelp: 'Hilfe: {help}. Gefiltert: {category}',
    blockedByBypassControl: 'Gefiltert: Umgehung des Filters',
    deniedByProfile: 'Gefiltert: auf der Sperrliste des Profils',
    deniedBySubscriber: 'Gefiltert: auf der Sperrliste des Haushalts',
    deniedByPlan: 'Gefiltert: auf der Sperrliste des Tarifs {plan}',
    offUntil: 'Das Internet ist bis {time} aus',
    off: 'Das Internet ist gerade aus',
    pausedUntil: 'Das Internet pausiert bis {time}',
    paused: 'Das Internet pausiert',
    timeUsedUp: 'Die Internetzeit für heute ist aufgebraucht',
    usedUpForToday: 'Zeit für heute aufgebraucht: {category}',
    blockedBySchedule: 'Gefiltert nach Zeitplan: {category}',
    notOnAllowList: 'Gefiltert: nicht auf der Liste erlaubter Seiten',
    noSafeMode: 'Diese Suchmaschine hat keinen sicheren Modus',
  },
};

/** Replaces `{name}` by its value; every placeholder of the text must be given. */
export function fillMessage(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** UTF-8 octets of a text, cut at a character boundary to `EXTRA_TEXT_BYTES_MAX`. */
export function messageBytes(text: string): Uint8Array {
  const target = new Uint8Array(EXTRA_TEXT_BYTES_MAX);
  const { written } = new TextEncoder().encodeInto(text, target);
  return target.slice(0, written);
}
