// Programs that a test starts, hears from, and ends; and where they may listen.

import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

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
