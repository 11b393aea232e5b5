// The page that describes the interface, below a path prefix, wide and as a phone shows it: it is tried by pressing its
// buttons, and loads nothing from elsewhere.
//
// HEARBACK: the binary; CHROMIUM: the browser; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startChromium } from './engines.mjs';
import { startService } from './service.mjs';

const { SCREENSHOTS } = process.env;
const TIMEOUT_MS = 120_000;
/** A megabyte and a half of somebody else's script, on a machine that does other things too. */
const SHOWN_MS = 60_000;
const PHONE = { width: 390, height: 844 };
const WIDE = { width: 1440, height: 900 };

let service;
let page;
const asked = [];

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  service = await startService({ prefix: '/hearback/' });
  page = await startChromium({ viewport: WIDE });
  page.driven.on('request', (request) => asked.push(request.url()));
});

after(async () => {
  await page?.close();
  await service?.stop();
});

test('every route is described, and can be tried by whoever has a token', { timeout: TIMEOUT_MS }, async () => {
  await page.open(`${service.url}/docs`);
  await page.sees({ text: '/api/recordings/file/{call_sid}' }, { withinMs: SHOWN_MS });
  const description = await (await fetch(`${service.url}/openapi.json`)).json();
  const operations = Object.values(description.paths).flatMap(Object.keys);
  assert.equal(await page.count({ selector: '.opblock' }), operations.length);
  await page.picture(join(SCREENSHOTS, 'described-wide.png'));

  await page.press({ role: 'button', name: /^Authorize/ });
  await page.fill({ selector: '#auth-bearer-value' }, service.agent_token);
  await page.press({ selector: '.auth-btn-wrapper .authorize' });
  await page.press({ selector: '.auth-btn-wrapper .btn-done' });
  const calls = '#operations-calls-get_api_calls';
  await page.press({ selector: `${calls} .opblock-summary-control` });
  await page.press({ selector: `${calls} .execute` });
  await page.reads(/"calls": \[/, { within: { selector: `${calls} .live-responses-table` }, withinMs: SHOWN_MS });
  await page.picture(join(SCREENSHOTS, 'described-tried.png'));
});

test('on a phone nothing sticks out', { timeout: TIMEOUT_MS }, async () => {
  await page.resize(PHONE);
  await page.open(`${service.url}/docs?phone`);
  await page.sees({ text: '/api/recordings/file/{call_sid}' }, { withinMs: SHOWN_MS });
  await page.picture(join(SCREENSHOTS, 'described-phone.png'));
  const [width, shown] = await page.run(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= shown, `${width} px on a screen of ${shown}`);
});

test('nothing came from elsewhere, and the policy had nothing to forbid', () => {
  const foreign = asked.filter((url) => !url.startsWith(`${service.url}/`) && !url.startsWith('data:'));
  assert.deepEqual(foreign, []);
  assert.ok(asked.length > 5);
  assert.deepEqual(page.errors, []);
  assert.deepEqual(service.gateway.violations, []);
});
