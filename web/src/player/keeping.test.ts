// One player keeps to one recording, also when another one becomes the call's primary.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Credentials, Service } from '../service/service.ts';
import type { RecordingState, Stage } from '../service/shapes.ts';
import { type FakeService, type FakeWorld, fakeService, fakeWorld, settled } from './fakes.ts';
import type { PlayerStore } from './state.ts';
import { createPlayerStore } from './store.ts';

let service: FakeService;
let world: FakeWorld;
let store: PlayerStore;

beforeEach(() => {
  vi.useFakeTimers();
  service = fakeService();
  world = fakeWorld();
  service.answers('details', details('RE1'));
  service.answers('waveform', making);
  service.answers('transcript', making);
  service.answers('check', () => new Response('ID', { status: 206 }));
});

afterEach(() => {
  store.dispose();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function mounted(credentials: Credentials = { kind: 'cookie' }): Promise<void> {
  const base = new URL('https://calls.example/');
  const options = { service: new Service(base, credentials), call: 'CA1', recording: null, startSecond: 0 };
  store = createPlayerStore({ ...options, renewLink: async () => null }, world);
  await settled();
}

async function pressed(): Promise<void> {
  store.send({ type: 'play' });
  await vi.advanceTimersByTimeAsync(1_000);
}

const making = () => Response.json({ status: 'preparing' }, { status: 202 });
const refused = (status: number, code: string) => () => Response.json({ code }, { status });
const transcript = (of: string) => () =>
  Response.json({ call_sid: 'CA1', recording_sid: of, revision: 1, speakers: [], utterances: [] });

function details(primary: string, state: RecordingState = 'ready') {
  const recordings = ['RE1', 'RE2'].map((sid) => ({
    recording_sid: sid,
    primary: sid === primary,
    state,
    duration_seconds: 60,
  }));
  const stages: readonly Stage[] = [];
  return () => Response.json({ call_sid: 'CA1', recordings, stages });
}

/** What the audio element was given, and from where on. */
const loads = () => (world.media?.did ?? []).flatMap((what) => /^load (.* at \S+)/.exec(what)?.[1] ?? []);

test('what plays stays the same when another recording becomes the primary', async () => {
  await mounted();
  await pressed();
  world.media?.tell({ type: 'time', second: 17 });
  service.answers('details', details('RE2'));
  await service.tell('stages', { stages: [{ stage: 'summarise', state: 'done' }] });
  expect(service.count('details')).toBe(2);
  world.media?.tell({ type: 'failed', code: 2 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(store.state.playback.name).toBe('playing');
  expect(loads()).toEqual(['?recording=RE1 at 0', '?recording=RE1 at 17']);
  expect(service.named('check')).toEqual(['RE1']);
  expect(service.named('events')).toEqual(['RE1']);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(service.named('waveform')).toEqual([null, 'RE1']);
  expect(service.named('transcript')).toEqual([null, 'RE1']);
  expect(store.state).toMatchObject({ recording: 'RE1', details: { recordings: [{}, { primary: true }] } });
});

test('the transcript names it, too', async () => {
  service.answers('details', null);
  service.answers('transcript', transcript('RE2'));
  await mounted();
  expect(store.state.recording).toBe('RE2');
});

test('the stream of events names it, too', async () => {
  service.answers('details', null);
  service.answers('check', making);
  await mounted();
  store.send({ type: 'play' });
  await settled();
  await service.tell('message', said('RE2'));
  expect(store.state.recording).toBe('RE2');
});

test('an address is never given without a name: it is asked for where nothing has told it', async () => {
  service.answers('details', null);
  service.answers('events', null);
  service.answers('status', () => Response.json(said('RE2')));
  await mounted();
  await pressed();
  expect(service.count('status')).toBe(1);
  expect(loads()).toEqual(['?recording=RE2 at 0']);
  store.dispose();
  await mounted({ kind: 'link', query: 'recording=RE9&link=l' });
  await pressed();
  expect(service.count('status')).toBe(1);
});

test('what is said of another recording is not said of this one', async () => {
  service.answers('check', making);
  await mounted();
  store.send({ type: 'play' });
  await settled();
  await service.tell('message', said('RE2', 'ready'));
  expect(store.state.recording).toBe('RE1');
  expect(store.state.progress, 'this one is still on its way').not.toBeNull();
});

test('one that is deleted meanwhile ends in its message, and in no other recording', async () => {
  await mounted();
  await pressed();
  service.answers('check', refused(410, 'recording_erased'));
  world.media?.tell({ type: 'failed', code: 2 });
  await settled();
  expect(store.state.playback).toEqual({ name: 'stopped', why: 'recording_erased', retry: 'never' });
  expect(service.named('check')).toEqual(['RE1']);
});

test('one that was gone before anybody heard it gives way to the next', async () => {
  service.answers('details', details('RE1', 'gone'));
  await mounted();
  expect(store.state.recording).toBeNull();
  service.answers('status', () => Response.json(said('RE2')));
  await pressed();
  expect(store.state).toMatchObject({ recording: 'RE2', playback: { name: 'playing' } });
});

/** The bytes of a cold recording come while they play: nothing is measured, and only details tell how long it is. */
test.each([
  ['is a cut, far from the announced length', 20, 'playing', 2],
  ['is the end, as near to it as the service accepts', 57.5, 'paused', 1],
] as const)('an end while it arrives %s', async (_, second, name, count) => {
  await mounted();
  await pressed();
  world.media?.tell({ type: 'time', second });
  world.media?.tell({ type: 'ended' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(store.state.playback.name).toBe(name);
  expect(loads().length).toBe(count);
});

function said(of: string, state: RecordingState = 'downloading') {
  return { recording_sid: of, state, phase: null, received_bytes: 0, total_bytes: null, retry_at: null, reason: null };
}
