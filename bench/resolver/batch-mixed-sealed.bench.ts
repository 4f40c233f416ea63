/** `batch-mixed` with a sealed list beside the others: what it costs queries that are not about it. */

import { addSealedList, benchBatches } from './batch-load.ts';

addSealedList();
benchBatches('the same mix, with a sealed list of 20,000 names', 0.2);
