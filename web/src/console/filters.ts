// What a list of calls is narrowed to: from and to the address, and as the service is asked for it. Pure.

import type { Direction } from '../service/shapes.ts';

export const CALL_STATUSES = [
  'queued',
  'ringing',
  'in-progress',
  'completed',
  'busy',
  'failed',
  'no-answer',
  'canceled',
] as const;
export type CallStatus = (typeof CALL_STATUSES)[number];

/** Null or empty: any. `from` and `to` are days of the reader's own calendar, `2026-03-05`, both included. */
export interface CallFilters {
  readonly direction: Direction | null;
  readonly q: string;
  readonly number: string;
  readonly from: string;
  readonly to: string;
  readonly status: CallStatus | null;
  readonly hasRecording: boolean | null;
}

export const NO_FILTERS: CallFilters = {
  direction: null,
  q: '',
  number: '',
  from: '',
  to: '',
  status: null,
  hasRecording: null,
};

/** Longer ones the service refuses. */
export const QUESTION_CHARACTERS_MAX = 200;
const NUMBER_CHARACTERS_MAX = 64;

/** Whatever makes no sense is left out: an address may come from anywhere. */
export function parseFilters(query: URLSearchParams): CallFilters {
  const text = (name: string, max: number) => [...(query.get(name) ?? '')].slice(0, max).join('');
  const hasRecording = query.get('has_recording');
  return {
    direction: (['inbound', 'outbound'] as const).find((direction) => direction === query.get('direction')) ?? null,
    q: text('q', QUESTION_CHARACTERS_MAX),
    number: text('number', NUMBER_CHARACTERS_MAX),
    from: dayOf(query.get('from')),
    to: dayOf(query.get('to')),
    status: CALL_STATUSES.find((status) => status === query.get('status')) ?? null,
    hasRecording: hasRecording === 'true' ? true : hasRecording === 'false' ? false : null,
  };
}

export function formatFilters(filters: CallFilters): URLSearchParams {
  const query = new URLSearchParams();
  if (filters.direction !== null) query.set('direction', filters.direction);
  if (filters.q.trim() !== '') query.set('q', filters.q);
  if (filters.number !== '') query.set('number', filters.number);
  if (filters.from !== '') query.set('from', filters.from);
  if (filters.to !== '') query.set('to', filters.to);
  if (filters.status !== null) query.set('status', filters.status);
  if (filters.hasRecording !== null) query.set('has_recording', String(filters.hasRecording));
  return query;
}

/** As `GET /api/calls` takes them: days become moments, and a number loses what people write between its digits. */
export function askedOf(filters: CallFilters): URLSearchParams {
  const query = formatFilters({ ...filters, q: filters.q.trim(), number: plainNumber(filters.number) });
  if (filters.from !== '') query.set('from', moment(filters.from, 'T00:00:00'));
  if (filters.to !== '') query.set('to', moment(filters.to, 'T23:59:59.999'));
  return query;
}

/** How many filters are set beside the direction and the search, which are always in sight. */
export function detailCount(filters: CallFilters): number {
  const { number, from, to, status, hasRecording } = filters;
  return [number !== '', from !== '' || to !== '', status !== null, hasRecording !== null].filter(Boolean).length;
}

export function isFiltered(filters: CallFilters): boolean {
  return formatFilters(filters).size > 0;
}

/** `+1 (555) 010-0123` → `+15550100123`, `0049 30 1234` → `+49301234`; a SIP address or a name stays as it is. */
export function plainNumber(text: string): string {
  // Copied from a page, a number may bring along marks of its direction, which nobody sees.
  const seen = text.replace(/[\u2066-\u2069\u200e\u200f\u202a-\u202e]/g, '').trim();
  if (!/^\+?[\d\s().\-/\u2010-\u2015]+$/.test(seen)) return seen;
  return seen.replace(/[^\d+]/g, '').replace(/^00(?=[1-9])/, '+');
}

function dayOf(text: string | null): string {
  if (text === null || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return '';
  const parsed = new Date(`${text}T00:00:00Z`);
  // 31 February would roll over into March.
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text) ? text : '';
}

/** Without a zone, a time is read as the reader's own. */
function moment(day: string, time: string): string {
  return new Date(`${day}${time}`).toISOString();
}
