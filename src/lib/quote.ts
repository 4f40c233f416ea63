/** How a bad value is quoted in a fault: as JSON, and no more of it than a reader needs. */

const TEXT_MAX = 80;

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
  if (typeof value === 'string') return JSON.stringify(value.slice(0, length));
  // Of the numbers JSON knows only the finite.
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  let text = isList ? '[' : '{';
  for (const key in value) {
    if (text.length >= length) return text;
    if (text.length > 1) text += ',';
    if (!isList) text += `${JSON.stringify(key.slice(0, length))}:`;
    text += beginningOf((value as Record<string, unknown>)[key], length - text.length);
  }
  return `${text}${isList ? ']' : '}'}`;
}
