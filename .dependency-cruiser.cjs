/**
 * The floors (DESIGN section 11): imports go down, or sideways where a rule names it.
 * `test/floors.test.ts` plants a violation and checks that this file finds it.
 */
const FLOORS = [
  ['lib'],
  ['dns'],
  ['blocklist', 'policy', 'cache'],
  ['resolver'],
  ['transport', 'upstream', 'sealing'],
  ['worker', 'compiler', 'store', 'lists', 'query-log', 'config'],
  ['supervisor'],
  ['api', 'block-page', 'console', 'metrics'],
  ['cli'],
];

/** Sideways imports that are allowed, each with its reason in an ADR or in DESIGN. */
const SIDEWAYS = {
  policy: ['blocklist'],
  cache: ['blocklist'],
  lists: ['store'],
  compiler: ['store', 'lists'],
  store: ['config'],
  'query-log': ['store'],
  worker: ['config'],
  api: ['metrics'],
};

const path = (folders) => `^src/(${folders.join('|')})/`;

const floorRules = FLOORS.flatMap((folders, floor) =>
  folders.map((folder) => {
    const forbidden = FLOORS.slice(floor)
      .flat()
      .filter((other) => other !== folder && !(SIDEWAYS[folder] ?? []).includes(other));
    return {
      name: `floor-${floor}-${folder}`,
      severity: 'error',
      comment: `${folder} is on floor ${floor}: it imports what is below it`,
      from: { path: path([folder]) },
      to: { path: `${path(forbidden)}|^src/main\\.ts$` },
    };
  }),
);

module.exports = {
  forbidden: [
    ...floorRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'floors-0-to-3-are-pure',
      severity: 'error',
      comment: 'no Node module and no package in floors 0 to 3',
      from: { path: path(FLOORS.slice(0, 4).flat()) },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown'],
      },
    },
    {
      name: 'worker-reaches-no-control-plane',
      severity: 'error',
      comment: 'the data plane never reaches store, API or disk',
      from: { path: '^src/worker/worker\\.ts$' },
      to: {
        path: '^src/(store|lists|api|cli|supervisor)/|better-sqlite3|fastify',
        reachable: true,
      },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
