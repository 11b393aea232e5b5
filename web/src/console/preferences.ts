// What one reader likes, in this browser: language and colours.

import { chooseLanguage, LANGUAGES, type Language } from '../words/words.ts';
import { forget, read, write } from './memory.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface Preferences {
  readonly language: Language;
  readonly theme: Theme;
}

const LANGUAGE = 'hearback.language';
const THEME = 'hearback.theme';

/** As chosen before; else the browser's language, and the system's colours. */
export function rememberedPreferences(languages: readonly string[] = navigator.languages): Preferences {
  const theme = read(THEME);
  return {
    language: chooseLanguage([read(LANGUAGE), ...languages]),
    theme: THEMES.find((one) => one === theme) ?? 'system',
  };
}

export function rememberLanguage(language: Language): void {
  write(LANGUAGE, language);
}

export function rememberTheme(theme: Theme): void {
  if (theme === 'system') forget(THEME);
  else write(THEME, theme);
}

/** console.css makes `color-scheme` of the theme. */
export function applyPreferences({ language, theme }: Preferences, root: HTMLElement = document.documentElement): void {
  root.lang = language;
  root.dir = LANGUAGES[language].direction;
  root.dataset.theme = theme;
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
}

export function otherLanguage(language: Language): Language {
  return language === 'en' ? 'he' : 'en';
}
