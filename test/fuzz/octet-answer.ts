/**
 * The response to any question, from the question's own octets: no library between that would
 * read and write odd names in its own way. One address for type A, nothing for all others.
 */
export function octetAnswer(query: Uint8Array): Buffer {
  let questionEnd = 12;
  while (query[questionEnd] !== 0) questionEnd += query[questionEnd]! + 1;
  questionEnd += 5;
  const response = Buffer.from(query.subarray(0, questionEnd));
  response.writeUInt16BE(0x8180, 2);
  response.fill(0, 6, 12);
  if (response.readUInt16BE(questionEnd - 4) !== 1) return response;
  response.writeUInt16BE(1, 6);
  const address = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
  return Buffer.concat([response, Buffer.from(address)]);
}
