import { defineConfig } from 'vitest/config';

/** Suites that talk to a whole server over UDP: they run once for each way of serving it. */
const OVER_UDP = [
  'test/scenarios/*.test.ts',
  'test/fuzz/live-udp.test.ts',
  'test/integration/edns-compliance.test.ts',
  'test/integration/hostile-packets.test.ts',
  'test/integration/upstream-faults.test.ts',
];

export default defineConfig({
  test: {
    // Integration tests start whole servers; two at a time is what a small machine carries.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // The plain line stays readable in a CI log; `verbose` is a flag away.
    reporters: ['default'],
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'udp: dgram', include: OVER_UDP, env: { STAIRGATE_TEST_UDP: 'dgram' } },
      },
    ],
  },
});
