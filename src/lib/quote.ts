/** How a bad value is quoted in a fault: as JSON, and no more of it than a reader needs. */

const TEXT_MAX = 80;

/** What JSON writes as it is: a terminal would obey it (C1), or nobody would see it (marks of direction). */
const UNSEEN = /\p{C}/gu;

/** Its cost is bounded by the length of the text, whatever the value. */
export function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = beginningOf(value, TEXT_MAX + 1);
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
}

/**
 * @param length how much of the text is wanted; where there is more it ends somewhere behind that.
 *   Each level writes a character before it goes down, so that this bounds the recursion too.
 */
function beginningOf(value: unknown, length: number): string {
  if (typeof value === 'string') return textOf(value.slice(0, length));
  // Of the numbers JSON knows only the finite.
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  let text = isList ? '[' : '{';
  for (const key in value) {
    if (text.length >= length) return text;
    if (text.length > 1) text += ',';
    if (!isList) text += `${textOf(key.slice(0, length))}:`;
    text += beginningOf((value as Record<string, unknown>)[key], length - text.length);
  }
  return `${text}${isList ? ']' : '}'}`;
}

function textOf(value: string): string {
  return JSON.stringify(value).replace(UNSEEN, (unseen) =>
    unseen
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
