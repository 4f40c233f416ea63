/**
 * YAML of people, such as the configuration and the document of `apply`: one document, each key once,
 * nesting and aliases bounded. What the value says is for the caller's schema.
 */

import { Composer, type Document, Lexer, LineCounter, Parser, type ParsedNode } from 'yaml';
import { DEPTH_MAX, isTooDeep } from '../lib/depth.ts';
import { messageOf } from '../lib/errors.ts';

const TOO_DEEP = `lists and mappings are nested too deep; valid: up to ${DEPTH_MAX} levels`;
const SEVERAL = 'the file holds several documents, parted by "---"; valid: one';
/** The parser's stack holds the document and the scalar besides. */
const STACK_MAX = DEPTH_MAX + 2;

/**
 * @param faults gets a sentence for each fault of the text
 * @returns what it says, an empty mapping for an empty text; nothing to rely on where there are faults
 */
export function readYaml(text: string, faults: string[]): unknown {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: true });
  const documents: Document.Parsed[] = [];
  try {
    for (const document of composer.compose(tokensOf(text, parser), true, text.length)) {
      documents.push(document);
      if (documents.length > 1) {
        faults.push(SEVERAL);
        return null;
      }
    }
    for (const { message, pos } of documents[0]?.errors ?? []) {
      const { line, col } = lines.linePos(pos[0]);
      faults.push(`${message} at line ${line}, column ${col}`);
    }
    if (faults.length > 0) return null;
    const value: unknown = documents[0]?.toJS({ maxAliasCount: 100 }) ?? {};
    // Aliases nest what the text does not.
    if (isTooDeep(value)) faults.push(TOO_DEEP);
    return value;
  } catch (error) {
    // Too deep; an alias that leads nowhere, or aliases of aliases that would fill the memory.
    faults.push(messageOf(error));
    return null;
  }
}

/**
 * What the parser makes of the text, looked at on the way: the composer behind it goes down by
 * recursion, and where its stack is nearly full even a pattern that V8 compiles ends the process.
 */
function* tokensOf(text: string, parser: Parser): ReturnType<Parser['parse']> {
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > STACK_MAX) throw new Error(TOO_DEEP);
  }
  yield* parser.end();
}
