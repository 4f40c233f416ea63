/** Batches of queries: cached, an address. A process of its own, since mixes in one process change each other. */

import { benchBatches } from './batch-load.ts';

benchBatches('a batch, cached, an address', 0);
