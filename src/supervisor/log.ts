/** What the control plane logs with: the part of pino that it uses, so that tests need no pino. */

type LogLine = (details: Readonly<Record<string, unknown>>, message: string) => void;

export interface Log {
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}
