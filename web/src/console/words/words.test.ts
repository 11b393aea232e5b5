// No sentence of one language misses what the other one fills in.

import { expect, it } from 'vitest';
import { type ConsoleKey, en } from './en.ts';
import { he } from './he.ts';

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

it.each(Object.keys(en) as ConsoleKey[])('%s fills in the same in both languages', (key) => {
  expect(places(he[key])).toEqual(places(en[key]));
  expect(he[key].trim()).not.toBe('');
});
