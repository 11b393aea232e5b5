// The demo as somebody finds it who opens the one URL that it prints, and presses play.
//
// HEARBACK: the binary; CHROMIUM: the browser; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startChromium } from './engines.mjs';
import { startDemo } from './service.mjs';
import { ROW } from './visiting.mjs';

const { SCREENSHOTS } = process.env;
const PLAY = { role: 'button', name: 'Play' };
/** One second where nothing else runs; this machine may do much else. What it took is printed. */
const SOUND_MS = 15_000;
const END_MS = 20_000;

let demo;
let page;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  demo = await startDemo();
  page = await startChromium();
});

after(async () => {
  await page?.close();
  await demo?.stop();
});

test('the printed URL signs in, says that it is a demo, and shows every call without fetching one', async () => {
  await page.open(`${demo.url}/#token=${demo.operator_token}`);
  await page.sees(ROW);
  assert.equal(await page.count(ROW), demo.calls.length);
  await page.reads(/This is a demo: Twilio is simulated/);
  assert.doesNotMatch(await page.run(() => location.href), /token/);
  assert.equal(await demo.downloads(), 0);
  await page.picture(join(SCREENSHOTS, 'demo.png'));
});

test('a call that nobody has fetched sounds at once, whose first byte takes 300 ms', async () => {
  await page.press({ role: 'button', name: /^Play the call with/ });
  const { sincePressMs } = await page.sounds({ withinMs: SOUND_MS });
  console.log(`demo: sound ${Math.round(sincePressMs)} ms after the press in the list`);
  assert.equal(await demo.downloads(), 1);

  await page.open(`${demo.url}/?again#/calls/${demo.calls[1]}`);
  await page.press(PLAY);
  const again = await page.sounds({ withinMs: SOUND_MS });
  console.log(`demo: sound ${Math.round(again.sincePressMs)} ms after the press in the player`);
});

test('the ten-minute call plays, and near its end too', async () => {
  await page.open(`${demo.url}/?long#/calls`);
  const long = { role: 'listitem', text: /555 0128/ };
  await page.press({ role: 'link', name: /, (Inbound|Outbound), /, within: long });
  await page.press(PLAY);
  await page.sounds({ withinMs: SOUND_MS });
  await page.keys('9');
  await page.sounds({ from: 540, withinMs: END_MS });
});

test('nothing was thrown', () => assert.deepEqual(page.errors, []));
