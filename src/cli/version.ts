/** The version of this build, from package.json, which stands beside `dist` and beside `src`. */

import { readFileSync } from 'node:fs';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };

export const VERSION: string = version;
