// What is said of a call in a list and above its page. Pure.

import type { Call, Direction, Recording, RecordingState } from '../service/shapes.ts';
import { phone, playingTime } from '../words/formats.ts';
import { CALL_STATUSES } from './filters.ts';
import type { ConsoleKey } from './words/en.ts';
import type { ConsoleWords } from './words/words.ts';

/** The other side's number: who called, or who was called. */
export function partyNumber(call: Call): string | null {
  return call.direction === 'outbound' ? call.to : (call.from ?? (call.direction === null ? call.to : null));
}

export function partyOf(call: Call, words: ConsoleWords): string {
  const number = partyNumber(call);
  return number === null ? words.say('number_unknown') : phone(number);
}

/** The business's own number, where the direction tells which one it is. */
export function viaOf(call: Call, words: ConsoleWords): string | null {
  if (call.direction === 'outbound' && call.from !== null) return words.say('via_from', { number: phone(call.from) });
  if (call.direction === 'inbound' && call.to !== null) return words.say('via_to', { number: phone(call.to) });
  return null;
}

export type CallDirection = Direction | 'unknown';

export function directionOf(call: Call): CallDirection {
  return call.direction ?? 'unknown';
}

export function whenOf(call: Call): string {
  return call.started_at ?? call.heard_at;
}

/** As announced; else that of the longest recording. */
export function durationOf(call: Call): number | null {
  if (call.duration_seconds !== null) return call.duration_seconds;
  const lengths = call.recordings.flatMap((one) => one.duration_seconds ?? []);
  return lengths.length > 0 ? Math.max(...lengths) : null;
}

export function durationText(call: Call): string | null {
  const seconds = durationOf(call);
  return seconds === null ? null : playingTime(seconds);
}

/** Null for a call that simply was: nothing to say of it. */
export function statusKey(status: string | null): ConsoleKey | null {
  const known = CALL_STATUSES.find((one) => one === status);
  return known === undefined || known === 'completed' ? null : `status_${known}`;
}

/** The one that a Play button plays: the primary, else any that may be heard; null where nothing is left to hear. */
export function playable(call: Call): Recording | null {
  const primary = call.recordings.find((one) => one.primary);
  if (primary !== undefined && primary.state !== 'gone') return primary;
  return call.recordings.find((one) => one.state !== 'gone') ?? null;
}

/**
 * The one that a call's page is about unless told: the primary as it was first found, also when another one takes its
 * place. One that is gone, which nobody hears, may give way to another.
 */
export function keptRecording(call: Call, kept: string | null): string | null {
  const primary = call.recordings.find((one) => one.primary && one.state !== 'gone');
  return kept ?? primary?.recording_sid ?? null;
}

/** How many recordings are in each state, in the order of the first of each. */
export function statesOf(call: Call): readonly { readonly state: RecordingState; readonly count: number }[] {
  const counts = new Map<RecordingState, number>();
  for (const { state } of call.recordings) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => ({ state, count }));
}

export function channelsText(channels: number | null, { say, formats }: ConsoleWords): string | null {
  if (channels === null || channels < 1) return null;
  if (channels === 1) return say('channels_1');
  return channels === 2 ? say('channels_2') : say('channels_many', { count: formats.number(channels) });
}
