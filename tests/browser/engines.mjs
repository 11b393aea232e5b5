// Chromium, Firefox and WebKit under one face, which is that of `page.mjs`: each starts one browser with one page.
//
// CHROMIUM, FIREFOX, WEBKIT (its MiniBrowser): the browsers; ENGINES: those that are wanted, if not all, such as `webkit`.

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { pageOver } from './page.mjs';
import { startWebkitDriver } from './webkit.mjs';

const { CHROMIUM, FIREFOX, ENGINES } = process.env;
const COMMAND_MS = 120_000;
const WIDE = { width: 1280, height: 800 };

/**
 * By name, each `start({ locale, isDark, isStill, viewport })`; all are optional.
 *
 * `isStill` is whoever prefers reduced motion. WebKit takes neither the language nor the colours from us.
 */
export const engines = wanted({ chromium: startChromium, firefox: startFirefox, webkit: startWebkit });

function wanted(all) {
  return ENGINES ? Object.fromEntries(ENGINES.split(' ').map((name) => [name, all[name]])) : all;
}

/** Chromium's own sandbox does not run as root; the rest keeps it from looking for the Internet. */
export function chromiumFlags() {
  const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync');
  return process.getuid?.() === 0 ? ['--no-sandbox', ...flags] : flags;
}

export async function startChromium({ locale = 'en-US', isDark, isStill, viewport = WIDE } = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: chromiumFlags(), timeout: COMMAND_MS });
  const colorScheme = isDark ? 'dark' : 'light';
  const reducedMotion = isStill ? 'reduce' : 'no-preference';
  const context = await browser.newContext({ viewport, locale, colorScheme, reducedMotion });
  context.setDefaultTimeout(COMMAND_MS);
  const driven = await context.newPage();
  const page = pageOver({
    ...pointedAndTyped(driven, (x, y, steps) => driven.mouse.move(x, y, { steps })),
    resize: (size) => driven.setViewportSize(size),
    close: () => browser.close(),
  });
  driven.on('pageerror', (error) => page.errors.push(String(error)));
  driven.on('console', (message) => {
    if (message.type() === 'error' && !isOfTheNetwork(message.text())) page.errors.push(message.text());
  });
  /** What only Chromium can: its own protocol. */
  return Object.assign(page, { driven, protocol: () => context.newCDPSession(driven) });
}

async function startFirefox({ locale = 'en-US', isDark, isStill, viewport = WIDE } = {}) {
  const extraPrefsFirefox = {
    'media.default_volume': '0.0',
    'intl.accept_languages': locale,
    'layout.css.prefers-color-scheme.content-override': isDark ? 0 : 1,
    'ui.prefersReducedMotion': isStill ? 1 : 0,
  };
  const options = { browser: 'firefox', executablePath: FIREFOX, extraPrefsFirefox, protocolTimeout: COMMAND_MS, timeout: COMMAND_MS };
  const browser = await puppeteer.launch({ ...options, defaultViewport: viewport });
  const driven = await browser.newPage();
  driven.setDefaultTimeout(COMMAND_MS);
  await driven.evaluateOnNewDocument(stayQuiet);
  const page = pageOver({
    ...pointedAndTyped(driven, (x, y, steps) => driven.mouse.move(x, y, { steps })),
    resize: (size) => driven.setViewport(size),
    close: () => browser.close(),
  });
  driven.on('pageerror', (error) => page.errors.push(String(error)));
  driven.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  return page;
}

/** Playwright's page and Puppeteer's have this in common. */
const pointedAndTyped = (driven, move) => ({
  open: async (url) => void (await driven.goto(url)),
  evaluate: (expression) => driven.evaluate(expression),
  async pointer({ x, y }, onward = []) {
    await move(x, y, 1);
    await driven.mouse.down();
    for (const next of onward) await move(next.x, next.y, 5);
    await driven.mouse.up();
  },
  hover: ({ x, y }) => move(x, y, 1),
  async key(name, modifiers) {
    for (const one of modifiers) await driven.keyboard.down(one);
    await driven.keyboard.press(name === 'Space' ? ' ' : name);
    for (const one of modifiers) await driven.keyboard.up(one);
  },
  text: (text) => driven.keyboard.type(text),
  picture: async (path, whole = false) => void (await driven.screenshot({ path, fullPage: whole })),
});

/**
 * In the page, before anything else: whatever volume is set, Firefox is at its default, which is 0 here. Where there is
 * no sound card it reports an error of the recording, unless nothing is to be heard anyway.
 */
function stayQuiet() {
  const volumes = new WeakMap();
  Object.defineProperty(HTMLMediaElement.prototype, 'volume', {
    configurable: true,
    get() {
      return volumes.get(this) ?? 1;
    },
    set(volume) {
      volumes.set(this, volume);
      this.dispatchEvent(new Event('volumechange'));
    },
  });
}

/** Chromium reports every refusal and cut as an error of the page; they are what these tests are about. */
const isOfTheNetwork = (text) => text.startsWith('Failed to load resource');

async function startWebkit({ viewport = WIDE } = {}) {
  const driver = await startWebkitDriver(COMMAND_MS);
  const page = pageOver(driver);
  await page.resize(viewport);
  return page;
}
