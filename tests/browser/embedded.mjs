// `<hearback-player>` in a page of somebody else's, at another origin, by a signed link alone: what a listener does.
//
// HEARBACK: the binary; CHROMIUM, FIREFOX, WEBKIT: the browsers; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  describeEmbedded,
  FIRST_BYTE_MS,
  jumps,
  MODEST,
  overlap,
  PAUSE,
  PLAY,
  PLAYER,
  POSITION,
  SHORT,
  SHORT_SECONDS,
  trackSound,
} from './embedding.mjs';
import { until } from './service.mjs';

const { SCREENSHOTS } = process.env;
const TIMEOUT_MS = 600_000;
/** Bounds of a machine that does six things at once; what it took is printed. WebKitGTK gathers half of a short recording before it begins. */
const SOUND_MS = 30_000;
const LANDS_MS = 8_000;
const QUIET_MS = 3_000;

/** Time runs from left to right in both. */
const LANGUAGES = [
  { language: 'en', direction: 'ltr', play: 'Play', position: 'Position' },
  { language: 'he', direction: 'rtl', play: 'ניגון', position: 'מיקום' },
];

mkdirSync(SCREENSHOTS, { recursive: true });

describeEmbedded('embedded', tests, { timeout: TIMEOUT_MS });

function tests(name, scene, world) {

  test(`${name}: nothing is fetched until play is pressed; then it is seen to arrive, sounds, and plays to its end`, async () => {
    const behaviours = [{ first_byte_ms: FIRST_BYTE_MS, bytes_per_second: 60_000 }];
    const { call, recording } = await scene.showCall({ ...SHORT, behaviours });
    const { page } = scene;
    await page.sees(PLAY);
    await pause(QUIET_MS / 3);
    assert.equal(await scene.state(), 'idle');
    assert.deepEqual(scene.audio(call), []);
    assert.equal(await world.service.downloads(recording), 0);

    await page.press(PLAY);
    const { sincePressMs } = await page.sounds({ withinMs: SOUND_MS });
    console.log(`${name}: sound ${Math.round(sincePressMs)} ms after the press, its first byte after ${FIRST_BYTE_MS} ms`);
    await scene.becomes('playing');
    await page.picture(join(SCREENSHOTS, `embedded-${name}.png`));
    await showsDuration(page);
    await page.press(POSITION, { at: { x: 0.9, y: 0.5 } });
    await page.until(() => looking.media.size > 0 && [...looking.media].every(({ ended }) => ended), null, {
      what: 'it ends',
      withinMs: SHORT_SECONDS * 1000,
    });
    await page.sees(PLAY);
    assert.equal(await world.service.downloads(recording), 1);
    await assertSound(scene, world);
  });

  test(`${name}: what comes slowly says how far it is until it sounds`, async () => {
    const behaviours = [{ first_byte_ms: FIRST_BYTE_MS, bytes_per_second: 6_000 }];
    await scene.showCall({ ...SHORT, behaviours });
    await scene.page.press(PLAY);
    const said = await scene.page.reads(/[1-9]\d* ?%|\d+:\d\d of 0:2\d|\d+ s of \d+ s/, { within: 'hearback-notice', withinMs: SOUND_MS });
    console.log(`${name}: "${said}"`);
    await scene.page.sounds({ from: 1, withinMs: 60_000 });
  });

  test(`${name}: a click and a drag on the waveform seek, in either reading direction`, async () => {
    const { page } = scene;
    for (const { language, direction, play, position } of LANGUAGES) {
      const { call } = await scene.showCall(SHORT, { language, direction });
      await world.service.fetched(call);
      await page.press({ role: 'button', name: play });
      await page.sounds({ withinMs: SOUND_MS });
      await showsDuration(page);
      const slider = { role: 'slider', name: position };
      await page.press(slider, { at: { x: 0.5, y: 0.5 } });
      await page.sounds({ from: SHORT_SECONDS * 0.5 - 1, to: SHORT_SECONDS * 0.5 + 3, withinMs: LANDS_MS });
      await page.drag(slider, 0.5, 0.2);
      await page.sounds({ from: SHORT_SECONDS * 0.2 - 1, to: SHORT_SECONDS * 0.2 + 3, withinMs: LANDS_MS });
      await page.picture(join(SCREENSHOTS, `embedded-${name}-${language}.png`));
    }
  });

  test(`${name}: all of it goes by keyboard alone`, async () => {
    const { call } = await scene.showCall(SHORT);
    const { page } = scene;
    await world.service.fetched(call);
    await page.reach(POSITION);
    await page.reach(PLAY);
    await page.keys('Space');
    await page.sounds({ withinMs: SOUND_MS });
    await showsDuration(page);
    await page.keys('5');
    await page.sounds({ from: SHORT_SECONDS / 2 - 0.5, to: SHORT_SECONDS / 2 + 3, withinMs: LANDS_MS });
    await leaps(page, 'j', -10);
    await leaps(page, 'l', 10);
    await leaps(page, 'ArrowLeft', -5);
    await page.keys('>');
    await page.until(() => looking.sound()?.rate === 1.25, null, { what: 'it plays faster' });
    await page.keys('k');
    await page.until(() => looking.sound()?.isPaused, null, { what: 'it pauses' });
    await scene.becomes('paused');
    await page.keys('<', 'k');
    await page.until(() => looking.sound()?.rate === 1 && !looking.sound().isPaused, null, { what: 'it plays on' });
  });

  test(`${name}: what is not there yet is asked for when the service said, by one check at a time, and then plays`, async () => {
    const { call, recording } = await scene.showCall({ ...SHORT, behaviours: [{ first_byte_ms: 9_000 }] });
    await scene.page.press(PLAY);
    await scene.becomes('preparing');
    await scene.page.sounds({ withinMs: 15_000 + SOUND_MS });
    const checks = scene.checks(call);
    assert.ok(checks.some(({ status }) => status === 202), `no check was told to wait: ${statuses(checks)}`);
    assert.equal(overlap(checks), false, 'two checks at once');
    assert.ok(checks.length <= 6, `${checks.length} checks in nine seconds`);
    assert.equal(await world.service.downloads(recording), 1);
  });

  test(`${name}: a connection that is cut in mid-play goes on at the same second`, async () => {
    const { call } = await scene.showCall({ ...SHORT, behaviours: [MODEST] });
    const { page, gateway } = scene;
    gateway.cut(new RegExp(`file/${call}`), 70_000, 2);
    await page.run(trackSound);
    await page.press(PLAY);
    await page.sounds({ from: 16, withinMs: 60_000 });
    assert.deepEqual(await jumps(page), []);
    gateway.heal();
    await assertSound(scene, world);
  });

  test(`${name}: a server that is away for some seconds is waited for, and play goes on at the same second`, async () => {
    const { call } = await scene.showCall({ ...SHORT, behaviours: [{ ...MODEST, bytes_per_second: 12_000 }] });
    const { page, gateway } = scene;
    await page.run(trackSound);
    await page.press(PLAY);
    await page.sounds({ from: 2, withinMs: 40_000 });
    await gateway.goAway();
    await pause(6_000);
    await gateway.comeBack();
    await page.sounds({ from: 20, withinMs: 60_000 });
    assert.deepEqual(await jumps(page), []);
    assert.equal(overlap(scene.checks(call)), false, 'two checks at once');
    assert.ok(scene.audio(call).length < 30, `${scene.audio(call).length} requests`);
  });

  test(`${name}: a link that expires in mid-play is renewed by the page, and play goes on at the same second`, async () => {
    const script = `
      const player = document.querySelector('hearback-player');
      window.renewals = 0;
      player.addEventListener('hearback-link-expired', ({ detail }) => {
        window.renewals += 1;
        detail.renewWith(fetch('/renew/CALL').then((answer) => answer.text()));
      });`;
    const placed = await world.service.placeCall({ ...SHORT, behaviours: [{ ...MODEST, bytes_per_second: 9_000 }] });
    const link = await scene.linkTo(placed.call, 3);
    const body = `<hearback-player link="${link.replaceAll('&', '&amp;')}"></hearback-player>`;
    await scene.show(body, { script: script.replace('CALL', `${scene.name}/${placed.call}`) });
    const { page, gateway } = scene;
    await page.run(trackSound);
    await page.press(PLAY);
    await page.sounds({ from: 4, withinMs: 40_000 });
    await gateway.resetAll();
    await page.sounds({ from: 18, withinMs: 60_000 });
    assert.deepEqual(await jumps(page), []);
    const renewals = await page.run(() => renewals);
    assert.ok(renewals >= 1 && renewals <= 3, `${renewals} renewals`);
  });

  test(`${name}: what is removed from the page asks for nothing any more, and makes no sound`, async () => {
    const { call } = await scene.showCall({ ...SHORT, behaviours: [{ ...MODEST, bytes_per_second: 9_000 }] });
    const { page, gateway } = scene;
    await page.press(PLAY);
    await page.sounds({ withinMs: 40_000 });
    const ofCall = new RegExp(call);
    assert.ok(gateway.running(ofCall) > 0, 'nothing runs while it arrives');
    await page.run(() => document.querySelector('hearback-player').remove());
    await until(async () => gateway.running(ofCall) === 0, 'requests end', 30_000);
    assert.ok(await page.run(() => [...looking.media].every((one) => one.paused)), 'it goes on to sound');
    const asked = gateway.count(ofCall);
    await pause(QUIET_MS);
    assert.equal(gateway.count(ofCall), asked, 'it goes on asking');
    assert.equal(gateway.running(ofCall), 0);
  });

  test(`${name}: of two players each plays its own call`, async () => {
    const [first, second] = await Promise.all([world.service.placeCall(SHORT), world.service.placeCall(SHORT)]);
    const tags = [first, second].map(async ({ call }, index) => {
      await world.service.fetched(call);
      const link = (await scene.linkTo(call)).replaceAll('&', '&amp;');
      return `<hearback-player id="p${index}" link="${link}" panels=""></hearback-player>`;
    });
    await scene.show((await Promise.all(tags)).join(''));
    const { page } = scene;
    await page.press({ ...PLAY, within: '#p0' });
    await page.sees('#p0[state="playing"]', { withinMs: SOUND_MS });
    assert.deepEqual(scene.audio(second.call), [], 'the other one fetches too');
    await page.press({ ...PLAY, within: '#p1' });
    await page.sees('#p1[state="playing"]', { withinMs: SOUND_MS });
    await page.press({ ...PAUSE, within: '#p1' });
    await page.sees('#p1[state="paused"]');
    assert.ok(scene.audio(first.call).length > 0 && scene.audio(second.call).length > 0);
  });
}

const statuses = (requests) => requests.map(({ status }) => status).join(', ');

/** Before that nobody can say where half of it is. */
const showsDuration = (page) => page.reads(/\/ 0:2\d/, { within: PLAYER });

/** A key leads so many seconds on or back, which playing on would not. */
async function leaps(page, key, bySeconds) {
  // Once it sounds where the last one led.
  const arrived = await page.sound();
  await page.sounds({ from: arrived.second + 0.3, withinMs: LANDS_MS });
  await page.keys(key);
  const { pressedSecond } = await page.sound();
  const lands = pressedSecond + bySeconds;
  const bounds = bySeconds > 0 ? { from: lands - 0.5 } : { to: lands + 0.5 };
  await page.sounds({ ...bounds, withinMs: LANDS_MS });
}

/** Nothing was thrown, and nothing that a strict policy forbids was tried. */
async function assertSound({ page }, { hosts }) {
  assert.deepEqual(await page.run(() => window.failures), []);
  assert.deepEqual(hosts.violations, []);
}
