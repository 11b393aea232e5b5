// One page of a browser, as whoever sits before it: looks, presses, types, drags, waits. Over any engine's primitives.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { install } from './inside.mjs';

const WITHIN_MS = 30_000;
const RETRY_MS = 100;

/**
 * Targets are selectors, or `{ role, name, text, selector, within, nth }`; all of them see through shadow roots. A name
 * is a string that is all of it, or a regular expression. Whatever is waited for has `withinMs`, and fails saying what
 * the page looks like.
 *
 * `errors` are the page's own: what it threw or logged as one. WebKit tells of none.
 */
export function pageOver(engine) {
  const errors = [];
  const evaluate = (task, argument) =>
    engine.evaluate(`((${install})(), (${task})(${JSON.stringify(argument, asData) ?? 'undefined'}))`);

  /** Again while a page gives way to the next. */
  async function untilTrue(task, argument, what, withinMs) {
    const deadline = Date.now() + withinMs;
    const polled = `async (argument) => {
      const deadline = performance.now() + argument.leftMs;
      for (;;) {
        const value = await (${task})(argument.argument);
        if (value || performance.now() > deadline) return value;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }`;
    for (;;) {
      const leftMs = Math.max(0, deadline - Date.now());
      const value = await evaluate(polled, { argument, leftMs }).catch((error) => {
        if (Date.now() > deadline) throw new Error(`${what}: ${error.message}`);
      });
      if (value) return value;
      if (Date.now() >= deadline) break;
      await pause(RETRY_MS);
    }
    const seen = await evaluate(() => looking.outline()).catch(String);
    throw new Error(`${what}: not within ${withinMs} ms. The page:\n${seen}`);
  }

  async function placeOf(target, share, withinMs = WITHIN_MS) {
    const find = ({ target, share }) => looking.place(target, share);
    return untilTrue(find, { target, share }, `pressing ${named(target)}`, withinMs);
  }

  const page = {
    errors,
    open: async (url) => {
      await engine.open(url);
      await evaluate(() => {});
    },
    reload: async () => page.open(await evaluate(() => location.href)),
    run: evaluate,
    /** A whole script of somebody else's. */
    load: (source) => engine.evaluate(`{ ${source} }`),
    /** Resolves with what `task` returns in the page, once that is true. */
    until: (task, argument, { what = 'what is waited for', withinMs = WITHIN_MS } = {}) =>
      untilTrue(task, argument, what, withinMs),

    sees: (target, { withinMs = WITHIN_MS } = {}) =>
      untilTrue((one) => looking.first(one) !== null, target, `seeing ${named(target)}`, withinMs),
    misses: (target, { withinMs = WITHIN_MS } = {}) =>
      untilTrue((one) => looking.first(one) === null, target, `${named(target)} going away`, withinMs),
    count: (target) => evaluate((one) => looking.all(one).length, target),
    /** All that is to be read, or what is in one place, in one line. */
    text: (target) => evaluate((one) => looking.text(one), target),
    reads: (pattern, { within, withinMs = WITHIN_MS } = {}) =>
      untilTrue(
        ({ pattern, within }) => new RegExp(pattern.source, pattern.flags).exec(looking.text(within))?.[0],
        { pattern, within },
        `reading ${pattern}`,
        withinMs,
      ),
    attribute: (target, name) => evaluate(({ target, name }) => looking.first(target)?.getAttribute(name), { target, name }),

    press: async (target, { at = { x: 0.5, y: 0.5 }, withinMs } = {}) => engine.pointer(await placeOf(target, at, withinMs)),
    hover: async (target) => engine.hover(await placeOf(target)),
    /** Across an element, between two shares of its width. */
    async drag(target, from, to) {
      const { x, y, left, width } = await placeOf(target, { x: from, y: 0.5 });
      const onward = [0.25, 0.5, 0.75, 1].map((part) => ({ x: left + width * (from + (to - from) * part), y }));
      await engine.pointer({ x, y }, onward);
    },
    /** Each may have modifiers: `keys('Tab', 'Shift+Tab', 'Space', 'ArrowRight', 'j')`. */
    async keys(...pressed) {
      for (const one of pressed) {
        const names = one === '+' ? ['+'] : one.split('+');
        await engine.key(names.at(-1), names.slice(0, -1));
      }
    },
    type: (text) => engine.text(text),
    /** Instead of what is in a field. */
    async fill(target, text) {
      await page.press(target);
      await page.keys('Control+a', 'Delete');
      await page.type(text);
    },
    /** By keyboard: presses the key until the target has the focus; fails after so many. */
    async reach(target, { key = 'Tab', max = 60 } = {}) {
      const isThere = (one) => looking.all(one).includes(looking.focused());
      for (let pressed = 0; pressed < max; pressed++) {
        if (await evaluate(isThere, target)) return pressed;
        await page.keys(key);
      }
      assert.fail(`${max} times ${key} do not reach ${named(target)}. The page:\n${await evaluate(() => looking.outline())}`);
    },

    /** What is heard: `{ second, isPaused, duration, rate, volume, sincePressMs }`, or null if nothing ever was. */
    sound: () => evaluate(() => looking.sound()),
    /** Once it sounds at `from` or later, and not past `to`, or what it has played on since the last press. */
    sounds: ({ from = 0.05, to = Infinity, withinMs = WITHIN_MS } = {}) =>
      untilTrue(
        ({ from, to }) => {
          const sound = looking.sound();
          if (sound === null || sound.isPaused || sound.second < from) return null;
          const playedSeconds = (sound.sincePressMs / 1_000) * sound.rate;
          return sound.second <= (to ?? Infinity) + playedSeconds && sound;
        },
        { from, to },
        `sounding from ${from} s`,
        withinMs,
      ),
    outline: () => evaluate(() => looking.outline()),

    picture: (path, whole) => engine.picture(path, whole),
    resize: (size) => engine.resize(size),
    close: () => engine.close(),
  };
  return page;
}

/** Regular expressions survive the way into the page. */
const asData = (_, value) => (value instanceof RegExp ? { source: value.source, flags: value.flags } : value);

function named(target) {
  if (typeof target === 'string') return target;
  const { role, name, text, selector, within } = target;
  const parts = [role, name && `"${name}"`, text && `reading ${text}`, selector, within && `in ${named(within)}`];
  return parts.filter(Boolean).join(' ');
}
