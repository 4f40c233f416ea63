/** What a bench is asked for on its command line. What it does not know ends it with its usage. */

import { parseArgs } from 'node:util';

type Specification = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly default?: string | boolean }>
>;

export class BenchOptions<Spec extends Specification> {
  readonly #usage: string;
  readonly #values: Readonly<Record<string, string | boolean | undefined>>;

  /**
   * @param usage one line, without the word itself
   * @param spec what it takes besides `--help`
   */
  constructor(usage: string, spec: Spec) {
    this.#usage = usage;
    try {
      const help = { type: 'boolean', short: 'h' } as const;
      this.#values = parseArgs({ options: { ...spec, help } }).values;
    } catch (error) {
      this.fail(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
    }
    if (this.#values['help'] === true) {
      console.log(`usage: ${usage}`);
      process.exit(0);
    }
  }

  is(name: keyof Spec & string): boolean {
    return this.#values[name] === true;
  }

  text(name: keyof Spec & string): string {
    return String(this.#values[name] ?? '');
  }

  /** A number above zero. */
  amount(name: keyof Spec & string): number {
    const value = Number(this.text(name));
    if (value > 0 && Number.isFinite(value)) return value;
    return this.fail(`--${name} ${this.text(name)}: valid is a number above 0`);
  }

  /** Words parted by commas, each one of the valid; all of them where the option is not given. */
  words<Word extends string>(name: keyof Spec & string, valid: readonly Word[]): readonly Word[] {
    const given = this.#values[name];
    if (given === undefined) return valid;
    return String(given)
      .split(',')
      .map(
        (word) =>
          valid.find((one) => one === word) ??
          this.fail(`--${name} ${word}: there is ${valid.join(', ')}`),
      );
  }

  fail(fault: string): never {
    console.error(`${fault}\nusage: ${this.#usage}`);
    process.exit(1);
  }
}

/** For a bench that came to nothing: what was found before is not overwritten with that. */
export function endWithoutResult(): never {
  console.error('Nothing was measured, so nothing is saved.');
  process.exit(1);
}
