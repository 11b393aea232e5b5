// Which lanes there are, and who speaks in them: pure.

import type { PlayerState } from '../state.ts';
import type { PlayerWords } from '../words.ts';
import { speakerName } from './speakers.ts';

/** How a lane is called, and whose colour it has. */
export interface LaneName {
  readonly name: string;
  readonly role: 'caller' | 'agent' | null;
}

type Known = Pick<PlayerState, 'waveform' | 'transcript' | 'details' | 'recording'>;

/** What is measured counts more than what Twilio announced; names are known with the transcript. */
export function lanesOf({ waveform, transcript, details, recording }: Known, words: PlayerWords): readonly LaneName[] {
  const measured = waveform.kind === 'found' ? waveform.value.lanes.length : null;
  const mine = details?.recordings.find((one) => (recording === null ? one.primary : one.recording_sid === recording));
  const announced = mine?.channels ?? null;
  const speakers = transcript.kind === 'found' ? transcript.value.speakers : [];
  const count = Math.max(1, Math.min(2, measured ?? announced ?? 1));
  return Array.from({ length: count }, (_, channel) => ({
    name: speakerName(channel, speakers, words) ?? words.say('lane', { number: channel + 1 }),
    role: speakers.find((speaker) => speaker.channel === channel)?.role ?? null,
  }));
}
