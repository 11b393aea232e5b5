// A recording that nobody has fetched, in every engine: it plays and is sought while it arrives.
//
// HEARBACK: the binary; CHROMIUM, FIREFOX, WEBKIT: the browsers; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engines } from './engines.mjs';
import * as player from './plain-audio.mjs';
import { startDemo } from './service.mjs';

const { SCREENSHOTS } = process.env;
const FIRST_BYTE_MS = 300;
/** As fast as it plays, and a fifth faster. */
const BARELY_FASTER = { first_byte_ms: FIRST_BYTE_MS, bit_rate_percent: 120 };
/** Two voices, 64 kbit/s, as Twilio sends them. */
const SHORT = { audio: { script: 'clinic-appointment' }, channels: 2 };
const SHORT_SECONDS = 25.97;
const LONG = { audio: { script: 'long-diagnosis' }, channels: 2 };
const LONG_SECONDS = 600;
/** The whole in 20 seconds, so that what is minutes ahead is soon awaited long enough. */
const THIRTY_TIMES = { first_byte_ms: FIRST_BYTE_MS, bit_rate_percent: 3000 };
/** Engines trim the encoder's delay, or not. */
const DURATION_TOLERANCE_SECONDS = 0.3;
/** What an engine gathers before it begins is its own affair; this much must be left to come. */
const BEGINS_BEFORE = 0.75;
const SOUND_MS = 30_000;
const LANDS_MS = 15_000;
const ARRIVES_MS = 40_000;
const SLACK_MS = 4_000;
const END_SLACK_MS = 30_000;
const TIMEOUT_MS = 600_000;

let demo;
let elsewhere;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  [demo, elsewhere] = await Promise.all([startDemo(), startEmptyPage()]);
});

after(async () => {
  await demo?.stop();
  elsewhere?.close();
});

describe('cold', { concurrency: true, timeout: TIMEOUT_MS }, () => {
  for (const [name, start] of Object.entries(engines)) describe(name, { concurrency: 1 }, () => cold(name, start));
});

function cold(name, start) {
  let engine;
  before(async () => (engine = await start()));
  after(() => engine?.close());

  test(`${name} plays a recording through while it arrives at 1.2 times its bit rate`, async () => {
    const { call, recording } = await demo.placeCall({ ...SHORT, behaviours: [BARELY_FASTER] });
    await engine.open(elsewhere.url);
    await engine.run(player.show, await demo.signedLink(call));
    await engine.press('#play');
    const began = await engine.run(player.untilAt, { second: 0.1, withinMs: SOUND_MS });
    const share = await arriving(call);
    assert.ok(share < BEGINS_BEFORE, `it begins when ${share} of it is here`);
    await engine.picture(join(SCREENSHOTS, `cold-${name}.png`));

    const end = await engine.run(player.untilEnded, { withinMs: SHORT_SECONDS * 1000 + END_SLACK_MS });
    assert.deepEqual(end.errors, []);
    assert.ok(Math.abs(end.duration - SHORT_SECONDS) < DURATION_TOLERANCE_SECONDS, `it lasts ${end.duration} s`);
    assert.ok(Math.abs(end.second - end.duration) < DURATION_TOLERANCE_SECONDS, `it ends at ${end.second} s`);
    const tookMs = end.atMs - began.atMs;
    assert.ok(tookMs > SHORT_SECONDS * 1000 - SLACK_MS, `it skips: ${tookMs} ms`);
    assert.equal(await demo.downloads(recording), 1);
    console.log(`${name}: sound after ${began.atMs} ms with ${percent(share)} here; through ${tookMs} ms later`);
  });

  test(`${name} seeks forward in what is here and in what is not, while it arrives at that rate`, async () => {
    const { call, recording } = await demo.placeCall({ ...SHORT, behaviours: [BARELY_FASTER] });
    await engine.open(demo.url);
    await engine.run(player.signIn, demo.agent_token);
    await engine.run(player.show, `/api/recordings/file/${call}`);
    await engine.press('#play');
    await engine.run(player.untilAt, { second: 1.5, withinMs: SOUND_MS });

    const near = 3;
    assert.ok((await arriving(call)) * SHORT_SECONDS > near + 1, 'that is not here yet');
    const soon = await seek(near, LANDS_MS);
    const far = 23;
    assert.ok((await arriving(call)) * SHORT_SECONDS < far - 1, 'that is here already');
    const later = await seek(far, ARRIVES_MS);

    const end = await engine.run(player.untilEnded, { withinMs: SOUND_MS });
    assert.deepEqual(end.errors, []);
    assert.equal(await demo.downloads(recording), 1);
    console.log(`${name}: lands after ${soon} ms in what is here, after ${later} ms in what is not`);
  });

  test(`${name} seeks minutes ahead of a download, and plays on from there to the end`, async () => {
    const { call, recording } = await demo.placeCall({ ...LONG, behaviours: [THIRTY_TIMES] });
    await engine.open(elsewhere.url);
    await engine.run(player.show, await demo.signedLink(call));
    await engine.press('#play');
    await engine.run(player.untilAt, { second: 0.5, withinMs: SOUND_MS });
    const ahead = 500;
    assert.ok((await arriving(call)) * LONG_SECONDS < ahead - 60, 'that is here already');
    const later = await seek(ahead, ARRIVES_MS);
    await engine.picture(join(SCREENSHOTS, `cold-${name}-sought.png`));

    await seek(LONG_SECONDS - 10, ARRIVES_MS);
    const end = await engine.run(player.untilEnded, { withinMs: SOUND_MS });
    assert.deepEqual(end.errors, []);
    assert.equal(await demo.downloads(recording), 1);
    console.log(`${name}: ${ahead} s ahead of the first sound lands after ${later} ms`);
  });

  /** Milliseconds until it has landed and plays on from there. */
  async function seek(second, withinMs) {
    const { tookMs, landed, unseenSeconds } = await engine.run(player.seek, { second, withinMs });
    const beyond = landed - second;
    assert.ok(beyond > -1 && beyond < 1 + unseenSeconds, `it lands at ${landed} s instead of ${second} s`);
    return tookMs;
  }
}

/** The share that is here of what is still being downloaded. */
async function arriving(call) {
  const { state, received_bytes, total_bytes } = await demo.status(call);
  assert.equal(state, 'downloading');
  return received_bytes / total_bytes;
}

const percent = (share) => `${Math.round(share * 100)} %`;

/** Where a team's own web application would be: at another origin. */
async function startEmptyPage() {
  const server = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<!doctype html><title>Elsewhere</title><body></body>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}
