// The set-up of the console's tests: a service below a path prefix, and for each engine a page of its own that comes by
// a gateway of its own.

import { after, before, describe } from 'node:test';
import { engines } from './engines.mjs';
import { startService } from './service.mjs';

export const PREFIX = '/hearback/';
/** A row's link, whoever the call is with. */
export const ROW = { role: 'link', name: /, (Inbound|Outbound), / };
export const FIRST_PARTY = '+1 555 555 0142';

/** Has `tests(name, visit, world)` define each engine's tests; engines run side by side. */
export function describeConsole(what, tests, { timeout, settings } = {}) {
  const world = {};
  before(async () => {
    world.service = await startService({ prefix: PREFIX, settings });
  });
  after(() => world.service?.stop());
  describe(what, { concurrency: true, timeout }, () => {
    for (const [name, start] of Object.entries(engines)) {
      describe(name, { concurrency: 1 }, () => {
        const visit = visitOf(world);
        before(() => visit.begin(start));
        after(() => visit.end());
        tests(name, visit, world);
      });
    }
  });
}

export function visitOf(world) {
  let visits = 0;
  const visit = {
    async begin(start, options) {
      visit.page = await start(options);
      visit.gateway = await world.service.openGateway();
    },
    async end() {
      await visit.page?.close();
      await visit.gateway?.close();
    },
    /** Whoever has this token; an address that was never opened before, so that the page is loaded anew. */
    async signIn(token, { to = '#/calls', language = 'en' } = {}) {
      const { page, gateway } = visit;
      await page.open(`${gateway.url}/?visit=${visits++}#token=${token}`);
      await page.sees({ role: 'button', name: /^(Sign out|יציאה|התנתקות)/ });
      await visit.reopen({ to, language });
    },
    /** The page loaded anew, somewhere, in a language, by whoever is signed in. */
    async reopen({ to, language }) {
      const { page, gateway } = visit;
      await page.run((chosen) => localStorage.setItem('hearback.language', chosen), language);
      await page.open(`${gateway.url}/?visit=${visits++}${to}`);
      await page.sees({ role: 'heading' });
    },
    /** Another place of the console, as a link to it would. */
    go: (to) => visit.page.run((hash) => void (location.hash = hash), to),
    /** Requests for audio, by whatever way. */
    audio: () => visit.gateway.matching(/\/recordings\/file\/|\/stream$|\/download$|\/prepare$/),
  };
  return visit;
}
