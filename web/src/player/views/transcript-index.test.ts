// What is said when, and where a word is found.

import { describe, expect, it } from 'vitest';
import type { Transcript, Utterance } from '../../service/shapes.ts';
import { type Line, lineAt, linesOf, matchesOf, piecesOf, wordAt } from './transcript-index.ts';

function utterance(id: number, start: number, text: string, more: Partial<Utterance> = {}): Utterance {
  const said = text.replace(/[.,?!]/g, '').split(' ');
  const words = said.map((word, index) => ({ text: word, start: start + index, end: start + index + 0.9 }));
  return { id, channel: 0, speaker: null, start, end: start + said.length, text, words, ...more };
}

function lines(...utterances: Utterance[]): readonly Line[] {
  const transcript: Transcript = {
    call_sid: 'CA1',
    recording_sid: 'RE1',
    language: 'en',
    revision: 0,
    made_at: '2026-11-27T10:00:00Z',
    speakers: [],
    utterances,
  };
  return linesOf(transcript);
}

function first(of: readonly Line[]): Line {
  const [line] = of;
  if (!line) throw new Error('there is one');
  return line;
}

describe('linesOf', () => {
  it('goes by time, and sees where somebody else begins', () => {
    const found = lines(
      utterance(2, 9, 'three', { channel: 1 }),
      utterance(0, 1, 'one', { channel: 1 }),
      utterance(1, 5, 'two'),
      utterance(3, 12, 'four', { channel: 1 }),
    );
    expect(found.map(({ utterance, beginsTurn }) => [utterance.id, beginsTurn])).toEqual([
      [0, true],
      [1, true],
      [2, true],
      [3, false],
    ]);
  });

  it('finds words that come without their punctuation', () => {
    const { words, utterance: said } = first(lines(utterance(0, 0, 'Well, yes: the the end.')));
    expect(words.map(({ from, to }) => said.text.slice(from, to))).toEqual(['Well,', 'yes:', 'the', 'the', 'end.']);
  });

  it('passes over words that the text does not have, and over what somebody wrote instead', () => {
    const heard = utterance(0, 0, 'one two', {
      words: [
        { text: 'zero', start: 0, end: 1 },
        { text: 'Two', start: 1, end: 2 },
      ],
    });
    expect(first(lines(heard)).words).toEqual([{ from: 4, to: 7, start: 1 }]);
    expect(first(lines({ ...heard, original_text: 'won too' })).words).toEqual([]);
  });
});

describe('lineAt, wordAt', () => {
  const said = lines(utterance(0, 1, 'a b c'), utterance(1, 10, 'd e'), utterance(2, 10.5, 'f', { channel: 1 }));

  it.each([
    [0, -1],
    [1, 0],
    [9.99, 0],
    [10, 1],
    [10.6, 2],
    [500, 2],
  ])('at %d s line %d', (second, line) => expect(lineAt(said, second)).toBe(line));

  it('finds the line among thousands', () => {
    const many = lines(...Array.from({ length: 5000 }, (_, index) => utterance(index, index * 2, 'x')));
    for (const index of [0, 1, 2499, 4998, 4999]) expect(lineAt(many, index * 2 + 0.5)).toBe(index);
  });

  it.each([
    [0.5, -1],
    [1.2, 0],
    [3.5, 2],
    [4.2, 2],
    [4.5, -1],
  ])('at %d s word %d', (second, word) => expect(wordAt(first(said), second)).toBe(word));

  it('knows no line where nobody speaks', () => expect(lineAt([], 3)).toBe(-1));
});

describe('matchesOf', () => {
  const said = lines(
    utterance(0, 0, 'Café at the seal. SEAL!'),
    utterance(1, 9, 'שָׁלוֹם שלום'),
    utterance(2, 20, 'sealed'),
  );
  const texts = (wanted: string) =>
    matchesOf(said, wanted).map(({ line, from, to }) => [line, said[line]?.utterance.text.slice(from, to)]);

  it('finds every place, whatever its case', () => {
    expect(texts('seal')).toEqual([
      [0, 'seal'],
      [0, 'SEAL'],
      [2, 'seal'],
    ]);
  });

  it('finds what is written with accents or vowel points, by what is not', () => {
    expect(texts('cafe')).toEqual([[0, 'Café']]);
    expect(texts('שלום').map(([line]) => line)).toEqual([1, 1]);
  });

  it('finds nothing by nothing', () => {
    expect(texts('')).toEqual([]);
    expect(texts('  ')).toEqual([]);
    expect(texts('door')).toEqual([]);
  });
});

describe('piecesOf', () => {
  it('cuts where words and matches begin and end', () => {
    const line = first(lines(utterance(0, 0, 'the seal.')));
    expect(piecesOf(line, [], 0)).toEqual([
      { text: 'the', word: 0, match: null },
      { text: ' ', word: null, match: null },
      { text: 'seal.', word: 1, match: null },
    ]);
    expect(
      piecesOf(line, [{ line: 0, from: 2, to: 6 }], 7).map(({ text, word, match }) => [text, word, match]),
    ).toEqual([
      ['th', 0, null],
      ['e', 0, 7],
      [' ', null, 7],
      ['se', 1, 7],
      ['al.', 1, null],
    ]);
  });

  it('loses no character', () => {
    const line = first(lines(utterance(0, 0, '…one, two ')));
    expect(
      piecesOf(line, matchesOf([line], 'e, t'), 0)
        .map(({ text }) => text)
        .join(''),
    ).toBe('…one, two ');
  });
});
