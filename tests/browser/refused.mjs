// `<hearback-player>` where there is nothing to play, or not now: a plain sentence, what to do, and no loop of requests.
//
// HEARBACK: the binary; CHROMIUM, FIREFOX, WEBKIT: the browsers; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { describeEmbedded, overlap, PLAY, PLAYER, SHORT, TRY_AGAIN } from './embedding.mjs';

const { SCREENSHOTS } = process.env;
const TIMEOUT_MS = 600_000;
/** Three attempts, the second after 2 s, the third 15 s later. */
const EXHAUSTED_MS = 40_000;
const QUIET_MS = 3_000;
const SOUND_MS = 15_000;
const TEN_DAYS_MS = 10 * 86_400_000;

mkdirSync(SCREENSHOTS, { recursive: true });

/** As the service answers, of its own accord. */
const REFUSALS = [
  {
    what: '404, of a recording that Twilio has no audio of',
    recording: { ...SHORT, status: 'absent' },
    planned: { announce: [{ call: 'completed' }, { recordings: 'absent' }] },
    says: /Twilio kept no audio of this call\./,
    mayRetry: false,
  },
  {
    what: '410, of a recording past its retention',
    recording: SHORT,
    planned: { started_at_ms: Date.now() - TEN_DAYS_MS },
    says: /This recording is past its retention\./,
    mayRetry: false,
  },
  {
    what: '500, of credentials that Twilio refuses',
    recording: { ...SHORT, behaviours: [{ fault: { status: { code: 403 } } }] },
    says: /Twilio refuses our credentials\. An operator/,
    mayRetry: true,
  },
  {
    what: '503, of a recording whose attempts are used up',
    recording: { ...SHORT, behaviours: [{ fault: { status: { code: 503 } } }] },
    says: /The recording could not be fetched so far\./,
    mayRetry: true,
    withinMs: EXHAUSTED_MS,
    checksMax: 12,
  },
];

/** What needs thousands of requests or a database that fails to come about, in the service's own words. */
const PROVOKED = [
  { what: '429', problem: { status: 429, code: 'rate_limited', retryAfter: 1 }, says: /Too many requests in a short time\./ },
  { what: '503', problem: { status: 503, code: 'away', retryAfter: 1 }, says: /The service is busy just now\./ },
  { what: '500', problem: { status: 500, code: 'internal' }, says: /Something is wrong on our side\./ },
];

describeEmbedded('refused', tests, { timeout: TIMEOUT_MS });

function tests(name, scene, world) {
  for (const { what, recording, planned, says, mayRetry, withinMs, checksMax = 2 } of REFUSALS) {
    test(`${name}: ${what}`, async () => {
      const { call } = await scene.showCall(recording, { planned });
      await scene.page.press(PLAY);
      await settles(call, says, { withinMs, checksMax });
      assert.equal(await scene.page.count(TRY_AGAIN), mayRetry ? 1 : 0);
      await scene.page.picture(join(SCREENSHOTS, `refused-${name}-${what.slice(0, 3)}.png`));
    });
  }

  for (const { what, problem, says } of PROVOKED) {
    test(`${name}: ${what} ends in a sentence, and trying again helps once it is over`, async () => {
      const { call } = await scene.showCall(SHORT);
      await world.service.fetched(call);
      scene.gateway.answer(new RegExp(`file/${call}`), problem);
      await scene.page.press(PLAY);
      await scene.page.reads(says, { within: PLAYER, withinMs: EXHAUSTED_MS });
      await scene.becomes('stopped', EXHAUSTED_MS);
      await pause(QUIET_MS);
      assert.ok(scene.checks(call).length <= 8, `${scene.checks(call).length} checks`);
      assert.equal(overlap(scene.checks(call)), false, 'two checks at once');
      scene.gateway.heal();
      await scene.page.press(TRY_AGAIN);
      await scene.page.sounds({ withinMs: SOUND_MS });
    });
  }

  test(`${name}: a token of another business is told that there is no such call`, async () => {
    const { call } = await world.service.placeCall(SHORT);
    const base = `${scene.gateway.url}/`;
    await scene.show(
      `<hearback-player call-sid="${call}" base="${base}" token="${world.service.others_token}"></hearback-player>`,
    );
    await scene.page.press(PLAY);
    await settles(call, /There is no such call\./, { checksMax: 2 });
  });

  /** It says so, stops, and asks for nothing more. */
  async function settles(call, says, { withinMs = 15_000, checksMax }) {
    const { page, gateway } = scene;
    await page.reads(says, { within: PLAYER, withinMs });
    await scene.becomes('stopped');
    assert.equal(await page.count({ role: 'progressbar' }), 0, 'it goes on to look busy');
    const { length } = scene.checks(call);
    assert.ok(length <= checksMax, `${length} checks`);
    assert.equal(overlap(scene.checks(call)), false, 'two checks at once');
    const asked = gateway.count(new RegExp(`file/${call}`));
    await pause(QUIET_MS);
    assert.equal(gateway.count(new RegExp(`file/${call}`)), asked, 'it goes on asking');
  }
}
