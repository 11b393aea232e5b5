// The console's sentences, as its elements are given them.

import { type Language, type Tables, type Words, wordsOf } from '../../words/words.ts';
import { type ConsoleKey, en } from './en.ts';
import { he } from './he.ts';

const TABLES: Tables<ConsoleKey> = { en, he };

export type ConsoleWords = Words<ConsoleKey>;

export function consoleWords(language: Language): ConsoleWords {
  return wordsOf(TABLES, language);
}
