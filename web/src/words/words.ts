// Sentences in the languages we speak: messages are data, one table a language, `{name}` where a value goes.

import { type Formats, formatsOf } from './formats.ts';

export type Language = 'en' | 'he';
export type Direction = 'ltr' | 'rtl';

export const LANGUAGES: Record<Language, { readonly direction: Direction; readonly ownName: string }> = {
  en: { direction: 'ltr', ownName: 'English' },
  he: { direction: 'rtl', ownName: 'עברית' },
};

/** Every language has every key, or it does not compile. */
export type Tables<Key extends string> = Record<Language, Record<Key, string>>;

export interface Words<Key extends string> {
  readonly language: Language;
  readonly direction: Direction;
  readonly formats: Formats;
  say(key: Key, values?: Readonly<Record<string, string | number>>): string;
}

export function wordsOf<Key extends string>(tables: Tables<Key>, language: Language): Words<Key> {
  const { direction } = LANGUAGES[language];
  // What is filled in may be written the other way round: numbers, names, SIDs.
  const isolate = direction === 'rtl' ? isolated : (value: string) => value;
  return {
    language,
    direction,
    formats: formatsOf(language),
    say: (key, values = {}) =>
      tables[language][key].replace(/\{(\w+)\}/g, (_, name: string) => isolate(String(values[name] ?? ''))),
  };
}

/** What has letters goes their way; what has none, a telephone number say, from left to right. */
function isolated(value: string): string {
  return `${/\p{L}/u.test(value) ? '\u2068' : '\u2066'}${value}\u2069`;
}

/** The first of the wanted languages that we speak, by its main tag; else English. */
export function chooseLanguage(wanted: readonly (string | null | undefined)[]): Language {
  for (const tag of wanted) {
    const main = tag?.toLowerCase().split('-')[0];
    if (main !== undefined && Object.hasOwn(LANGUAGES, main)) return main as Language;
  }
  return 'en';
}
