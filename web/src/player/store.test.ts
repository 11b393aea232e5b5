// The store keeps what it promises: every request is counted, and after `dispose` there is none.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Credentials, Service } from '../service/service.ts';
import type { RecordingStatus, Stage, WaveformJson } from '../service/shapes.ts';
import { type FakeService, type FakeWorld, fakeService, fakeWorld, settled } from './fakes.ts';
import type { PlayerStore, StoreOptions } from './state.ts';
import { createPlayerStore } from './store.ts';

const LINK: Credentials = { kind: 'link', query: 'recording=RE1&link=old' };
const FRESH: Credentials = { kind: 'link', query: 'recording=RE1&link=new' };
const TOKEN: Credentials = { kind: 'token', token: 't' };

let service: FakeService;
let world: FakeWorld;
let store: PlayerStore;

beforeEach(() => {
  vi.useFakeTimers();
  service = fakeService();
  world = fakeWorld();
  service.answers('details', () => Response.json(DETAILS));
  service.answers('waveform', () => Response.json(WAVEFORM));
  service.answers('transcript', () => Response.json(TRANSCRIPT, { headers: { ETag: '"1"' } }));
  service.answers('check', () => new Response('ID', { status: 206 }));
  service.answers('link', () => Response.json({ url: 'https://x.example/?recording=RE1&link=signed' }));
});

afterEach(() => {
  store?.dispose();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function mounted(credentials: Credentials = TOKEN, more: Partial<StoreOptions> = {}): Promise<PlayerStore> {
  store = createPlayerStore(
    {
      service: new Service(new URL('https://calls.example/'), credentials),
      call: 'CA1',
      recording: null,
      startSecond: 0,
      renewLink: async () => null,
      ...more,
    },
    world,
  );
  await settled();
  return store;
}

async function playing(): Promise<PlayerStore> {
  await mounted();
  store.send({ type: 'play' });
  await settled();
  expect(store.state.playback.name).toBe('playing');
  return store;
}

const problem =
  (status: number, code: string, headers: HeadersInit = {}) =>
  () =>
    Response.json({ code }, { status, headers });
const making =
  (headers: HeadersInit = {}) =>
  () =>
    Response.json({ status: 'preparing' }, { status: 202, headers });

describe('mounted', () => {
  test('it asks for details and findings, and for no audio', async () => {
    await mounted();
    await vi.advanceTimersByTimeAsync(600_000);
    expect([...service.asked].sort()).toEqual(['details', 'transcript', 'waveform']);
    expect(world.media).toBeNull();
    expect(store.state).toMatchObject({
      playback: { name: 'idle' },
      progress: null,
      timeline: { second: 0, durationSeconds: 10 },
      waveform: { kind: 'found' },
      transcript: { kind: 'found' },
      may: { download: true, correct: true, decide: true },
    });
  });

  test('with a link it asks for findings only, and may change nothing', async () => {
    await mounted(LINK);
    expect([...service.asked].sort()).toEqual(['transcript', 'waveform']);
    expect(store.state.details).toBeNull();
    expect(store.state.may).toEqual({ download: false, correct: false, decide: false });
  });

  test('what is being made is asked for a few times, and not for ever', async () => {
    service.answers('transcript', making());
    await mounted(LINK);
    expect(store.state.transcript).toEqual({ kind: 'coming', progress: null });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(service.count('transcript')).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    [problem(404, 'no_speech'), 'no_speech', 1],
    [problem(404, 'no_transcript'), 'off', 1],
    [problem(404, 'pipeline_off'), 'off', 1],
    [problem(404, 'pipeline_failed'), 'failed', 1],
    [problem(404, 'no_recording'), 'none', 1],
    [problem(404, 'no_such_call'), 'none', 1],
    [problem(410, 'recording_expired'), 'gone', 1],
    [problem(403, 'signature_mismatch'), 'unreachable', 1],
    [problem(401, 'link_expired'), 'unreachable', 1],
    [problem(503, 'away', { 'Retry-After': '5' }), 'unreachable', 7],
    [problem(500, 'internal'), 'unreachable', 7],
  ] as const)('there is no transcript, %#', async (answer, why, requests) => {
    service.answers('transcript', answer);
    await mounted(LINK);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(store.state.transcript).toEqual({ kind: 'none', why });
    expect(service.count('transcript')).toBe(requests);
  });
});

describe('played', () => {
  test('it is checked once, signed, and sounds from the wanted second', async () => {
    await mounted(TOKEN, { startSecond: 7 });
    const names: string[] = [];
    store.subscribe(() => names.push(store.state.playback.name));
    store.send({ type: 'play' });
    await settled();
    expect(service.asked.slice(3)).toEqual(['check', 'events', 'link']);
    expect(world.media?.did).toEqual([
      'rate 1',
      'volume 1',
      'unlock',
      'load ?recording=RE1&link=signed at 7 anonymous',
      'play',
    ]);
    expect([...new Set(names)]).toEqual(['preparing', 'starting', 'playing']);
  });

  test('whoever subscribed is told once for what happens at once', async () => {
    await mounted();
    let told = 0;
    store.subscribe(() => told++);
    for (const second of [1, 2, 3, 4]) store.send({ type: 'seek', second });
    expect(store.state.timeline.second).toBe(4);
    expect(store.state).toBe(store.state);
    await settled();
    expect(told).toBe(1);
  });

  test('how far it is on its way is told, and bytes bring the check forward', async () => {
    service.answers('check', making({ 'Retry-After': '60' }));
    await mounted();
    store.send({ type: 'play' });
    await vi.advanceTimersByTimeAsync(2_000);
    await service.tell('message', status({ phase: 'connecting', total_bytes: null }));
    expect(store.state.progress).toMatchObject({ phase: 'connecting', receivedSeconds: null });
    expect(service.count('check')).toBe(1);

    service.answers('check', () => new Response('ID', { status: 206 }));
    await service.tell('message', status({ phase: 'receiving', received_bytes: 250 }));
    expect(store.state.progress).toMatchObject({ receivedBytes: 250, totalBytes: 1000, receivedSeconds: 2.5 });
    expect(service.count('check')).toBe(2);
    expect(store.state.playback.name).toBe('playing');

    await service.tell('message', status({ state: 'ready', phase: null, received_bytes: 1000 }), 'ready');
    expect(store.state.progress).toBeNull();
  });

  test('what a check said is forgotten once it sounds, also without events', async () => {
    service.answers('events', problem(404, 'no_such_page'));
    service.answers('check', making({ 'Retry-After': '2' }));
    await mounted();
    store.send({ type: 'play' });
    await settled();
    expect(store.state.progress).not.toBeNull();
    service.answers('check', () => new Response('ID', { status: 206 }));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(store.state.playback.name).toBe('playing');
    expect(store.state.progress).toBeNull();
  });

  test('the audio element knows best how long it is', async () => {
    await playing();
    world.media?.tell({ type: 'duration', seconds: 10.25 });
    world.media?.tell({ type: 'buffered', spans: [{ start: 0, end: 3 }] });
    expect(store.state.timeline).toMatchObject({ durationSeconds: 10.25, buffered: [{ start: 0, end: 3 }] });
    store.send({ type: 'seek', second: 99 });
    expect(store.state.timeline.second).toBe(10.25);
    store.send({ type: 'seek_by', seconds: -99 });
    expect(store.state.timeline.second).toBe(0);
  });

  test('silence is skipped where somebody wants that', async () => {
    await playing();
    world.media?.tell({ type: 'time', second: 4.5 });
    expect(store.state.timeline.second).toBe(4.5);
    store.send({ type: 'skip_silence', skips: true });
    world.media?.tell({ type: 'time', second: 4.6 });
    expect(world.media?.did.at(-1)).toBe('seek 5.75');
    expect(store.state.timeline.second).toBe(5.75);
    world.media?.tell({ type: 'time', second: 5.7 });
    expect(world.media?.did.at(-1)).toBe('seek 5.75');
  });

  test('what has not changed stays the same object', async () => {
    await playing();
    const { playback, may, timeline, sound, transcript } = store.state;
    world.media?.tell({ type: 'time', second: 1 });
    expect(store.state.timeline).not.toBe(timeline);
    expect(store.state.playback).toBe(playback);
    expect(store.state.may).toBe(may);
    expect(store.state.sound).toBe(sound);
    expect(store.state.transcript).toBe(transcript);
  });

  test('toggle means what is wanted, also while it is prepared', async () => {
    service.answers('check', making());
    await mounted();
    const wants: unknown[] = [];
    for (let press = 0; press < 3; press++) {
      store.send({ type: 'toggle' });
      await settled();
      wants.push(store.state.wantsSound);
    }
    expect(wants).toEqual([true, false, true]);
    expect(service.count('check')).toBe(1);
  });
});

describe('the stream of events', () => {
  test('makes findings appear as their stages are done', async () => {
    service.answers('transcript', making());
    await playing();
    await service.tell('stages', { stages: [stage('transcribe', 'running', 0.4)] });
    expect(store.state.transcript).toEqual({ kind: 'coming', progress: 0.4 });
    expect([service.count('transcript'), service.count('details')]).toEqual([1, 1]);

    service.answers('transcript', () => Response.json(TRANSCRIPT));
    await service.tell('stages', { stages: [stage('transcribe', 'done'), stage('summarise', 'running')] });
    expect(store.state.transcript.kind).toBe('found');
    expect([service.count('transcript'), service.count('details')]).toEqual([2, 2]);

    await service.tell('stages', { stages: [stage('transcribe', 'done'), stage('summarise', 'done')] });
    expect([service.count('transcript'), service.count('details')]).toEqual([2, 3]);
  });

  test('is followed while stages go on, also where nobody listens', async () => {
    service.answers('details', () => Response.json({ ...DETAILS, stages: [stage('transcribe', 'running', 0.1)] }));
    await mounted();
    expect(service.count('events')).toBe(1);
    await service.tell('stages', { stages: [stage('transcribe', 'done')] });
    expect(service.open).toBe(0);
  });

  test('that breaks off is taken up again, and not for ever', async () => {
    service.answers('events', () => new Response('', { headers: { 'Content-Type': 'text/event-stream' } }));
    await playing();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(service.count('events')).toBe(9);
  });

  test('that is complete is not asked for again', async () => {
    service.answers('events', () => new Response(null, { status: 204 }));
    await playing();
    for (const type of ['pause', 'play', 'pause', 'play'] as const) store.send({ type });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(service.count('events')).toBe(1);
  });

  test('that is one too many is asked for when the service says', async () => {
    service.answers('events', problem(429, 'too_many_streams', { 'Retry-After': '30' }));
    await playing();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(service.count('events')).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(service.count('events')).toBe(2);
  });

  test('of nonsense changes nothing', async () => {
    await playing();
    const before = store.state.playback;
    await service.tell('message', 'nonsense');
    await service.tell('stages', { stages: 3 });
    await service.tell('unheard', {});
    expect(store.state.playback).toEqual(before);
  });
});

describe('links', () => {
  test('all that need another one ask the page once', async () => {
    for (const route of ['waveform', 'transcript', 'check'] as const) {
      service.answers(route, problem(401, 'link_expired'));
    }
    let give: (credentials: Credentials | null) => void = () => {};
    const renewLink = vi.fn(() => new Promise<Credentials | null>((resolve) => (give = resolve)));
    await mounted(LINK, { renewLink });
    store.send({ type: 'play' });
    await settled();
    expect(renewLink).toHaveBeenCalledTimes(1);
    for (const route of ['waveform', 'transcript'] as const) service.answers(route, () => Response.json(TRANSCRIPT));
    service.answers('check', () => new Response('ID', { status: 206 }));
    service.answers('waveform', () => Response.json(WAVEFORM));
    give(FRESH);
    await vi.advanceTimersByTimeAsync(1_000);
    await settled();
    expect(store.state).toMatchObject({ playback: { name: 'playing' }, waveform: { kind: 'found' } });
    expect(world.media?.did).toContain('load ?recording=RE1&link=new at 0 anonymous');
    expect(renewLink).toHaveBeenCalledTimes(1);
  });

  test('a page that fails has none', async () => {
    service.answers('check', problem(401, 'link_expired'));
    await mounted(LINK, {
      renewLink: () => {
        throw new Error('no handler');
      },
    });
    store.send({ type: 'play' });
    await settled();
    expect(store.state.playback).toEqual({ name: 'stopped', why: 'link_expired', retry: 'now' });
  });

  test('credentials that come unasked go on where it stopped, and find what they can', async () => {
    for (const route of ['waveform', 'transcript', 'check'] as const) {
      service.answers(route, problem(401, 'link_expired'));
    }
    await mounted(LINK);
    store.send({ type: 'play' });
    await settled();
    for (const route of ['waveform', 'transcript'] as const) {
      service.answers(route, () => Response.json(route === 'waveform' ? WAVEFORM : TRANSCRIPT));
    }
    service.answers('check', () => new Response('ID', { status: 206 }));
    store.renew(TOKEN);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.state).toMatchObject({
      playback: { name: 'playing' },
      waveform: { kind: 'found' },
      transcript: { kind: 'found' },
      may: { correct: true },
    });
    expect(store.state.details).not.toBeNull();
  });
});

describe('changes', () => {
  test('corrections are made one after the other, on the words of the one before', async () => {
    await mounted();
    const corrected = (revision: number) => () => Response.json({ ...TRANSCRIPT, revision });
    service.answers('correct', corrected(2));
    store.send({ type: 'correct', utterance: 0, text: 'one' });
    store.send({ type: 'correct', utterance: 1, text: 'two' });
    await Promise.resolve();
    expect(store.state.change).toEqual({ kind: 'correction', outcome: 'under_way' });
    await settled();
    expect(service.count('correct')).toBe(2);
    expect(store.state).toMatchObject({ change: null, transcript: { value: { revision: 2 } } });
  });

  test('where somebody was quicker, it says so and reads what they wrote', async () => {
    await mounted();
    service.answers('correct', problem(412, 'precondition_failed'));
    service.answers('transcript', () => Response.json({ ...TRANSCRIPT, revision: 9 }));
    store.send({ type: 'correct', utterance: 0, text: 'one' });
    await settled();
    expect(store.state).toMatchObject({
      change: { kind: 'correction', outcome: 'conflict' },
      transcript: { value: { revision: 9 } },
    });
  });

  test('a decision is followed by what became of it', async () => {
    await mounted();
    service.answers('decide', () => Response.json({}));
    store.send({ type: 'decide', appointment: 1, change: { status: 'confirmed' } });
    await settled();
    expect(store.state.change).toBeNull();
    expect(service.count('details')).toBe(2);
    service.answers('decide', problem(500, 'internal'));
    store.send({ type: 'decide', appointment: 1, change: { status: 'dismissed' } });
    await settled();
    expect(store.state.change).toEqual({ kind: 'decision', outcome: 'failed' });
  });
});

describe('how somebody likes to listen', () => {
  test('is remembered, but for the channel', async () => {
    await playing();
    store.send({ type: 'rate', rate: 1.5 });
    store.send({ type: 'volume', volume: 0.5 });
    store.send({ type: 'skip_silence', skips: true });
    store.send({ type: 'mute', isMuted: true });
    store.send({ type: 'solo', channel: 1 });
    expect(world.media?.did.slice(-1)).toEqual(['volume 0.5 muted']);
    expect(world.media?.did).toContain('solo 1');
    store.dispose();
    await mounted();
    expect(store.state.sound).toEqual({ rate: 1.5, volume: 0.5, isMuted: true, skipsSilence: true, soloChannel: null });
  });

  test('is forgotten where the browser forbids it, or keeps nonsense', async () => {
    const usual = { rate: 1, volume: 1, isMuted: false, skipsSilence: false, soloChannel: null };
    for (const kept of ['{', '[]', '7', '{"rate":3,"volume":"loud","isMuted":1}']) {
      world.kept.set('hearback-player', kept);
      await mounted();
      expect(store.state.sound).toEqual(usual);
    }
    const forbid = () => {
      throw new Error('forbidden');
    };
    world = { ...world, storage: { getItem: forbid, setItem: forbid } };
    await mounted();
    store.send({ type: 'rate', rate: 2 });
    expect(store.state.sound).toEqual({ ...usual, rate: 2 });
  });
});

describe('disposed', () => {
  test.each(['check', 'link', 'events', 'details', 'waveform', 'transcript', 'correct'] as const)(
    'while it waits for %s, it leaves nothing behind',
    async (route) => {
      service.answers(route, null);
      await mounted();
      store.send({ type: 'play' });
      store.send({ type: 'correct', utterance: 0, text: 'one' });
      await settled();
      let told = 0;
      store.subscribe(() => told++);
      store.dispose();
      const asked = service.asked.length;
      for (const type of ['play', 'retry', 'toggle'] as const) store.send({ type });
      store.renew(FRESH);
      world.goOnline();
      world.media?.tell({ type: 'failed', code: 2 });
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(service.open).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(world.onlineListeners).toBe(0);
      expect(world.media?.isDisposed).toBe(true);
      expect([service.asked.length - asked, told]).toEqual([0, 0]);
    },
  );
});

function status(some: Partial<RecordingStatus>): RecordingStatus {
  return {
    recording_sid: 'RE1',
    state: 'downloading',
    phase: 'queued',
    attempt: 1,
    received_bytes: 0,
    total_bytes: 1000,
    retry_at: null,
    reason: null,
    next: '',
    ...some,
  };
}

function stage(name: Stage['stage'], state: Stage['state'], progress: number | null = null): Stage {
  return { stage: name, state, attempt: 1, progress, retry_at: null, reason: null };
}

const DETAILS = {
  call_sid: 'CA1',
  recordings: [{ recording_sid: 'RE1', primary: true, duration_seconds: 9 }],
  stages: [],
};
const TRANSCRIPT = { call_sid: 'CA1', recording_sid: 'RE1', revision: 1, speakers: [], utterances: [] };
/** Ten peaks, a second each: silent from 4 to 6. */
const WAVEFORM: WaveformJson = {
  channels: 1,
  sample_rate: 100,
  samples_per_pixel: 100,
  bits: 8,
  length: 10,
  data: Array.from({ length: 20 }, (_, index) => (index >= 8 && index < 12 ? 0 : 64)),
  duration_seconds: 10,
};
