// How long the player waits for what, and how often it asks again: every bound of its machine, and the pauses between.

/** After so long without bytes somebody must ask again. */
export const PATIENCE_MS = 3 * 60_000;
/** Between the beginnings of two checks, whatever happens: also somebody who presses again and again. */
export const CHECK_GAP_MS = 1_000;
/** The service keeps a check waiting for 5 s; what takes longer than this gets no answer any more. */
export const ANSWER_MS = 15_000;
/** For the host page to come up with another link. */
export const RENEWAL_MS = 30_000;
/** Links asked for without any progress in between: one that has expired again at once is of no use. */
export const RENEWALS_MAX = 2;
/** Without a byte, after the audio element was given the address. */
export const LOADING_QUIET_MS = 15_000;
/** Without a byte, in mid-play: the connection is as good as lost. */
export const STALLED_QUIET_MS = 6_000;
/** How often what is announced brings a check forward that then finds nothing. */
export const HURRIES_MAX = 3;
/** The audio element fails at one place so often, and it is given up. */
export const FALLS_MAX = 3;
/** Nearer together, two failures are at the same place. */
export const PLACE_SECONDS = 1;
/** An end that comes more than this too early is a connection that was cut. */
export const END_EARLY_SECONDS = 2;
/** The same where Twilio's word for the length is all there is: the service takes a copy that is so much shorter. */
export const END_EARLY_SHARE = 0.05;
/** Where a refusal does not say when to ask again, and asking at once would be refused again. */
export const RETRY_AFTER_MS = 5_000;

/** Not there yet, and nothing said when to ask again. */
export const preparingPauseMs = pauses([3_000, 5_000, 8_000, 10_000, 15_000]);
/** No answer, or one that may be another the next time. */
export const failurePauseMs = pauses([1_000, 2_000, 4_000, 8_000, 15_000]);
/** The audio element has failed at this place before. */
export const fallPauseMs = pauses([0, 2_000, 5_000]);
/** A stream of events that broke off. */
export const streamPauseMs = pauses([1_000, 2_000, 5_000, 10_000, 20_000, 30_000]);
/** A finding that is not there yet: its stage's events come first, where they are followed. */
export const findingPauseMs = pauses([2_000, 5_000, 10_000, 20_000, 30_000, 60_000]);

/** The pause before the n-th time, from 0; the last one repeats. */
function pauses(list: readonly [number, ...number[]]): (time: number) => number {
  return (time) => list[Math.min(Math.max(time, 0), list.length - 1)] ?? list[0];
}
