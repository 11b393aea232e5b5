// The whole table: what every event does in every stage.

import { expect, test } from 'vitest';
import { born, deadlineOf, type Effort, type Life, type Stage } from './life.ts';
import { type Effect, type Event, type Step, step } from './machine.ts';

const NOW = { nowMs: 100_000, leastSeconds: 58 };

const effort: Effort = { sinceMs: 90_000, lost: 'offline', wantsSound: true, waits: 0, failures: 0, hurries: 0 };

const STAGES: { readonly [Name in Stage['name']]: Extract<Stage, { name: Name }> } = {
  idle: { name: 'idle' },
  asking: { name: 'asking', effort, untilMs: 100_000, hasNewCredentials: false },
  waiting: { name: 'waiting', effort, checkAtMs: 100_000, because: 'offline' },
  renewing: { name: 'renewing', effort, untilMs: 100_000 },
  addressing: { name: 'addressing', effort, untilMs: 100_000 },
  loading: { name: 'loading', lost: null, sinceMs: 90_000, untilMs: 100_000 },
  playing: { name: 'playing' },
  paused: { name: 'paused', lost: null },
  stalled: { name: 'stalled', sinceMs: 90_000, untilMs: 100_000 },
  stopped: { name: 'stopped', why: 'signed_out', retry: 'now', wantsSound: true },
};

const fault = { status: 503, code: 'away', retryAfterMs: 5_000 };
const EVENTS: { readonly [Type in Event['type']]: Extract<Event, { type: Type }> } = {
  play: { type: 'play' },
  pause: { type: 'pause' },
  retry: { type: 'retry' },
  seek: { type: 'seek', second: 5 },
  renewed: { type: 'renewed' },
  check_playable: { type: 'check_playable', request: 1 },
  check_preparing: { type: 'check_preparing', request: 1, retryAfterMs: 2_000 },
  request_failed: { type: 'request_failed', request: 1, fault },
  addressed: { type: 'addressed', request: 1, url: '/a' },
  link_refused: { type: 'link_refused', request: 1 },
  time_passed: { type: 'time_passed' },
  announced: { type: 'announced' },
  arriving: { type: 'arriving' },
  online: { type: 'online' },
  media_playing: { type: 'media_playing' },
  media_waiting: { type: 'media_waiting' },
  media_data: { type: 'media_data' },
  media_time: { type: 'media_time', second: 31 },
  media_paused: { type: 'media_paused' },
  media_ended: { type: 'media_ended' },
  media_failed: { type: 'media_failed', code: 2 },
  play_refused: { type: 'play_refused' },
};

const at = (stage: Stage): Life => ({ ...born(30), stage, request: 1 });

function everyPair(): readonly { readonly name: string; readonly before: Life; readonly after: Step }[] {
  return Object.values(STAGES).flatMap((stage) =>
    Object.values(EVENTS).map((event) => {
      const before = at(stage);
      return { name: `${stage.name} × ${event.type}`, before, after: step(before, event, NOW) };
    }),
  );
}

test('what every event does in every stage', () => {
  const lines = everyPair()
    .filter(({ after }) => after.because === undefined)
    .map(({ name, before, after }) => `${name} → ${outcome(before, after)}`);
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "idle × play → asking | unlock, check(2)
    idle × seek → idle at 5 s
    asking × play → asking | unlock
    asking × pause → asking silently | pause
    asking × seek → asking at 5 s
    asking × renewed → asking
    asking × check_playable → addressing | address(2)
    asking × check_preparing → waiting
    asking × request_failed → waiting
    asking × time_passed → waiting | cancel
    asking × media_playing → playing | cancel
    waiting × play → waiting | unlock
    waiting × pause → waiting silently | pause
    waiting × seek → waiting at 5 s
    waiting × time_passed → asking | check(2)
    waiting × online → asking | check(2)
    waiting × media_playing → playing | cancel
    renewing × play → renewing | unlock
    renewing × pause → renewing silently | pause
    renewing × seek → renewing at 5 s
    renewing × renewed → asking | check(2)
    renewing × link_refused → stopped(link_expired) | unload
    renewing × time_passed → stopped(link_expired) | cancel, unload
    renewing × media_playing → playing | cancel
    addressing × play → addressing | unlock
    addressing × pause → addressing silently | pause
    addressing × seek → addressing at 5 s
    addressing × request_failed → waiting
    addressing × addressed → loading | load(30 s), play
    addressing × time_passed → waiting | cancel
    addressing × media_playing → playing | cancel
    loading × pause → paused | pause
    loading × seek → loading at 5 s | seek(5 s)
    loading × time_passed → asking | check(2)
    loading × arriving → loading
    loading × media_playing → playing
    loading × media_data → loading
    loading × media_paused → paused
    loading × media_ended → asking | check(2)
    loading × media_failed → asking | check(2)
    loading × play_refused → paused
    playing × pause → paused | pause
    playing × seek → playing at 5 s | seek(5 s)
    playing × media_waiting → stalled
    playing × media_time → playing at 31 s
    playing × media_paused → paused
    playing × media_ended → asking | check(2)
    playing × media_failed → asking | check(2)
    playing × play_refused → paused
    paused × play → loading | play
    paused × seek → paused at 5 s | seek(5 s)
    paused × media_playing → playing
    paused × media_ended → paused ended
    paused × media_failed → paused
    stalled × pause → paused | pause
    stalled × seek → stalled at 5 s | seek(5 s)
    stalled × time_passed → asking | check(2)
    stalled × arriving → stalled
    stalled × media_playing → playing
    stalled × media_data → stalled
    stalled × media_paused → paused
    stalled × media_ended → asking | check(2)
    stalled × media_failed → asking | check(2)
    stalled × play_refused → paused
    stopped × play → asking | unlock, check(2)
    stopped × pause → stopped(signed_out)
    stopped × retry → asking | unlock, check(2)
    stopped × seek → stopped(signed_out) at 5 s
    stopped × renewed → asking | check(2)"
  `);
});

test('a pair that changes nothing says why, and orders nothing', () => {
  for (const { name, before, after } of everyPair()) {
    const isIdle = after.life === before && after.effects.length === 0;
    expect(isIdle, name).toBe(after.because !== undefined);
  }
});

test('whoever waits for somebody else has a deadline', () => {
  const waiting: readonly Stage['name'][] = ['asking', 'waiting', 'renewing', 'addressing', 'loading', 'stalled'];
  for (const stage of Object.values(STAGES)) {
    expect(deadlineOf(at(stage)) !== null, stage.name).toBe(waiting.includes(stage.name));
  }
});

function outcome(before: Life, { life, effects }: Step): string {
  const stage = life.stage.name === 'stopped' ? `stopped(${life.stage.why})` : life.stage.name;
  const wants = 'effort' in life.stage && !life.stage.effort.wantsSound ? ' silently' : '';
  const second = life.second === before.second ? '' : ` at ${life.second} s`;
  const ended = life.hasEnded ? ' ended' : '';
  return `${stage}${wants}${second}${ended} | ${effects.map(order).join(', ')}`.replace(/ \| $/, '');
}

function order(effect: Effect): string {
  switch (effect.type) {
    case 'check':
    case 'address':
    case 'renew_link':
      return `${effect.type}(${effect.request})`;
    case 'seek':
    case 'load':
      return `${effect.type}(${effect.second} s)`;
    case 'cancel':
    case 'unlock':
    case 'unload':
    case 'play':
    case 'pause':
      return effect.type;
  }
}
