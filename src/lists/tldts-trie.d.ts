/**
 * The data of tldts, which its main module does not hand out: a trie over labels from the right. The
 * edges of node `n` are `edgeStart[n]` to `edgeStart[n + 1]`; their labels stand one after the other
 * in `labelText`. Bit 0 of a node's flags: a rule of ICANN's part of the list ends here.
 */
declare module 'tldts/dist/cjs/src/data/trie.js' {
  export const nodeFlags: Uint8Array;
  export const edgeStart: Uint16Array;
  export const edgeLength: Uint8Array;
  export const edgeChild: Uint16Array;
  export const labelText: string;
  export const rulesRoot: number;
  export const exceptionsRoot: number;
}
