// A transcript made ready to be followed, searched and drawn: pure.

import type { Transcript, Utterance } from '../../service/shapes.ts';

export interface Line {
  readonly utterance: Utterance;
  /** Somebody else spoke before. */
  readonly beginsTurn: boolean;
  readonly words: readonly WordPlace[];
}

/** Where in the line's text a word is, and when it is said. */
export interface WordPlace {
  readonly from: number;
  readonly to: number;
  readonly start: number;
}

export interface Match {
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

/** A stretch of a line's text that looks one way. */
export interface Piece {
  readonly text: string;
  readonly word: number | null;
  /** Which of all matches it belongs to. */
  readonly match: number | null;
}

/** A word stays marked so long after its utterance: hearing is slower. */
const LINGER_SECONDS = 0.3;
/** Beyond as many, the rest is not marked, nor counted. */
const MATCHES_MAX = 2000;

export function linesOf({ utterances }: Transcript): readonly Line[] {
  const sorted = [...utterances].sort((a, b) => a.start - b.start || a.id - b.id);
  return sorted.map((utterance, index) => ({
    utterance,
    beginsTurn: sorted[index - 1]?.channel !== utterance.channel,
    words: wordPlaces(utterance),
  }));
}

/** The last line that has begun at this second, or -1. Where two speak at once, it is the one who came in. */
export function lineAt(lines: readonly Line[], second: number): number {
  return lastBegun(lines.length, second, (index) => lines[index]?.utterance.start ?? 0);
}

/** The word of a line that is being said, or -1: before its first, after its end, or where words have no times. */
export function wordAt(line: Line, second: number): number {
  if (second > line.utterance.end + LINGER_SECONDS) return -1;
  return lastBegun(line.words.length, second, (index) => line.words[index]?.start ?? 0);
}

/** Where `wanted` is said, whatever its case, accents or vowel points. */
export function matchesOf(lines: readonly Line[], wanted: string): readonly Match[] {
  const needle = fold(wanted.trim()).text;
  if (needle === '') return [];
  const found: Match[] = [];
  for (const [line, { utterance }] of lines.entries()) {
    const { text, places } = fold(utterance.text);
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
      const last = at + needle.length - 1;
      found.push({ line, from: places?.[at] ?? at, to: (places?.[last] ?? last) + 1 });
      if (found.length === MATCHES_MAX) return found;
    }
  }
  return found;
}

/** A line's text cut wherever a word or a match begins or ends. `first` is the first match's number among all. */
export function piecesOf({ utterance, words }: Line, matches: readonly Match[], first: number): readonly Piece[] {
  const { text } = utterance;
  const cuts = new Set([0, text.length]);
  for (const { from, to } of [...words, ...matches]) cuts.add(from).add(to);
  const places = [...cuts].sort((a, b) => a - b);
  return places.slice(0, -1).map((from, index) => {
    const covers = (span: { from: number; to: number }) => span.from <= from && from < span.to;
    const match = matches.findIndex(covers);
    const word = words.findIndex(covers);
    return {
      text: text.slice(from, places[index + 1]),
      word: word < 0 ? null : word,
      match: match < 0 ? null : first + match,
    };
  });
}

/** By binary search: the greatest index whose start is not after `second`, or -1. */
function lastBegun(length: number, second: number, startOf: (index: number) => number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startOf(middle) <= second) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Words come without punctuation: they are found in the text one after another, and take along what follows them. */
function wordPlaces({ text, words, original_text }: Utterance): readonly WordPlace[] {
  // What somebody wrote instead has no times.
  if (original_text !== undefined) return [];
  const lower = text.toLowerCase();
  const found: { from: number; end: number; start: number }[] = [];
  let reached = 0;
  for (const { text: word, start } of words) {
    const from = word === '' ? -1 : lower.indexOf(word.toLowerCase(), reached);
    if (from < 0) continue;
    reached = from + word.length;
    found.push({ from, end: reached, start });
  }
  return found.map(({ from, end, start }, index) => {
    const trailing = /^\S*/.exec(text.slice(end, found[index + 1]?.from))?.[0].length ?? 0;
    return { from, to: end + trailing, start };
  });
}

/** Marks (accents, vowel points) are left out; `places` says where each character stood, null where all stay. */
function fold(text: string): { text: string; places: readonly number[] | null } {
  const lower = text.toLowerCase();
  if (lower.length === text.length && lower.normalize('NFD') === lower && !/\p{M}/u.test(lower))
    return { text: lower, places: null };
  const places: number[] = [];
  let folded = '';
  for (let index = 0; index < text.length; index++) {
    const kept = text.charAt(index).normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
    for (let count = 0; count < kept.length; count++) places.push(index);
    folded += kept;
  }
  return { text: folded, places };
}
