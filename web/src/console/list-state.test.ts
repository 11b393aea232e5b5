// Pages join without gaps, doubles or lost places.

import { expect, it } from 'vitest';
import type { Call, CallPage, RecordingState } from '../service/shapes.ts';
import {
  EMPTY,
  type ListState,
  moreAsked,
  moreFailed,
  neighbours,
  newCallCount,
  newestArrived,
  olderArrived,
  stateChanges,
} from './list-state.ts';

const call = (sid: string, state: RecordingState = 'absent'): Call => ({
  call_sid: sid,
  direction: 'inbound',
  from: '+1',
  to: '+2',
  status: 'completed',
  started_at: null,
  heard_at: '2026-01-01T00:00:00Z',
  duration_seconds: 1,
  recordings: [
    {
      recording_sid: `RE-${sid}`,
      primary: true,
      state,
      source_status: 'completed',
      channels: 1,
      started_at: null,
      duration_seconds: 1,
      audio_url: '',
      download_url: '',
    },
  ],
});
const page = (sids: string, cursor: string | null = null): CallPage => ({
  calls: [...sids].map((sid) => call(sid)),
  next_cursor: cursor,
});
const sids = (state: ListState) => state.calls?.map((one) => one.call_sid).join('') ?? null;

const two = () => olderArrived(newestArrived(EMPTY, page('fed', 'd')), page('cba', 'a'), 'd');

it('puts an older page below', () => {
  expect(sids(two())).toBe('fedcba');
  expect(two()).toMatchObject({ cursor: 'a', more: 'idle' });
});

it('keeps older pages when the newest is asked again', () => {
  const again = newestArrived(two(), page('hgfe', 'e'));
  expect(sids(again)).toBe('hgfedcba');
  expect(again.cursor).toBe('a');
});

it('drops older pages when there is a gap above them', () => {
  const again = newestArrived(two(), page('zyx', 'x'));
  expect(sids(again)).toBe('zyx');
  expect(again.cursor).toBe('x');
});

it('drops what is no longer there when the newest page is all there is', () => {
  expect(sids(newestArrived(two(), page('fe')))).toBe('fe');
  expect(newestArrived(two(), page('fe')).cursor).toBeNull();
});

it('never shows a call twice', () => {
  const moved = newestArrived(two(), page('bfed', 'd'));
  expect(sids(moved)).toBe('bfedca');
  expect(sids(olderArrived(newestArrived(EMPTY, page('fed', 'd')), page('dcb'), 'd'))).toBe('fedcb');
});

it('drops an older page that was asked for below another end', () => {
  const state = moreAsked(two());
  expect(sids(olderArrived(state, page('zz'), 'd'))).toBe('fedcba');
  expect(olderArrived(state, page('zz'), 'd').more).toBe('idle');
});

it('says that more could not be had, and keeps what there is', () => {
  expect(moreFailed(moreAsked(two()))).toMatchObject({ more: 'failed', cursor: 'a' });
});

it('counts what is new on top', () => {
  const before = two();
  expect(newCallCount(before, newestArrived(before, page('hgfed', 'd')))).toBe(2);
  expect(newCallCount(EMPTY, before)).toBe(0);
  expect(newCallCount(before, before)).toBe(0);
});

it('tells whose recording is in another state', () => {
  const before: ListState = { ...EMPTY, calls: [call('a'), call('b')] };
  const after: ListState = { ...EMPTY, calls: [call('c', 'ready'), call('a', 'ready'), call('b')] };
  expect(stateChanges(before, after).map((one) => [one.call.call_sid, one.state])).toEqual([['a', 'ready']]);
});

it('knows the calls beside one', () => {
  const calls = two().calls ?? [];
  expect(neighbours(calls, 'f')).toEqual({ newer: null, older: 'e' });
  expect(neighbours(calls, 'a')).toEqual({ newer: 'b', older: null });
  expect(neighbours(calls, 'q')).toEqual({ newer: null, older: null });
});
