// When a download would be the recording, and not the news that there is none yet.

import { expect, it } from 'vitest';
import type { CallDetails, Recording, RecordingState } from '../service/shapes.ts';
import { isHere } from './here.ts';
import type { PlayerState } from './state.ts';

function known(
  name: 'idle' | 'starting' | 'playing' | 'paused',
  first: RecordingState,
  second: RecordingState,
  recording: string | null,
) {
  const recordings = [
    { recording_sid: 'RE1', primary: true, state: first },
    { recording_sid: 'RE2', primary: false, state: second },
  ] as unknown as readonly Recording[];
  return { playback: { name }, details: { recordings } as unknown as CallDetails, recording } satisfies Pick<
    PlayerState,
    'playback' | 'details' | 'recording'
  >;
}

it.each([
  ['nobody fetched it', known('idle', 'absent', 'ready', null), false],
  ['it is on its way', known('starting', 'downloading', 'ready', null), false],
  ['it was fetched before', known('idle', 'ready', 'absent', null), true],
  ['another one was', known('idle', 'ready', 'absent', 'RE2'), false],
  ['it plays', known('playing', 'absent', 'absent', null), true],
  ['it has played', known('paused', 'absent', 'absent', 'RE2'), true],
])('%s', (_, state, expected) => expect(isHere(state)).toBe(expected));

it('does not know without the details', () => {
  expect(isHere({ playback: { name: 'idle' }, details: null, recording: null })).toBe(false);
});
