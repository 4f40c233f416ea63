/** Batches of queries: blocked by a list. A process of its own, since mixes in one process change each other. */

import { benchBatches } from './batch-load.ts';

benchBatches('a batch, blocked by a list', 1);
