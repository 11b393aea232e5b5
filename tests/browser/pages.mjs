// Every page there is, as somebody sees it: what is opened, pressed and awaited before it is looked at.

import { setTimeout as pause } from 'node:timers/promises';
import { FIRST_BYTE_MS, LONG, SHORT } from './embedding.mjs';
import { startHosts } from './hosts.mjs';
import { startService } from './service.mjs';
import { visitOf } from './visiting.mjs';

const SOUND_MS = 20_000;
/** So that a download goes on for as long as it is looked at. */
const WATCHABLE = { first_byte_ms: FIRST_BYTE_MS, bytes_per_second: 4_000 };
const PLAY = { role: 'button', name: /^(Play|ניגון)$/ };
const SPEAKERS_MS = 1_500;

/** A service with calls in every state: one is heard and understood, one arrives, one was refused. */
export async function startScenes() {
  const hosts = await startHosts();
  const service = await startService({ prefix: '/hearback/', origins: [hosts.origin] });
  const { calls } = await service.list();
  const withNumber = (number) => calls.find(({ from, to }) => [from, to].includes(number)).call_sid;
  const understood = [withNumber('+15555550142'), withNumber('+972555550117')];
  for (const call of understood) await service.fetched(call);
  for (const call of understood) await service.understood(call);
  const refused = await service.placeCall({ ...SHORT, behaviours: [{ fault: { status: { code: 403 } } }] });
  await service.ordered(refused.call);
  const arriving = await service.placeCall({ ...LONG, behaviours: [WATCHABLE] });
  await service.ordered(arriving.call);
  return {
    service,
    hosts,
    english: understood[0],
    hebrew: understood[1],
    refused: refused.call,
    arriving: arriving.call,
    async stop() {
      hosts.close();
      await service.stop();
    },
  };
}

/** Whoever is signed in already need not sign in again. */
const visits = new WeakMap();

/** By name, `open(page, scenes, language)`; it resolves when there is something to look at. */
export const PAGES = {
  'sign-in': async (page, { service }, language) => {
    await page.open(`${service.url}/?language=${language}`);
    await page.run((chosen) => localStorage.setItem('hearback.language', chosen), language);
    await page.open(`${service.url}/?in=${language}`);
    await page.sees({ role: 'textbox' });
  },
  calls: (page, scenes, language) => signedIn(page, scenes, language, '#/calls', { selector: '[data-call]' }),
  'no-calls-found': (page, scenes, language) =>
    signedIn(page, scenes, language, '#/calls?q=zzzz', { role: 'heading', selector: 'h2' }),
  call: async (page, scenes, language) => {
    const call = language === 'he' ? scenes.hebrew : scenes.english;
    await signedIn(page, scenes, language, `#/calls/${call}`, PLAY);
    await page.press(PLAY);
    await page.sounds({ from: 5, withinMs: SOUND_MS });
    await page.keys('k');
    await page.sees(PLAY);
    await pause(SPEAKERS_MS);
  },
  'call-refused': async (page, scenes, language) => {
    await signedIn(page, scenes, language, `#/calls/${scenes.refused}`, PLAY);
    await page.press(PLAY);
    await page.sees('hearback-player[state="stopped"]', { withinMs: SOUND_MS });
  },
  'call-arriving': async (page, scenes, language) => {
    await signedIn(page, scenes, language, `#/calls/${scenes.arriving}`, PLAY);
    await page.press(PLAY);
    await page.sees('hearback-player[state]:not([state="idle"])', { withinMs: SOUND_MS });
    await pause(SPEAKERS_MS);
  },
  'no-such-call': (page, scenes, language) =>
    signedIn(page, scenes, language, `#/calls/CA${'0'.repeat(32)}`, { role: 'heading', name: /No such call|אין שיחה כזאת/ }),
  number: (page, scenes, language) => {
    const number = language === 'he' ? '+972555550117' : '+15555550142';
    return signedIn(page, scenes, language, `#/numbers/${encodeURIComponent(number)}`, { selector: '[data-call]' });
  },
  live: async (page, scenes, language) => {
    await signedIn(page, scenes, language, '#/live', { role: 'progressbar' });
    await pause(SPEAKERS_MS);
  },
  embedded: async (page, { service, hosts, english, hebrew }, language) => {
    const link = await service.signedLink(language === 'he' ? hebrew : english);
    const direction = language === 'he' ? 'rtl' : 'ltr';
    const body = `<hearback-player link="${link.replaceAll('&', '&amp;')}"></hearback-player>`;
    await page.open(hosts.show(body, { language, direction, player: `${service.url}/web/player.js` }));
    await page.press(PLAY);
    await page.sounds({ from: 3, withinMs: SOUND_MS });
    await page.keys('k');
    await page.sees(PLAY);
  },
};

async function signedIn(page, { service }, language, to, target) {
  const known = visits.get(page);
  const visit = known ?? Object.assign(visitOf({ service }), { page, gateway: service.gateway });
  visits.set(page, visit);
  if (known) await visit.reopen({ to, language });
  else await visit.signIn(service.operator_token, { to, language });
  await page.sees(target, { withinMs: SOUND_MS });
}
