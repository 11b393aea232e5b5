// The player's sentences, joined: one table for each language.

import { type Language, type Words, wordsOf } from '../words/words.ts';
import { en, type PlayerKey } from './words/en.ts';
import { he } from './words/he.ts';

export const tables = { en, he };

export type PlayerWords = Words<PlayerKey>;

const made = new Map<Language, PlayerWords>();

/** Always the same object for a language, so that views see no change where there is none. */
export function playerWords(language: Language): PlayerWords {
  const known = made.get(language);
  if (known) return known;
  const words = wordsOf<PlayerKey>(tables, language);
  made.set(language, words);
  return words;
}
