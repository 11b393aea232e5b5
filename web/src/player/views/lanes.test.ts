// How many lanes there are before the recording is measured.

import { expect, it } from 'vitest';
import type { CallDetails, Recording } from '../../service/shapes.ts';
import { playerWords } from '../words.ts';
import { lanesOf } from './lanes.ts';

const recording = (recording_sid: string, primary: boolean, channels: number): Recording => ({
  recording_sid,
  primary,
  state: 'absent',
  source_status: 'completed',
  channels,
  started_at: null,
  duration_seconds: null,
  audio_url: '',
  download_url: '',
});

const details: CallDetails = {
  call_sid: 'CA1',
  direction: null,
  from: null,
  to: null,
  status: null,
  started_at: null,
  heard_at: '',
  duration_seconds: null,
  recordings: [recording('RE1', true, 2), recording('RE2', false, 1)],
  transcript: null,
  summary: null,
  facts: null,
  appointment: null,
  stages: [],
};

it.each([
  ['the primary', null, 2],
  ['another one', 'RE2', 1],
])('has as many lanes as were announced of the recording that is shown: %s', (_, recording, count) => {
  const known = { waveform: { kind: 'unknown' }, transcript: { kind: 'unknown' }, details, recording } as const;
  expect(lanesOf(known, playerWords('en'))).toHaveLength(count);
});
