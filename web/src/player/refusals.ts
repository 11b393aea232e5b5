// What follows from an answer that is none: the one table from the service's problems to what the player does.

import type { Why } from './state.ts';

/** Of a `Problem`, what decides. */
export interface Fault {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | null;
}

export interface Refusal {
  readonly why: Why;
  readonly cure: Cure;
}

export type Cure =
  /** Nothing that anybody does here helps. */
  | { readonly do: 'stop' }
  /** Somebody has to act, here or there; then asking again makes sense. */
  | { readonly do: 'stop_for_now' }
  /** Not before the moment that it says. */
  | { readonly do: 'stop_until_told' }
  /** It may be otherwise in a moment. */
  | { readonly do: 'ask_again'; readonly timesMax: number }
  | { readonly do: 'renew_link' };

const NEVER: Cure = { do: 'stop' };
const SOMEBODY_ACTS: Cure = { do: 'stop_for_now' };

export function refusalOf({ status, code }: Fault): Refusal {
  switch (status) {
    case 0:
      return { why: 'offline', cure: { do: 'ask_again', timesMax: 8 } };
    case 401:
      return code === 'link_expired'
        ? { why: 'link_expired', cure: { do: 'renew_link' } }
        : { why: 'signed_out', cure: SOMEBODY_ACTS };
    case 403:
      return { why: 'not_allowed', cure: NEVER };
    case 404:
      return { why: ABSENT[code] ?? 'no_such_call', cure: NEVER };
    case 410:
      return { why: code === 'recording_erased' ? 'recording_erased' : 'recording_expired', cure: NEVER };
    case 429:
      return { why: 'too_often', cure: { do: 'ask_again', timesMax: 4 } };
    case 503:
      return code === 'attempts_exhausted'
        ? { why: 'attempts_exhausted', cure: { do: 'stop_until_told' } }
        : { why: 'unavailable', cure: BUSY };
    // The service itself never says these: something between us does, mostly while the service restarts.
    case 408:
    case 502:
    case 504:
      return { why: 'unavailable', cure: BUSY };
    default:
      return { why: code === 'source_refused_credentials' ? code : 'broken', cure: SOMEBODY_ACTS };
  }
}

const BUSY: Cure = { do: 'ask_again', timesMax: 6 };

const ABSENT: Readonly<Record<string, Why>> = {
  no_such_call: 'no_such_call',
  no_recording: 'no_recording',
  recording_absent: 'recording_absent',
  recording_failed: 'recording_failed',
  recording_deleted: 'recording_deleted',
  recording_missing: 'recording_missing',
};
