// The demo in a real browser: what somebody who opens the page and presses play gets to see and hear.
//
// HEARBACK: the binary; CHROMIUM: the browser; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { chromiumFlags } from './engines.mjs';
import { startDemo } from './service.mjs';

const { CHROMIUM, SCREENSHOTS } = process.env;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const SOUND_MS = 10_000;
/** Long enough for a page that asks too much to be caught at it. */
const OBSERVED_MS = 3_000;
/** Longer than the slowest of the page's pollers pauses. */
const SILENT_MS = 6_000;
/** Bytes per second at which a download can be watched, whatever else the machine does. */
const WATCHABLE = 60_000;
const QUICK = 1_000_000;

let demo;
let browser;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  demo = await startDemo();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: chromiumFlags() });
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('opening the list shows every call and fetches no audio', async () => {
  const { page, seen } = await open({ token: demo.operator_token });
  assert.equal(await page.locator('.call').count(), demo.calls.length);
  assert.equal(await page.locator('.chip[data-state="absent"]').first().isVisible(), true);
  assert.equal(await page.locator('#live').isVisible(), true);
  assert.ok(!page.url().includes('token'), 'the token stayed in the address');
  await page.waitForTimeout(OBSERVED_MS);
  assert.deepEqual(seen.audio(), []);
  assert.equal(await demo.downloads(), 0);
  await picture(page, 'wide-light');
  await end(page, seen);
});

test('a cold call is seen to arrive, sounds, goes on while the page is redrawn, and can be sought', async () => {
  const { page, seen } = await open({ token: demo.operator_token, colorScheme: 'dark' });
  const { row, audio, sid } = await recording(page, 0);
  await demo.behave(sid, [{ first_byte_ms: 300, bytes_per_second: WATCHABLE }]);
  const states = await statesOf(row);

  await press(audio);
  await row.locator('.progress-text', { hasText: '%' }).waitFor();
  await picture(page, 'wide-dark-downloading');
  const waitedMs = await sounds(audio, SOUND_MS);
  console.log(`sound ${waitedMs} ms after the press, at ${WATCHABLE} bytes per second`);
  await row.locator('.chip[data-state="ready"]').waitFor();
  assert.deepEqual(await states(), ['absent', 'downloading', 'ready']);

  const redrawn = await page.locator('#live-clock').getAttribute('datetime');
  await page.waitForFunction((was) => document.querySelector('#live-clock').dateTime !== was, redrawn);
  await advances(audio);
  await seek(audio, 0.6);
  assert.equal(await demo.downloads(sid), 1);
  await picture(page, 'wide-dark-playing');
  await end(page, seen);
});

test('what was fetched once plays at once, on a phone and for an agent too', async () => {
  const { page, seen } = await open({ token: demo.agent_token, viewport: PHONE });
  const { row, audio, sid } = await recording(page, 0);
  await row.locator('.chip[data-state="ready"]').waitFor();
  const before = await demo.downloads(sid);
  await press(audio);
  await sounds(audio, SOUND_MS);
  assert.equal(await demo.downloads(sid), before);
  assert.equal(await page.locator('#live').isVisible(), false);
  assert.equal(await page.locator('#live-hint').isVisible(), true);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'scrolls sideways');
  await picture(page, 'phone-light');
  await end(page, seen);
});

test('an agent sees a cold call arrive', async () => {
  const { page, seen } = await open({ token: demo.agent_token });
  const { row, audio, sid } = await recording(page, 2);
  await demo.behave(sid, [{ first_byte_ms: 300, bytes_per_second: WATCHABLE / 2 }]);
  const states = await statesOf(row);
  await press(audio);
  await row.locator('.progress-text', { hasText: '%' }).waitFor();
  await sounds(audio, SOUND_MS);
  await row.locator('.chip[data-state="ready"]').waitFor();
  assert.deepEqual(await states(), ['absent', 'downloading', 'ready']);
  await end(page, seen);
});

test('the ten-minute call plays, and seeking lands near its end', async () => {
  const { page, seen } = await open({ token: demo.operator_token });
  const { row, audio, sid } = await recording(page, await longest(page));
  await demo.behave(sid, [{ first_byte_ms: 300, bytes_per_second: QUICK }]);
  await press(audio);
  await sounds(audio, SOUND_MS);
  assert.ok((await audio.evaluate((one) => one.duration)) > 590);
  await seek(audio, 0.9);
  await row.locator('.chip[data-state="ready"]').waitFor();
  await end(page, seen);
});

test('a recording that Twilio refuses says why and what comes next, and is asked for once; signed out, the page is silent', async () => {
  const { page, seen } = await open({ token: demo.operator_token });
  const { row, audio, sid } = await recording(page, 1);
  await demo.behave(sid, [{ fault: { status: { code: 403 } } }]);
  await press(audio);
  const fault = row.locator('.fault');
  await fault.getByText('Next:').waitFor();
  assert.match(await fault.innerText(), /could not be fetched.*refuses.*403.*Next: .*Try again/s);
  await page.waitForTimeout(OBSERVED_MS);
  assert.equal(seen.audio().length, 1);
  assert.equal(await demo.downloads(sid), 1);
  await picture(page, 'wide-light-refused');

  await page.locator('#sign-out').click();
  await page.locator('#sign-in').waitFor();
  const asked = seen.requests.length;
  await page.waitForTimeout(SILENT_MS);
  assert.equal(seen.requests.length, asked, 'the page goes on asking after sign-out');
  await page.context().close();
});

async function open({ token, viewport = WIDE, colorScheme = 'light' }) {
  const context = await browser.newContext({ viewport, colorScheme, locale: 'en-US' });
  const page = await context.newPage();
  const seen = watch(page);
  await page.goto(`${demo.url}/#token=${token}`);
  await page.locator('.call').first().waitFor();
  return { page, seen };
}

function watch(page) {
  const seen = { requests: [], errors: [], audio: () => seen.requests.filter((url) => url.includes('/api/recordings/file/')) };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') seen.errors.push(message.text());
  });
  return seen;
}

async function end(page, seen) {
  await page.context().close();
  assert.deepEqual(seen.errors, []);
}

async function recording(page, index) {
  const row = page.locator('.recording').nth(index);
  const audio = row.locator('audio');
  const address = new URL(await audio.getAttribute('src'), demo.url);
  return { row, audio, sid: address.searchParams.get('recording') };
}

const longest = (page) =>
  page.locator('.recording').evaluateAll((rows) => rows.findIndex((row) => row.textContent.includes('10:00')));

/** Every state that the row's badge shows from now on. */
async function statesOf(row) {
  const handle = await row.locator('.chip').evaluateHandle((chip) => {
    const states = [chip.dataset.state];
    new MutationObserver(() => states.push(chip.dataset.state)).observe(chip, { attributeFilter: ['data-state'] });
    return states;
  });
  return () => handle.jsonValue();
}

/** On the play button of the browser's own controls. */
async function press(audio) {
  await audio.scrollIntoViewIfNeeded();
  const { height } = await audio.boundingBox();
  await audio.evaluate((one) => (one.pressedMs = performance.now()));
  await audio.click({ position: { x: height / 2, y: height / 2 } });
}

/** Milliseconds from the press to sound. */
const sounds = (audio, timeoutMs) =>
  audio.evaluate(
    (one, timeout) =>
      new Promise((resolve, reject) => {
        const check = () => one.currentTime > 0 && resolve(Math.round(performance.now() - one.pressedMs));
        one.addEventListener('timeupdate', check);
        setTimeout(() => reject(new Error(`no sound in ${timeout} ms; ${one.error?.message}`)), timeout);
        check();
      }),
    timeoutMs,
  );

async function advances(audio) {
  const from = await audio.evaluate((one) => one.currentTime);
  await audio.evaluate(
    (one, start) =>
      new Promise((resolve, reject) => {
        one.addEventListener('timeupdate', () => one.currentTime > start + 0.5 && resolve());
        setTimeout(() => reject(new Error(`stuck at ${one.currentTime} s`)), 5000);
      }),
    from,
  );
}

async function seek(audio, share) {
  const target = await audio.evaluate(async (one, part) => {
    const second = one.duration * part;
    const sought = new Promise((resolve, reject) => {
      one.addEventListener('seeked', resolve, { once: true });
      setTimeout(() => reject(new Error('the seek does not land')), 5000);
    });
    one.currentTime = second;
    await sought;
    return second;
  }, share);
  await advances(audio);
  assert.ok((await audio.evaluate((one) => one.currentTime)) >= target);
}

const picture = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
