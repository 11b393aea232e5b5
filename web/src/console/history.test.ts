// What calls tell of a number, and what is still to come.

import { expect, it } from 'vitest';
import type { Appointment, Call } from '../service/shapes.ts';
import { historyOf, upcomingOf } from './history.ts';

const call = (sid: string, direction: Call['direction'], seconds: number | null): Call => ({
  call_sid: sid,
  direction,
  from: '+1',
  to: '+2',
  status: 'completed',
  started_at: `2026-01-0${sid}T00:00:00Z`,
  heard_at: '2026-02-01T00:00:00Z',
  duration_seconds: seconds,
  recordings: [
    {
      recording_sid: `RE${sid}`,
      primary: true,
      state: 'absent',
      source_status: 'completed',
      channels: 1,
      started_at: null,
      duration_seconds: 5.5,
      audio_url: '',
      download_url: '',
    },
  ],
});
const CALLS = [call('3', 'inbound', 10), call('2', 'outbound', null), call('1', null, 20)];

it('counts, adds up and finds the last contact', () => {
  expect(historyOf(CALLS)).toEqual({
    calls: 3,
    inbound: 1,
    outbound: 1,
    talkSeconds: 35.5,
    lastContact: '2026-01-03T00:00:00Z',
  });
  expect(historyOf([])).toMatchObject({ calls: 0, talkSeconds: 0, lastContact: null });
});

it('finds the appointments of these calls that are still to come, soonest first', () => {
  const made = (id: number, recording: string, starts: string, status: Appointment['status'] = 'proposed') =>
    ({ id, recording_sid: recording, starts_at: starts, status }) as Appointment;
  const appointments = [
    made(1, 'RE3', '2026-03-09T10:00:00Z'),
    made(2, 'RE2', '2026-03-05T10:00:00+02:00', 'confirmed'),
    made(3, 'RE1', '2026-03-06T10:00:00Z', 'dismissed'),
    made(4, 'RE1', '2026-03-01T10:00:00Z'),
    made(5, 'RE9', '2026-03-07T10:00:00Z'),
  ];
  const found = upcomingOf(appointments, CALLS, Date.UTC(2026, 2, 2));
  expect(found.map((one) => [one.appointment.id, one.call])).toEqual([
    [2, '2'],
    [1, '3'],
  ]);
});
