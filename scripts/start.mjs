/**
 * `npm start`: installs what is missing, builds what is stale, then becomes the server.
 * Options go through: `npm start -- --listen 127.0.0.1:5353`.
 */
import { spawn } from 'node:child_process';
import { ensureBuilt } from './ensure-built.mjs';

ensureBuilt();
const program = ['--single-threaded-gc', 'dist/main.js', 'serve'];
const server = spawn(process.execPath, [...program, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => server.kill(signal));
server.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
