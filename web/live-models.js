// What is shown of the live actors, worked out from the last snapshot: plain values for the view.

import { ended, instant, sentence, shortSid } from './format.js';
import { chipModel, partyOf, progressModel, prospect } from './models.js';
import { listOf } from './state.js';

/** The live panel, or null while nothing is known of it. Ages are measured by the server's clock. */
export function liveModel(state, words) {
  const { snapshot, failing } = state.live;
  if (!snapshot) return null;
  const { say } = words.speaker;
  const nowMs = instant(snapshot.generated_at) ?? state.nowMs;
  const callBySid = new Map((state.calls ?? []).map((call) => [call.call_sid, call]));
  const actors = listOf(snapshot.calls).toSorted(byActivity);
  const several = new Set(actors.map((actor) => actor.business)).size > 1;
  const total = Math.max(snapshot.calls_total ?? 0, actors.length);
  const busy = actors.filter((one) => listOf(one?.recordings).some(({ state: s }) => s === 'downloading')).length;
  const count = words.formats.number(total);
  return {
    clock: words.formats.clock(snapshot.generated_at),
    clockIso: snapshot.generated_at ?? null,
    summary:
      busy > 0 ? say('liveSummaryBusy', { count, busy: words.formats.number(busy) }) : say('liveSummary', { count }),
    error: failing ? say('liveError') : null,
    note:
      actors.length === 0
        ? say('actorsNone')
        : total > actors.length
          ? say('actorsMore', { shown: words.formats.number(actors.length), total: count })
          : null,
    actors: actors.map((actor) => actorModel(actor, callBySid.get(actor.call_sid), several, nowMs, words)),
    tree: listOf(snapshot.tree).flatMap((actor) => treeModels(actor, 0, '', nowMs, words)),
  };
}

/** What moves comes first, then what changed last. */
function byActivity(one, other) {
  return busyOf(other) - busyOf(one) || (changedMs(other) ?? 0) - (changedMs(one) ?? 0) || (one.call_sid < other.call_sid ? -1 : 1);
}

const busyOf = (actor) => Number(listOf(actor.recordings).some(({ state }) => state === 'downloading'));

const changedMs = (actor) => Math.max(...[actor, ...listOf(actor.recordings)].map(({ since }) => instant(since) ?? 0));

function actorModel(actor, call, several, nowMs, words) {
  const { say } = words.speaker;
  return {
    key: `${actor.business ?? ''}/${actor.call_sid}`,
    callSid: call ? actor.call_sid : null,
    sid: actor.call_sid,
    title: call ? partyOf(call, say) : shortSid(actor.call_sid),
    subtitle: call ? shortSid(actor.call_sid) : null,
    business: several ? (actor.business ?? null) : null,
    facts: [sinceText(actor.since, nowMs, words), actor.restarts > 0 && restartsText(actor.restarts, words)].filter(Boolean),
    error: actor.last_error ? say('lastError', { error: errorText(actor.last_error) }) : null,
    recordings: listOf(actor.recordings).map((one, _, all) => liveRecordingModel(one, all.length, nowMs, words)),
  };
}

function liveRecordingModel(recording, siblings, nowMs, words) {
  const { say, sayOr } = words.speaker;
  const { state, phase, intent, attempt } = recording;
  const facts = [
    phase && sayOr(`phase_${phase}`, phase),
    intent && sayOr(`intent_${intent}`, intent),
    attempt > 0 && state === 'downloading' && say('attempt', { count: words.formats.number(attempt) }),
    recording.waiting > 0 && say('waiting', { count: words.formats.number(recording.waiting) }),
  ];
  return {
    key: recording.recording_sid,
    sid: recording.recording_sid,
    shortSid: siblings > 1 ? shortSid(recording.recording_sid) : null,
    chip: chipModel(state, attempt, words),
    since: words.formats.elapsed(recording.since, nowMs),
    sinceLabel: words.formats.exact(recording.since),
    facts: facts.filter(Boolean),
    progress: state === 'downloading' ? progressModel(recording, words) : null,
    size: state === 'ready' ? words.formats.bytes(recording.total_bytes ?? recording.received_bytes) : null,
    remedy: recording.remedy ? say('remedy', { remedy: ended(recording.remedy) }) : null,
    ...prospect(recording, words),
  };
}

function treeModels(actor, depth, path, nowMs, words) {
  const { sayOr } = words.speaker;
  const key = `${path}/${actor.name ?? actor.kind}`;
  const detail = { ...actor.detail };
  const pool = poolModel(detail, words);
  const meter = meterModel(detail, words);
  const own = {
    key,
    depth,
    name: actor.name ?? actor.kind ?? '?',
    kind: actor.kind ?? null,
    running: actor.state === 'running',
    state: actor.state === 'running' ? null : sayOr(`actor_${actor.state}`, actor.state ?? '?'),
    since: words.formats.elapsed(actor.since, nowMs),
    restarts: actor.restarts > 0 ? restartsText(actor.restarts, words) : null,
    error: actor.last_error ? words.speaker.say('lastError', { error: errorText(actor.last_error) }) : null,
    pool,
    meter,
    crashes: crashModels(detail, nowMs, words),
    facts: factsOf(detail, nowMs, words),
  };
  return [own, ...listOf(actor.children).flatMap((child) => treeModels(child, depth + 1, key, nowMs, words))];
}

/** Takes what it shows out of `detail`, so that the rest is simply listed; so do the next two. */
function poolModel(detail, words) {
  const { running, parallel_max: max, queued, accounts } = detail;
  if (!(max > 0)) return null;
  const { say, sayOr } = words.speaker;
  const { number } = words.formats;
  for (const key of ['running', 'parallel_max', 'queued', 'accounts']) delete detail[key];
  return {
    running: running ?? 0,
    max,
    text: say('poolRunning', { running: number(running ?? 0), max: number(max) }),
    queuesLabel: say('queued'),
    queues: Object.entries(queued ?? {}).map(([intent, count]) => ({
      key: intent,
      label: sayOr(`intent_${intent}`, intent),
      count: number(count ?? 0),
      idle: !count,
    })),
    accounts: listOf(accounts).map((account) => ({
      key: String(account.account),
      sid: shortSid(account.account),
      rate:
        account.requests_per_second === null || account.requests_per_second === undefined
          ? null
          : say('perSecond', { rate: number(account.requests_per_second) }),
      paused:
        account.paused_for_seconds > 0 ? say('pausedFor', { time: words.formats.span(account.paused_for_seconds) }) : null,
    })),
  };
}

function meterModel(detail, { speaker: { say }, formats }) {
  const { bytes, limit_bytes: limit } = detail;
  if (!(limit > 0) || !Number.isFinite(bytes)) return null;
  delete detail.bytes;
  delete detail.limit_bytes;
  return { value: bytes, max: limit, text: say('used', { used: formats.bytes(bytes), limit: formats.bytes(limit) }) };
}

function crashModels(detail, nowMs, { speaker: { say }, formats }) {
  const crashes = listOf(detail.crashes);
  delete detail.crashes;
  return crashes.map(({ business, call_sid: sid, count, error, at }) => ({
    key: `${business}/${sid}`,
    sid,
    shortSid: shortSid(sid),
    text: say('crashed', { count: formats.number(count), when: formats.relative(at, nowMs) ?? '?' }),
    error: sentence(error),
  }));
}

/** Whatever an actor tells of itself, one line each, nested names joined. */
export function factsOf(detail, nowMs, words, prefix = '') {
  return Object.entries(detail ?? {}).flatMap(([name, value]) => {
    const label = `${prefix}${name.replaceAll('_', ' ')}`;
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return value.flatMap((one, index) => nested(one, `${label} ${index + 1}`, nowMs, words));
    return nested(value, label, nowMs, words);
  });
}

function nested(value, label, nowMs, words) {
  if (value !== null && typeof value === 'object') return factsOf(value, nowMs, words, `${label} `);
  const { bytes, number, moment } = words.formats;
  if (typeof value === 'number' && /\bbytes$/.test(label)) {
    return [{ key: label, label: label.replace(/ ?bytes$/, '') || 'size', value: bytes(value), idle: value === 0 }];
  }
  if (typeof value === 'number') return [{ key: label, label, value: number(value), idle: value === 0 }];
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value, nowMs) : null;
  return [{ key: label, label, value: time ?? String(value), idle: value === false }];
}

const restartsText = (count, words) => words.speaker.say('restarts', { count: words.formats.number(count) });

const errorText = (error) => (typeof error === 'string' ? error : (error?.message ?? JSON.stringify(error)));

function sinceText(since, nowMs, { speaker: { say }, formats }) {
  const time = formats.elapsed(since, nowMs);
  return time && say('since', { time });
}
