/** Batches of queries: one in five blocked, the others cached. A process of its own, since mixes in one process change each other. */

import { benchBatches } from './batch-load.ts';

benchBatches('a batch, one in five blocked, the others cached', 0.2);
