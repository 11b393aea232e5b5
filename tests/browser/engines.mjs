// Chromium, Firefox and WebKit under one face: open a page, press on something in it, run a function in it.
//
// CHROMIUM, FIREFOX, WEBKIT (its MiniBrowser): the browsers. WebKit has no headless mode: it gets a display of its own.

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { firstLine, stopped } from './processes.mjs';

const { CHROMIUM, FIREFOX, WEBKIT } = process.env;
const START_MS = 20_000;
const PAUSE_MS = 50;
const COMMAND_MS = 120_000;
/** The key under which WebDriver hands out an element. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** Each starts one browser with one page: `{ open, press, run, picture, close }`. */
export const engines = { chromium: startChromium, firefox: startFirefox, webkit: startWebkit };

/** Chromium's own sandbox does not run as root; the rest keeps it from looking for the Internet. */
export function chromiumFlags() {
  const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync');
  return process.getuid?.() === 0 ? ['--no-sandbox', ...flags] : flags;
}

async function startChromium() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: chromiumFlags() });
  return faceOf(browser, await browser.newPage());
}

async function startFirefox() {
  // Where there is no sound card it reports an error of the recording, unless nothing is to be heard anyway.
  const extraPrefsFirefox = { 'media.default_volume': '0.0' };
  const options = { browser: 'firefox', executablePath: FIREFOX, extraPrefsFirefox, protocolTimeout: COMMAND_MS };
  const browser = await puppeteer.launch(options);
  return faceOf(browser, await browser.newPage());
}

const faceOf = (browser, page) => ({
  open: (url) => page.goto(url),
  press: (selector) => page.click(selector),
  run: (task, argument) => page.evaluate(task, argument),
  picture: (path) => page.screenshot({ path }),
  close: () => browser.close(),
});

async function startWebkit() {
  const display = await startDisplay();
  const driver = await startDriver(display.name);
  const options = { binary: WEBKIT, args: ['--automation'] };
  const asked = { alwaysMatch: { 'webkitgtk:browserOptions': options, timeouts: { script: COMMAND_MS } } };
  const { sessionId } = await driver.command('POST', '/session', { capabilities: asked });
  const session = (method, path, body) => driver.command(method, `/session/${sessionId}${path}`, body);
  const close = async () => {
    await session('DELETE', '');
    await driver.stop();
    await display.stop();
  };
  return { ...faceOfSession(session), close };
}

const faceOfSession = (session) => ({
  open: (url) => session('POST', '/url', { url }),
  async press(selector) {
    const found = await session('POST', '/element', { using: 'css selector', value: selector });
    await session('POST', `/element/${found[ELEMENT]}/click`, {});
  },
  async run(task, argument = null) {
    const script = `const [argument, done] = arguments;
      Promise.resolve(argument).then(${task}).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await session('POST', '/execute/async', { script, args: [argument] });
    if (error) throw new Error(error);
    return value;
  },
  async picture(path) {
    await writeFile(path, Buffer.from(await session('GET', '/screenshot'), 'base64'));
  },
});

/** A display without a screen, under a number that it finds itself. */
async function startDisplay() {
  const flags = ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'];
  const child = spawn('Xvfb', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await firstLine(child, child.stdio[3], START_MS);
  return { name: `:${number}`, stop: () => stopped(child) };
}

async function startDriver(display) {
  const port = await freePort();
  const env = { ...process.env, DISPLAY: display };
  const child = spawn('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], { env, stdio: 'ignore' });
  const command = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`WebKit: ${value.error}: ${value.message}`);
    return value;
  };
  await answers(() => command('GET', '/status'));
  return { command, stop: () => stopped(child) };
}

async function answers(ask) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(PAUSE_MS);
    }
  }
}

/** WebKitWebDriver cannot choose one and tell. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
