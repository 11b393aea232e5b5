// What a list of calls tells of the number that they were held with. Pure.

import type { Appointment, Call } from '../service/shapes.ts';
import { instant } from '../words/formats.ts';
import { durationOf, whenOf } from './call-facts.ts';

export interface History {
  readonly calls: number;
  readonly inbound: number;
  readonly outbound: number;
  readonly talkSeconds: number;
  /** Null where there was no call. */
  readonly lastContact: string | null;
}

/** Of the calls that are loaded, newest first. */
export function historyOf(calls: readonly Call[]): History {
  const count = (direction: Call['direction']) => calls.filter((call) => call.direction === direction).length;
  return {
    calls: calls.length,
    inbound: count('inbound'),
    outbound: count('outbound'),
    talkSeconds: calls.reduce((sum, call) => sum + (durationOf(call) ?? 0), 0),
    lastContact: calls[0] === undefined ? null : whenOf(calls[0]),
  };
}

export interface UpcomingAppointment {
  readonly appointment: Appointment;
  readonly call: string;
}

/** Those that were made in one of these calls and are still to come, soonest first. */
export function upcomingOf(
  appointments: readonly Appointment[],
  calls: readonly Call[],
  nowMs: number,
): readonly UpcomingAppointment[] {
  const callOf = new Map(calls.flatMap((call) => call.recordings.map((one) => [one.recording_sid, call.call_sid])));
  return appointments
    .flatMap((appointment) => {
      const call = callOf.get(appointment.recording_sid);
      const isToCome = (instant(appointment.starts_at) ?? 0) >= nowMs && appointment.status !== 'dismissed';
      return call !== undefined && isToCome ? [{ appointment, call }] : [];
    })
    .sort((a, b) => (instant(a.appointment.starts_at) ?? 0) - (instant(b.appointment.starts_at) ?? 0));
}
