// What is said of a call.

import { expect, it } from 'vitest';
import type { Call, Recording, RecordingState } from '../service/shapes.ts';
import { durationText, keptRecording, partyOf, playable, statesOf, statusKey, viaOf } from './call-facts.ts';
import { consoleWords } from './words/words.ts';

const en = consoleWords('en');
const recording = (sid: string, state: RecordingState, primary = false): Recording => ({
  recording_sid: sid,
  primary,
  state,
  source_status: 'completed',
  channels: 1,
  started_at: null,
  duration_seconds: 61.4,
  audio_url: '',
  download_url: '',
});
const call = (change: Partial<Call>): Call => ({
  call_sid: 'CA1',
  direction: 'inbound',
  from: '+15550100001',
  to: '+15550100002',
  status: 'completed',
  started_at: null,
  heard_at: '2026-01-01T00:00:00Z',
  duration_seconds: null,
  recordings: [],
  ...change,
});

it('names the other side', () => {
  expect(partyOf(call({}), en)).toBe('+1 555 010 0001');
  expect(partyOf(call({ direction: 'outbound' }), en)).toBe('+1 555 010 0002');
  expect(partyOf(call({ direction: null, from: null }), en)).toBe('+1 555 010 0002');
  expect(partyOf(call({ from: null }), en)).toBe('Number unknown');
});

it('names our side where it is known which one that is', () => {
  expect(viaOf(call({}), en)).toBe('to +1 555 010 0002');
  expect(viaOf(call({ direction: 'outbound' }), en)).toBe('from +1 555 010 0001');
  expect(viaOf(call({ direction: null }), en)).toBeNull();
});

it('plays the primary, else what is left', () => {
  const gone = recording('RE1', 'gone', true);
  expect(playable(call({ recordings: [recording('RE0', 'ready'), recording('RE1', 'absent', true)] }))).toMatchObject({
    recording_sid: 'RE1',
  });
  expect(playable(call({ recordings: [gone, recording('RE2', 'failed')] }))).toMatchObject({ recording_sid: 'RE2' });
  expect(playable(call({ recordings: [gone] }))).toBeNull();
});

it('keeps to the recording that was the primary first, unless that is gone', () => {
  const before = call({ recordings: [recording('RE1', 'ready', true)] });
  const after = call({ recordings: [recording('RE1', 'ready'), recording('RE2', 'absent', true)] });
  expect(keptRecording(before, null)).toBe('RE1');
  expect(keptRecording(after, 'RE1')).toBe('RE1');
  expect(keptRecording(call({ recordings: [recording('RE1', 'gone', true)] }), null)).toBeNull();
  expect(keptRecording(after, null)).toBe('RE2');
});

it('counts recordings by state', () => {
  const recordings = [recording('RE1', 'ready'), recording('RE2', 'gone'), recording('RE3', 'ready')];
  expect(statesOf(call({ recordings }))).toEqual([
    { state: 'ready', count: 2 },
    { state: 'gone', count: 1 },
  ]);
});

it('falls back to a recording for the length of a call', () => {
  expect(durationText(call({ recordings: [recording('RE1', 'ready')] }))).toBe('1:01');
  expect(durationText(call({ duration_seconds: 5 }))).toBe('0:05');
  expect(durationText(call({}))).toBeNull();
});

it('says a status only where it is something to say', () => {
  expect(statusKey('completed')).toBeNull();
  expect(statusKey(null)).toBeNull();
  expect(statusKey('a new one')).toBeNull();
  expect(statusKey('no-answer')).toBe('status_no-answer');
});
