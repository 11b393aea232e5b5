// What keys ask for while the focus is in the player. Pure.
//
// Arrows go 5 s, as in most players, with Shift 1 s, to find a word; `j` and `l` go 10 s, as the buttons do. Time runs
// from left to right in Hebrew too, and so do the arrows.

import { RATES, type Rate, type Request } from './state.ts';

/** As much of a keyboard event as matters. `role` is what has the focus. */
export interface Key {
  readonly key: string;
  /** Which key of the keyboard it is, whatever its layout: `KeyK`. */
  readonly code: string;
  readonly shift: boolean;
  /** Ctrl, Alt or Meta: these belong to the browser and to the page. */
  readonly isCommand: boolean;
  readonly focus: Focus;
}

/** A text field takes all keys for itself, a range such as the volume those that move it, a button Space and Enter. */
export type Focus = 'text' | 'range' | 'button' | 'elsewhere';

export interface Heard {
  readonly durationSeconds: number | null;
  readonly rate: Rate;
  readonly isMuted: boolean;
}

export type KeyAnswer = Request | { readonly type: 'help' };

export const ARROW_SECONDS = 5;
export const FINE_SECONDS = 1;
export const JUMP_SECONDS = 10;

export function answerTo(key: Key, heard: Heard): KeyAnswer | null {
  if (key.isCommand || key.focus === 'text') return null;
  if (key.focus === 'range' && /^(Arrow|Home$|End$|Page)/.test(key.key)) return null;
  if (/^\d$/.test(key.key)) return toShare(Number(key.key) / 10, heard);
  switch (letterOf(key)) {
    case ' ':
      return key.focus === 'button' ? null : { type: 'toggle' };
    case 'k':
    case 'K':
      return { type: 'toggle' };
    case 'ArrowLeft':
      return { type: 'seek_by', seconds: -(key.shift ? FINE_SECONDS : ARROW_SECONDS) };
    case 'ArrowRight':
      return { type: 'seek_by', seconds: key.shift ? FINE_SECONDS : ARROW_SECONDS };
    case 'j':
    case 'J':
      return { type: 'seek_by', seconds: -JUMP_SECONDS };
    case 'l':
    case 'L':
      return { type: 'seek_by', seconds: JUMP_SECONDS };
    case 'Home':
      return toShare(0, heard);
    case 'End':
      return toShare(1, heard);
    case 'm':
    case 'M':
      return { type: 'mute', isMuted: !heard.isMuted };
    case '<':
      return { type: 'rate', rate: neighbour(heard.rate, -1) };
    case '>':
      return { type: 'rate', rate: neighbour(heard.rate, 1) };
    case '?':
      return { type: 'help' };
    default:
      return null;
  }
}

/** Another script's layout has no `k`, and what stands where it is, as in Hebrew, is no shortcut: the place counts. */
export function letterOf({ key, code }: Pick<Key, 'key' | 'code'>): string {
  const isOfOtherScript = /^\p{L}$/u.test(key) && !/\p{Script=Latin}/u.test(key);
  const [, letter] = /^Key([A-Z])$/.exec(code) ?? [];
  return isOfOtherScript && letter !== undefined ? letter.toLowerCase() : key;
}

/** What the button does: the next one, and after the fastest the slowest. */
export function nextRate(rate: Rate): Rate {
  return RATES[(RATES.indexOf(rate) + 1) % RATES.length] ?? rate;
}

function neighbour(rate: Rate, step: 1 | -1): Rate {
  return RATES[RATES.indexOf(rate) + step] ?? rate;
}

function toShare(share: number, { durationSeconds }: Heard): Request | null {
  if (share === 0) return { type: 'seek', second: 0 };
  return durationSeconds === null ? null : { type: 'seek', second: durationSeconds * share };
}
