#!/usr/bin/env -S node --single-threaded-gc
/** The one entry: hands the arguments to the command line and leaves with its exit code. */

import { runCli } from './cli/program.ts';

process.exitCode = await runCli(process.argv.slice(2));
