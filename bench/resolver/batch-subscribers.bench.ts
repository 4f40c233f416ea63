/** Batches of queries from a million subscribers, every tenth with a policy of its own: cached, an address. */

import { benchBatches } from './batch-load.ts';

benchBatches('a batch, cached, a million subscribers', 0, 1_000_000);
