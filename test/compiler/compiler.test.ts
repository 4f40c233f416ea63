import { describe, expect, it, onTestFinished, test, vi } from 'vitest';
import { Compiler } from '../../src/compiler/compiler.ts';
import type { AskedName } from '../../src/lists/compare.ts';

/** A look at so many octets is one that others may have to wait for. */
const LARGE_OCTETS = 5 * 1024 * 1024;
const LARGE = new Uint8Array(LARGE_OCTETS);

test('many searches for evidence run one by one, and other jobs wait for one of them at most', async () => {
  const entry = new URL('../fixtures/counting-compiler.mjs', import.meta.url);
  const compiler = new Compiler({ entry, dataDir: '/nowhere' });
  onTestFinished(() => compiler.close());
  const asked = [1, 2, 3].map(() => compiler.findEvidence(Uint8Array.of(0), ['adult']));
  // By now the first one has the thread.
  await Promise.resolve();
  const look = compiler.inspect(LARGE, 'domains');
  const found = (await Promise.all(asked)).flat();
  expect(found.map(({ line }) => line)).toEqual([1, 3, 4]);
  expect(found.map(({ text }) => text)).toEqual(['1', '1', '1']);
  expect(await look).toEqual({ entries: 2 });
});

test('a compilation goes before looks and searches that wait', async () => {
  const entry = new URL('../fixtures/counting-compiler.mjs', import.meta.url);
  const compiler = new Compiler({ entry, dataDir: '/nowhere' });
  onTestFinished(() => compiler.close());
  const look = () => compiler.inspect(LARGE, 'domains');
  const profile = compiler.compileProfile([1, 2], 1, 0);
  const looks = [look(), look()];
  const compiled = compiler.compile([1, 2], null);
  expect((await profile).byteLength).toBe(1);
  expect((await compiled).revision).toBe(2);
  expect(await Promise.all(looks)).toEqual([{ entries: 3 }, { entries: 4 }]);
});

/** More than half of the deadline of a job. */
const LONG_MS = 400_000;
const DEADLINE_MS = 600_000;
const DONE = 1;
const DEATH = 2;

function openGate(gate: Int32Array, how: number): void {
  Atomics.store(gate, 0, how);
  Atomics.notify(gate, 0);
}

/** At the beginning of a content of so many octets. */
function aGate(octets: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(octets));
}

/** Jobs that wait at a gate each, and a clock that only the test moves. */
function gatedJobs(count: number) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const entry = new URL('../fixtures/gated-compiler.mjs', import.meta.url);
  const compiler = new Compiler({ entry, dataDir: '/nowhere' });
  onTestFinished(async () => {
    vi.useRealTimers();
    await compiler.close();
  });
  const gates = Array.from({ length: count }, () => aGate(LARGE_OCTETS));
  const jobs = gates.map((gate) => compiler.inspect(new Uint8Array(gate.buffer), 'domains'));
  const open = (index: number, how: number): void => {
    openGate(gates[index]!, how);
  };
  return { compiler, jobs, open };
}

describe('the deadline of a job', () => {
  it('begins when the job has the thread, however long it waited for others', async () => {
    const { jobs, open } = gatedJobs(3);
    for (const [index, job] of jobs.entries()) {
      vi.advanceTimersByTime(LONG_MS);
      open(index, DONE);
      expect(await job).toEqual({ entries: index + 1 });
    }
  });

  it('ends the job that is stuck, and those behind it go on in a new thread', async () => {
    const { jobs, open } = gatedJobs(3);
    vi.advanceTimersByTime(DEADLINE_MS);
    const message = expect.stringContaining('longer than') as string;
    await expect(jobs[0]).rejects.toMatchObject({ code: 'COMPILE_FAILED', message });
    for (const index of [1, 2]) {
      vi.advanceTimersByTime(LONG_MS);
      open(index, DONE);
      expect(await jobs[index]).toEqual({ entries: index + 1 });
    }
  });
});

test('a compilation waits for nobody who reads a list: it has a thread of its own meanwhile', async () => {
  const { compiler, jobs, open } = gatedJobs(2);
  const compiled = [compiler.compile([1, 2], null), compiler.compile([1, 2], null)];
  expect((await Promise.all(compiled)).map(({ revision }) => revision)).toEqual([3, 4]);
  open(0, DONE);
  open(1, DONE);
  expect(await Promise.all(jobs)).toEqual([{ entries: 1 }, { entries: 2 }]);
  // Nobody is in its way any more.
  expect((await compiler.compile([1, 2], null)).revision).toBe(5);
});

describe('a look at a large list keeps waiting', () => {
  const SCOPE = { category: 'adult', subdomains: null, except: [] };

  /** A large look that runs and one that waits, and a content of so many octets with its gate open. */
  function twoLargeLooks(octets: number) {
    const { compiler, jobs, open } = gatedJobs(2);
    const gate = aGate(octets);
    openGate(gate, DONE);
    return { compiler, jobs, open, content: new Uint8Array(gate.buffer) };
  }

  it('no small content', async () => {
    const { compiler, jobs, open, content } = twoLargeLooks(4);
    expect(await compiler.inspect(content, 'domains')).toEqual({ entries: 3 });
    const comparison = { list: 'a', scope: SCOPE, before: null, approved: [] };
    expect(await compiler.compare(content, 'domains', comparison)).toEqual({ entries: 4 });
    open(0, DONE);
    open(1, DONE);
    expect(await Promise.all(jobs)).toEqual([{ entries: 1 }, { entries: 2 }]);
  });

  it('no sealed list and no urgent one, however large', async () => {
    const { compiler, jobs, open, content } = twoLargeLooks(LARGE_OCTETS);
    expect(await compiler.inspect(content, 'sealed')).toEqual({ entries: 3 });
    expect(await compiler.inspect(content, 'domains', true)).toEqual({ entries: 4 });
    const comparison = { list: 'a', scope: SCOPE, before: null, approved: [] };
    expect(await compiler.compare(content, 'sealed', comparison)).toEqual({ entries: 5 });
    expect(await compiler.compare(content, 'domains', comparison, true)).toEqual({ entries: 6 });
    open(0, DONE);
    open(1, DONE);
    expect(await Promise.all(jobs)).toEqual([{ entries: 1 }, { entries: 2 }]);
  });

  it('a small content whose list was large before', async () => {
    const { compiler, jobs, open, content } = twoLargeLooks(4);
    const before = { content: LARGE, format: 'domains' as const, scope: SCOPE };
    const comparison = { list: 'a', scope: SCOPE, before, approved: [] };
    let isCompared = false;
    const compared = compiler.compare(content, 'domains', comparison).then(() => {
      isCompared = true;
    });
    // Comes after whatever else the thread for small contents has.
    await compiler.inspect(content, 'domains');
    expect(isCompared).toBe(false);
    open(0, DONE);
    open(1, DONE);
    await Promise.all([...jobs, compared]);
  });
});

describe('usage', () => {
  it('is read once for all who ask meanwhile and within a minute after', async () => {
    const entry = new URL('../fixtures/counting-compiler.mjs', import.meta.url);
    let nowMs = 0;
    const clock = { wallMs: () => 0, monotonicMs: () => nowMs };
    const compiler = new Compiler({ entry, dataDir: '/nowhere', clock });
    onTestFinished(() => compiler.close());
    const usages = [compiler.usage(), compiler.usage()];
    expect(await Promise.all(usages)).toEqual([{ askedNames: 1 }, { askedNames: 1 }]);
    nowMs = 59_999;
    expect(await compiler.usage()).toEqual({ askedNames: 1 });
    nowMs = 60_000;
    expect(await compiler.usage()).toEqual({ askedNames: 2 });
  });

  it('keeps nobody waiting, and is read anew where it failed', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const { compiler, jobs, open } = gatedJobs(1);
    const often = [{ name: 'a.example', count: 1, gate } as AskedName];
    compiler.askedNames = () => ({ often, seldom: [], queriesASeldom: 0 });
    const first = compiler.usage();
    open(0, DONE);
    expect(await jobs[0]).toEqual({ entries: 1 });
    const opened = new Int32Array(new SharedArrayBuffer(4));
    openGate(opened, DONE);
    const look = compiler.inspect(new Uint8Array(opened.buffer), 'domains');
    expect(await look).toEqual({ entries: 3 });
    expect((await compiler.compile([1, 2], null)).revision).toBe(4);
    openGate(gate, DEATH);
    await expect(first).rejects.toMatchObject({ code: 'COMPILE_FAILED' });
    openGate(gate, DONE);
    expect(await compiler.usage()).toEqual({ askedNames: 5 });
  });
});

test('the death of the thread is the fault of the job that it had', async () => {
  const { jobs, open } = gatedJobs(2);
  open(0, DEATH);
  open(1, DONE);
  await expect(jobs[0]).rejects.toMatchObject({ code: 'COMPILE_FAILED' });
  expect(await jobs[1]).toEqual({ entries: 2 });
});

test('the end of the server ends the jobs that run and those that wait', async () => {
  const { compiler, jobs } = gatedJobs(2);
  const refusals = jobs.map((job) => expect(job).rejects.toMatchObject({ code: 'STOPPING' }));
  await compiler.close();
  await Promise.all(refusals);
});
