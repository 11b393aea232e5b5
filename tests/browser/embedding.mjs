// The set-up of the player's tests: a service, a team's own pages at another origin, and for each engine a page and a
// gateway of its own, so that what fails in one goes unnoticed by the others.

import { after, before, describe } from 'node:test';
import { engines } from './engines.mjs';
import { startHosts } from './hosts.mjs';
import { startService } from './service.mjs';

/** Two voices, 26 s, 64 kbit/s. */
export const SHORT = { audio: { script: 'clinic-appointment' }, channels: 2 };
export const SHORT_SECONDS = 25.97;
/** Ten minutes. */
export const LONG = { audio: { script: 'long-diagnosis' }, channels: 2 };
/** What the simulator needs to find a recording, and a line of two and a half times its bit rate. */
export const FIRST_BYTE_MS = 300;
export const MODEST = { first_byte_ms: FIRST_BYTE_MS, bytes_per_second: 20_000 };

export const PLAYER = 'hearback-player';
export const PLAY = { role: 'button', name: 'Play' };
export const PAUSE = { role: 'button', name: 'Pause' };
export const POSITION = { role: 'slider', name: 'Position' };
export const TRY_AGAIN = { role: 'button', name: /^Try again/ };

/** Has `tests(name, scene)` define each engine's tests; `scene` is complete once they run. Engines run side by side. */
export function describeEmbedded(what, tests, { timeout, ...options } = {}) {
  const world = { scenes: new Map() };
  before(async () => {
    world.hosts = await startHosts();
    world.service = await startService({ prefix: '/hearback/', origins: [world.hosts.origin], ...options });
    world.hosts.renewBy((path) => {
      const [name, call] = path.split('/');
      return world.scenes.get(name).linkTo(call);
    });
  });
  after(async () => {
    world.hosts?.close();
    await world.service?.stop();
  });
  describe(what, { concurrency: true, timeout }, () => {
    for (const [name, start] of Object.entries(engines)) {
      describe(name, { concurrency: 1 }, () => {
        const scene = sceneOf(name, world);
        world.scenes.set(name, scene);
        before(() => scene.begin(start));
        after(() => scene.end());
        tests(name, scene, world);
      });
    }
  });
  return world;
}

function sceneOf(name, world) {
  const scene = {
    name,
    async begin(start) {
      scene.page = await start();
      scene.gateway = await world.service.openGateway();
    },
    async end() {
      await scene.page?.close();
      await scene.gateway?.close();
    },
    /** As the service signs it, by way of this scene's gateway. */
    async linkTo(call, seconds) {
      const link = await world.service.signedLink(call, seconds);
      return link.replace(world.service.url, scene.gateway.url);
    },
    /** Opens a page of the team with this in its body: `call` is the call that is to be played. */
    async show(body, { script, language, direction } = {}) {
      const player = `${scene.gateway.url}/web/player.js`;
      await scene.page.open(world.hosts.show(body, { script, language, direction, player }));
      await scene.page.until(() => customElements.get('hearback-player') !== undefined, null, { what: 'the module runs' });
    },
    /** A call that nobody has fetched, in a page that has nothing but a link to it. */
    async showCall(recording, { planned, seconds, attributes = '', ...options } = {}) {
      const placed = await world.service.placeCall(recording, planned);
      const link = await scene.linkTo(placed.call, seconds);
      await scene.show(`<hearback-player link="${link.replaceAll('&', '&amp;')}" ${attributes}></hearback-player>`, options);
      return placed;
    },
    state: () => scene.page.attribute(PLAYER, 'state'),
    becomes: (name, withinMs = 30_000) =>
      scene.page.sees(`${PLAYER}[state="${name}"]`, { withinMs }),
    /** Requests that ask whether there is something to play: each for two bytes. */
    checks: (call) => audioOf(scene, call).filter(({ range }) => range === 'bytes=0-1'),
    audio: (call) => audioOf(scene, call),
  };
  return scene;
}

const audioOf = ({ gateway }, call) =>
  gateway.matching(new RegExp(`/recordings/file/${call}`)).filter(({ method }) => method === 'GET');

/** Whether any two of these went on at the same time. */
export function overlap(requests) {
  const inOrder = [...requests].sort((a, b) => a.atMs - b.atMs);
  return inOrder.some((one, index) => index > 0 && (inOrder[index - 1].endMs ?? Infinity) > one.atMs);
}

/** Writes into the page, from now on, where the sound was each tenth of a second while it was heard. */
export function trackSound() {
  window.heard = [];
  let lookedMs = performance.now();
  setInterval(() => {
    const nowMs = performance.now();
    const one = [...looking.media].find((each) => !each.paused && !each.muted && !each.seeking && each.readyState >= 3);
    // A busy machine looks less often.
    if (one) heard.push({ second: one.currentTime, unseenSeconds: (nowMs - lookedMs) / 1_000 });
    lookedMs = nowMs;
  }, 100);
}

/** The steps in what was tracked that are no listening: back, or further on than it can have sounded. In seconds. */
export function jumps(page) {
  return page.run(() => {
    const steps = heard.slice(1).map(({ second, unseenSeconds }, index) => ({ step: second - heard[index].second, unseenSeconds }));
    return steps.filter(({ step, unseenSeconds }) => step < -1 || step > unseenSeconds + 1).map(({ step }) => step);
  });
}
