/**
 * The lines of an iCalendar file (RFC 5545, section 3.1): unfolded, with their names, parameters and
 * values. Octets stay octets, one a character, because a fold may stand within a UTF-8 sequence.
 *
 *     7   DTSTART;VALUE=DATE:2026        line 7: DTSTART, { VALUE: DATE }, 20261224
 *     8    1224                                  a blank or tab at the start continues the line before
 *
 * Files end their lines with CRLF or LF and hold empty lines, whatever the RFC says.
 */

export interface ContentLine {
  /** Where it begins in the file, from 1. */
  readonly number: number;
  /** In upper case. */
  readonly name: string;
  /** By name in upper case, without quotes; several values of one are joined with commas. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly value: string;
}

export interface Fault {
  /** `Infinity` where it is about the whole file: it comes last. */
  readonly line: number;
  readonly text: string;
}

/** Longer lines are descriptions and attachments, which nobody asks for. */
const LINE_OCTETS_MAX = 16_384;
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';
const PARAMETER = /;([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)/y;

/** The lines of those names, in order; of other lines no more is asked than that they have a name. */
export function readContentLines(
  content: Uint8Array,
  names: ReadonlySet<string>,
  faults: Fault[],
): ContentLine[] {
  const lines: ContentLine[] = [];
  for (const { number, text } of unfold(content)) {
    const name = /^[A-Za-z0-9-]+(?=[;:])/.exec(text)?.[0].toUpperCase();
    if (name === undefined) {
      faults.push({ line: number, text: 'this is no line of a calendar; valid: NAME:VALUE' });
    } else if (names.has(name)) {
      const line = parseLine(number, name, text);
      if (line === null)
        faults.push({ line: number, text: `the parameters of ${name} are damaged` });
      else lines.push(line);
    }
  }
  return lines;
}

function unfold(content: Uint8Array): { readonly number: number; text: string }[] {
  const unfolded: { readonly number: number; text: string }[] = [];
  const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');
  const start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  for (const [index, line] of text.slice(start).split(/\r?\n/).entries()) {
    const last = unfolded.at(-1);
    if (last !== undefined && /^[ \t]/.test(line)) last.text += line.slice(1);
    else if (line !== '') unfolded.push({ number: index + 1, text: line });
  }
  return unfolded;
}

function parseLine(number: number, name: string, text: string): ContentLine | null {
  if (text.length > LINE_OCTETS_MAX) return null;
  const parameters = new Map<string, string>();
  let at = name.length;
  while (text[at] === ';') {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(text);
    if (match === null) return null;
    const [all, parameter = '', value = ''] = match;
    parameters.set(parameter.toUpperCase(), value.replaceAll('"', ''));
    at += all.length;
  }
  return text[at] === ':' ? { number, name, parameters, value: text.slice(at + 1) } : null;
}

/** A value of type TEXT (section 3.3.11) as one short line that is safe to show. */
export function shownText(value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  const unescaped = text.replace(/\\([nN,;\\])/g, (_, escaped: string) =>
    escaped.toLowerCase() === 'n' ? ' ' : escaped,
  );
  // A terminal would obey control characters.
  const plain = unescaped.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').trim();
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain;
}
