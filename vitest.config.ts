import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Integration tests start whole servers; two at a time is what a small machine carries.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // The plain line stays readable in a CI log; `verbose` is a flag away.
    reporters: ['default'],
  },
});
