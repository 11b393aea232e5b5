// Programs that a test starts, hears from, and ends; and where they may listen.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const running = new Set();

// A test that fails while it begins must not leave programs behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** `spawn`, of a program that does not outlive us. */
export function started(command, args, options) {
  const child = spawn(command, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** The first line of what `child` writes into `stream`, which is how it says that it is there. */
export function firstLine(child, stream, timeoutMs) {
  const name = child.spawnfile;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name} said nothing in ${timeoutMs} ms`)), timeoutMs);
    createInterface(stream).once('line', (line) => {
      clearTimeout(timer);
      resolve(line);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
}

export function stopped(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  return ended;
}

/** For programs that cannot choose one and tell. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
