// What an auditor finds on every page, in both languages and both colours: nothing grave.
//
// HEARBACK: the binary; CHROMIUM: the browser.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { graveFindings } from './axe.mjs';
import { startChromium } from './engines.mjs';
import { PAGES, startScenes } from './pages.mjs';

const LOOKS = [
  { language: 'en', isDark: false },
  { language: 'he', isDark: true },
  { language: 'he', isDark: false },
  { language: 'en', isDark: true },
];
const TIMEOUT_MS = 300_000;

let scenes;

before(async () => (scenes = await startScenes()));
after(() => scenes?.stop());

describe('accessible', { concurrency: 2 }, () => {
  for (const { language, isDark } of LOOKS) {
    const look = `${language}, ${isDark ? 'dark' : 'light'}`;
    test(`nothing grave on any page: ${look}`, { timeout: TIMEOUT_MS }, async (t) => {
      // Nothing moves while it is looked at.
      const page = await startChromium({ isDark, isStill: true });
      t.after(() => page.close());
      const found = [];
      for (const [name, open] of Object.entries(PAGES)) {
        await open(page, scenes, language);
        found.push(...(await graveFindings(page, `${name}, ${look}`)));
      }
      assert.equal(found.length, 0, found.join('\n'));
    });
  }
});
