/**
 * How deep foreign data may be nested. What comes after the parsers, from schemas to
 * `JSON.stringify`, goes down by recursion and would run out of stack.
 */

/** Lists and mappings inside each other; a document has six. */
export const DEPTH_MAX = 32;

/** @param value of JSON or YAML; one that contains itself counts as too deep */
export function isTooDeep(value: unknown, levels = DEPTH_MAX): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return parts.some((part) => isTooDeep(part, levels - 1));
}
