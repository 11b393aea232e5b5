// Makes a picture of every page, in both languages and colours, wide and as a phone shows it, to be looked at one by
// one; and the three of the README.
//
// HEARBACK: the binary; CHROMIUM: the browser; SCREENSHOTS: the folder in whose `pages` they are.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChromium } from './engines.mjs';
import { PAGES, startScenes } from './pages.mjs';

const folder = join(process.env.SCREENSHOTS, 'pages');
const readme = join(dirname(fileURLToPath(import.meta.url)), '../../web/pictures');
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const OF_THE_README = { width: 1200, height: 780 };
/** The README's pictures, by what they show. */
const README = { player: 'embedded', call: 'call', live: 'live' };

mkdirSync(folder, { recursive: true });
mkdirSync(readme, { recursive: true });
const scenes = await startScenes();
try {
  for (const language of ['en', 'he']) {
    for (const look of ['light', 'dark']) await pictures(language, look);
  }
  await picturesOfTheReadme();
} finally {
  await scenes.stop();
}
console.log(`pictures of every page are in ${folder}`);

async function pictures(language, look) {
  const page = await startChromium({ isDark: look === 'dark', isStill: true });
  for (const [name, open] of Object.entries(PAGES)) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.resize(viewport);
      await open(page, scenes, language);
      await page.picture(join(folder, `${name}-${language}-${look}-${size}.png`), true);
    }
  }
  await page.close();
}

async function picturesOfTheReadme() {
  const page = await startChromium({ isStill: true, viewport: OF_THE_README });
  for (const [picture, name] of Object.entries(README)) {
    await PAGES[name](page, scenes, 'en');
    await page.run(() => scrollTo(0, 0));
    await page.picture(join(readme, `${picture}.png`));
  }
  await page.close();
}
