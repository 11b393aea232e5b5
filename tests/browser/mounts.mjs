// A player that is put into a page and taken out again, many times, while it plays: nothing of it is left behind.
//
// MOUNTS: how many (500 in `make soak`); HEARBACK: the binary; CHROMIUM: the browser, which alone tells its heap.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SHORT } from './embedding.mjs';
import { startChromium } from './engines.mjs';
import { startHosts } from './hosts.mjs';
import { startService } from './service.mjs';

const MOUNTS = Number(process.env.MOUNTS ?? 50);
/** What is made once is made by then: compiled code, caches, styles. */
const WARM = Math.min(100, Math.ceil(MOUNTS / 5));
/** On average: the time that the whole may take. */
const MOUNT_MS_MAX = 5_000;
const SOUND_MS = 30_000;
/** A player that is kept has some hundred nodes, dozens of listeners, and at least this much of a heap. */
const BYTES_PER_MOUNT_MAX = 4_096;
/** Compiled code and the like come and go. */
const NOISE_BYTES = 400_000;
const NOISE_COUNT = 20;
const SETTLE_MS = 1_500;

let hosts;
let service;
let page;

before(async () => {
  hosts = await startHosts();
  service = await startService({ prefix: '/hearback/', origins: [hosts.origin] });
  page = await startChromium();
});

after(async () => {
  await page?.close();
  hosts?.close();
  await service?.stop();
});

test(`${MOUNTS} players that come, play and go leave nothing behind`, { timeout: MOUNTS * MOUNT_MS_MAX }, async () => {
  const { call } = await service.placeCall(SHORT);
  await service.fetched(call);
  await service.understood(call);
  const link = await service.signedLink(call);
  await page.driven.addInitScript(countWhatLives);
  await page.open(hosts.show('<button>Begin</button>', { player: `${service.url}/web/player.js` }));
  // From a person's press on, the page may sound.
  await page.press({ role: 'button', name: 'Begin' });
  const protocol = await page.protocol();
  await protocol.send('Performance.enable');

  let warm = null;
  for (let mounted = 1; mounted <= MOUNTS; mounted++) {
    await page.run(mountPlayAndRemove, { link, withinMs: SOUND_MS });
    if (mounted === WARM) warm = await measured(protocol);
  }
  const end = await measured(protocol);
  console.log(`after ${WARM}: ${JSON.stringify(warm)}\nafter ${MOUNTS}: ${JSON.stringify(end)}`);

  const grown = end.heapBytes - warm.heapBytes;
  assert.ok(grown < NOISE_BYTES + (MOUNTS - WARM) * BYTES_PER_MOUNT_MAX, `the heap grew by ${grown} bytes`);
  for (const what of ['nodes', 'listeners', 'documents', 'timers', 'frames', 'sounds']) {
    assert.ok(end[what] - warm[what] < NOISE_COUNT, `${what}: ${warm[what]}, then ${end[what]}`);
  }
  assert.deepEqual([end.timers, end.frames, end.sounds], [0, 0, 0], 'timers, frames and sounds that live on');
  assert.equal(service.gateway.running(), 0, 'requests go on');
  const asked = service.gateway.count();
  await pause(SETTLE_MS);
  assert.equal(service.gateway.count(), asked, 'it goes on asking');
  assert.deepEqual(page.errors, []);
});

async function measured(protocol) {
  await pause(SETTLE_MS);
  await protocol.send('HeapProfiler.collectGarbage');
  await pause(SETTLE_MS);
  await protocol.send('HeapProfiler.collectGarbage');
  const { metrics } = await protocol.send('Performance.getMetrics');
  const of = (name) => metrics.find((one) => one.name === name).value;
  const living = await page.run(() => window.living());
  return {
    heapBytes: of('JSHeapUsedSize'),
    nodes: of('Nodes'),
    listeners: of('JSEventListeners'),
    documents: of('Documents'),
    ...living,
  };
}

/** In the page, before anything else: what has been begun, and has not ended. */
function countWhatLives() {
  const timers = new Set();
  const frames = new Set();
  const sounds = new Set();
  const { setTimeout, setInterval, clearTimeout, requestAnimationFrame, cancelAnimationFrame, AudioContext } = window;
  window.setTimeout = (task, ms, ...rest) => {
    const id = setTimeout((...given) => (timers.delete(id), task(...given)), ms, ...rest);
    timers.add(id);
    return id;
  };
  window.setInterval = (...given) => {
    const id = setInterval(...given);
    timers.add(id);
    return id;
  };
  window.clearTimeout = window.clearInterval = (id) => (timers.delete(id), clearTimeout(id));
  window.requestAnimationFrame = (task) => {
    const id = requestAnimationFrame((now) => (frames.delete(id), task(now)));
    frames.add(id);
    return id;
  };
  window.cancelAnimationFrame = (id) => (frames.delete(id), cancelAnimationFrame(id));
  window.AudioContext = class extends AudioContext {
    constructor(...given) {
      super(...given);
      sounds.add(this);
    }
    close() {
      sounds.delete(this);
      return super.close();
    }
  };
  window.living = () => ({ timers: timers.size, frames: frames.size, sounds: sounds.size });
}

/** In the page: resolves once it has played and is gone. */
async function mountPlayAndRemove({ link, withinMs }) {
  looking.media.clear();
  const player = document.createElement('hearback-player');
  player.setAttribute('link', link);
  document.querySelector('main').append(player);
  const until = async (isSo, what) => {
    const deadline = performance.now() + withinMs;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`${what}: ${looking.outline()}`);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  };
  const button = () => looking.first({ role: 'button', name: 'Play', within: 'hearback-player' });
  await until(button, 'no button');
  button().click();
  await until(() => player.getAttribute('state') === 'playing', 'no sound');
  player.remove();
  looking.media.clear();
}
