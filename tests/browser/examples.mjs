// The examples in web/examples, as somebody who copies one would have it: built, opened, and played.
//
// HEARBACK: the binary; CHROMIUM: the browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MODEST, SHORT } from './embedding.mjs';
import { startChromium } from './engines.mjs';
import { startHosts } from './hosts.mjs';
import { startService } from './service.mjs';

const EXAMPLES = fileURLToPath(new URL('../../web/examples', import.meta.url));
const SOUND_MS = 15_000;
const BUILD_MS = 300_000;

let hosts;
let service;
let page;

before(async () => {
  hosts = await startHosts();
  service = await startService({ origins: [hosts.origin] });
  page = await startChromium();
});

after(async () => {
  await page?.close();
  hosts?.close();
  await service?.stop();
});

test('the plain page plays a call by its link', async () => {
  const address = hosts.showFolder('plain', `${EXAMPLES}/plain`, true);
  const link = await newLink();
  await page.open(`${address}?service=${encodeURIComponent(service.url)}&link=${encodeURIComponent(link)}`);
  await page.press({ role: 'button', name: 'Play' });
  await page.sounds({ withinMs: SOUND_MS });
});

for (const name of ['react', 'vue']) {
  test(`the ${name} application builds, plays a call by its link, and hears how it stands`, { timeout: BUILD_MS }, async () => {
    const cwd = `${EXAMPLES}/${name}`;
    await command('npm', ['install', '--silent', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--fetch-retries=5'], cwd);
    await command('npm', ['run', '--silent', 'build', '--', '--base', './'], cwd);
    const address = hosts.showFolder(name, `${cwd}/dist`);
    await page.open(`${address}?link=${encodeURIComponent(await newLink())}`);
    await page.reads(/It is idle\./);
    await page.press({ role: 'button', name: 'Play from here' });
    await page.sounds({ withinMs: SOUND_MS });
    await page.reads(/It is playing\./);
  });
}

test('nothing was thrown, and nothing that a strict policy forbids was tried', () => {
  assert.deepEqual(page.errors, []);
  assert.deepEqual(hosts.violations, []);
});

async function newLink() {
  const { call } = await service.placeCall({ ...SHORT, behaviours: [MODEST] });
  return service.signedLink(call);
}

const command = (program, args, cwd) => promisify(execFile)(program, args, { cwd });
