// Whether a recording can be downloaded at once: pure.

import type { PlayerState } from './state.ts';

/** Before that the service has nothing to send but how far it is, which a browser would keep as a file. */
export function isHere({
  playback,
  details,
  recording,
}: Pick<PlayerState, 'playback' | 'details' | 'recording'>): boolean {
  if (playback.name === 'playing' || playback.name === 'paused' || playback.name === 'stalled') return true;
  const mine = details?.recordings.find((one) => (recording === null ? one.primary : one.recording_sid === recording));
  return mine?.state === 'ready';
}
