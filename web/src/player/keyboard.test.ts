// Each key, and when it is somebody else's.

import { describe, expect, it } from 'vitest';
import { answerTo, type Heard, type Key, nextRate } from './keyboard.ts';

const HEARD: Heard = { durationSeconds: 200, rate: 1.25, isMuted: false };
const press = (key: string, more: Partial<Key> = {}, heard: Partial<Heard> = {}) =>
  answerTo({ key, code: '', shift: false, isCommand: false, focus: 'elsewhere', ...more }, { ...HEARD, ...heard });

describe('answerTo', () => {
  it.each([
    [' ', { type: 'toggle' }],
    ['k', { type: 'toggle' }],
    ['ArrowLeft', { type: 'seek_by', seconds: -5 }],
    ['ArrowRight', { type: 'seek_by', seconds: 5 }],
    ['j', { type: 'seek_by', seconds: -10 }],
    ['l', { type: 'seek_by', seconds: 10 }],
    ['0', { type: 'seek', second: 0 }],
    ['7', { type: 'seek', second: 140 }],
    ['Home', { type: 'seek', second: 0 }],
    ['End', { type: 'seek', second: 200 }],
    ['m', { type: 'mute', isMuted: true }],
    ['<', { type: 'rate', rate: 1 }],
    ['>', { type: 'rate', rate: 1.5 }],
    ['?', { type: 'help' }],
    ['x', null],
    ['Tab', null],
    ['ArrowUp', null],
  ])('%s', (key, answer) => expect(press(key)).toEqual(answer));

  it.each([
    ['ל', 'KeyK', 'k'],
    ['ח', 'KeyJ', 'j'],
    ['ך', 'KeyL', 'l'],
    ['צ', 'KeyM', 'm'],
    // Dvorak: the letter counts, not its place.
    ['k', 'KeyV', 'k'],
    ['t', 'KeyK', 't'],
  ])('takes %s on %s for %s', (key, code, letter) => expect(press(key, { code })).toEqual(press(letter)));

  it('goes by one second with Shift', () => {
    expect(press('ArrowLeft', { shift: true })).toEqual({ type: 'seek_by', seconds: -1 });
    expect(press('ArrowRight', { shift: true })).toEqual({ type: 'seek_by', seconds: 1 });
  });

  it('leaves to text fields all keys, to buttons their own, to the browser its commands', () => {
    for (const key of [' ', 'k', '5', 'ArrowLeft', '?']) {
      expect(press(key, { focus: 'text' })).toBeNull();
      expect(press(key, { isCommand: true })).toBeNull();
    }
    expect(press(' ', { focus: 'button' })).toBeNull();
    for (const key of ['ArrowLeft', 'ArrowRight', 'Home', 'End']) expect(press(key, { focus: 'range' })).toBeNull();
    expect(press(' ', { focus: 'range' })).toEqual({ type: 'toggle' });
    expect(press('j', { focus: 'range' })).toEqual(press('j'));
    expect(press('k', { focus: 'button' })).toEqual({ type: 'toggle' });
  });

  it('does not guess where the middle of an unknown length is', () => {
    expect(press('5', {}, { durationSeconds: null })).toBeNull();
    expect(press('0', {}, { durationSeconds: null })).toEqual({ type: 'seek', second: 0 });
  });

  it('stays at the slowest and the fastest', () => {
    expect(press('<', {}, { rate: 1 })).toEqual({ type: 'rate', rate: 1 });
    expect(press('>', {}, { rate: 2 })).toEqual({ type: 'rate', rate: 2 });
  });
});

it('goes through all speeds by one button', () => {
  expect([nextRate(1), nextRate(1.25), nextRate(1.5), nextRate(2)]).toEqual([1.25, 1.5, 2, 1]);
});
