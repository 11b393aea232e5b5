// Whether everything is said in every language, and with the same values filled in.

import { describe, expect, it } from 'vitest';
import type { Why } from './state.ts';
import type { PlayerKey } from './words/en.ts';
import { playerWords, tables } from './words.ts';

const keys = Object.keys(tables.en) as PlayerKey[];
/** Does not compile with one missing. */
const EVERY_WHY: Record<Why, true> = {
  signed_out: true,
  link_expired: true,
  not_allowed: true,
  no_such_call: true,
  no_recording: true,
  recording_absent: true,
  recording_failed: true,
  recording_deleted: true,
  recording_missing: true,
  recording_expired: true,
  recording_erased: true,
  too_often: true,
  attempts_exhausted: true,
  unavailable: true,
  source_refused_credentials: true,
  broken: true,
  offline: true,
  took_too_long: true,
  unplayable: true,
};
const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe('the player’s words', () => {
  it.each(keys)('%s', (key) => {
    expect(tables.he[key].trim()).not.toBe('');
    expect(tables.en[key].trim()).not.toBe('');
    expect(values(tables.he[key])).toEqual(values(tables.en[key]));
  });

  it('says of every reason what it is and what to do, in whole sentences', () => {
    for (const why of Object.keys(EVERY_WHY) as Why[]) {
      for (const table of [tables.en, tables.he]) {
        expect(table[`why_${why}`]).toMatch(/\.$/);
        expect(table[`todo_${why}`]).toMatch(/\.$/);
        expect(table[`why_${why}`]).not.toBe(table[`todo_${why}`]);
      }
    }
  });

  it('has Hebrew that is Hebrew', () => {
    const foreign = keys.filter((key) => !/[א-ת]/.test(tables.he[key].replace(/\{\w+\}/g, '')));
    expect(foreign).toEqual(['speed_value', 'confidence']);
  });

  it('hands out one object for each language', () => {
    expect(playerWords('he')).toBe(playerWords('he'));
    expect(playerWords('he').direction).toBe('rtl');
  });
});
