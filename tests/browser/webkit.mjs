// WebKit by the W3C's WebDriver protocol. It has no headless mode: it gets a display of its own.
//
// WEBKIT: its MiniBrowser.

import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { firstLine, freePort, started, stopped } from './processes.mjs';

const { WEBKIT } = process.env;
const START_MS = 60_000;
const PAUSE_MS = 50;
const DRAG_STEP_MS = 20;
/** WebDriver's own code points for keys that write nothing. */
const KEYS = {
  Tab: '\uE004',
  Enter: '\uE007',
  Shift: '\uE008',
  Control: '\uE009',
  Alt: '\uE00A',
  Escape: '\uE00C',
  Space: ' ',
  End: '\uE010',
  Home: '\uE011',
  ArrowLeft: '\uE012',
  ArrowUp: '\uE013',
  ArrowRight: '\uE014',
  ArrowDown: '\uE015',
  Backspace: '\uE003',
  Delete: '\uE017',
};

/** What `page.mjs` needs, of one browser with one page. */
export async function startWebkitDriver(commandMs) {
  const display = await startDisplay();
  const driver = await startDriver(display.name);
  const options = { binary: WEBKIT, args: ['--automation'] };
  const asked = { alwaysMatch: { 'webkitgtk:browserOptions': options, timeouts: { script: commandMs } } };
  const { sessionId } = await driver.command('POST', '/session', { capabilities: asked });
  const session = (method, path, body) => driver.command(method, `/session/${sessionId}${path}`, body);
  const close = async () => {
    await session('DELETE', '').catch(() => {});
    await driver.stop();
    await display.stop();
  };
  return { ...primitives(session), close };
}

function primitives(session) {
  const evaluate = async (expression) => {
    const script = `const done = arguments[0];
      Promise.resolve().then(() => (${expression}))
        .then((value) => done({ value }), (error) => done({ error: error?.message ?? String(error) }));`;
    const { value, error } = await session('POST', '/execute/async', { script, args: [] });
    if (error) throw new Error(error);
    return value ?? undefined;
  };
  const act = (type, id, actions) => session('POST', '/actions', { actions: [{ type, id, actions }] });
  const move = ({ x, y }, duration = 0) => ({ type: 'pointerMove', x: Math.round(x), y: Math.round(y), duration });
  return {
    open: (url) => session('POST', '/url', { url }),
    evaluate,
    async pointer(at, onward = []) {
      const drag = onward.map((next) => move(next, DRAG_STEP_MS));
      const [down, up] = ['pointerDown', 'pointerUp'].map((type) => ({ type, button: 0 }));
      await act('pointer', 'mouse', [move(at), down, ...drag, up]);
    },
    hover: (at) => act('pointer', 'mouse', [move(at)]),
    async key(name, modifiers) {
      const [held, value] = [modifiers.map((one) => KEYS[one]), KEYS[name] ?? name];
      const down = [...held, value].map((one) => ({ type: 'keyDown', value: one }));
      const up = [value, ...held.reverse()].map((one) => ({ type: 'keyUp', value: one }));
      await act('key', 'keyboard', [...down, ...up]);
    },
    async text(text) {
      const pressed = (value) => ['keyDown', 'keyUp'].map((type) => ({ type, value }));
      await act('key', 'keyboard', [...text].flatMap(pressed));
    },
    async picture(path) {
      await writeFile(path, Buffer.from(await session('GET', '/screenshot'), 'base64'));
    },
    /** What is asked for is the page's size; what can be set is the window's. */
    async resize({ width, height }) {
      const rect = await session('GET', '/window/rect');
      const inner = await evaluate('({ width: innerWidth, height: innerHeight })');
      const size = { width: rect.width - inner.width + width, height: rect.height - inner.height + height };
      await session('POST', '/window/rect', { x: 0, y: 0, ...size });
    },
  };
}

/** A display without a screen, under a number that it finds itself. */
async function startDisplay() {
  const flags = ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'];
  const child = started('Xvfb', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await firstLine(child, child.stdio[3], START_MS);
  return { name: `:${number}`, stop: () => stopped(child) };
}

async function startDriver(display) {
  // It cannot choose a port and tell which.
  const port = await freePort();
  const env = { ...process.env, DISPLAY: display };
  const child = started('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], { env, stdio: 'ignore' });
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
