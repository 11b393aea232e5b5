// What is shown, worked out from the state: plain values for the views, no document and no clock in here.

import { ended, instant, percentOf, phone, playingTime, sentence, shortSid } from './format.js';
import { listOf } from './state.js';

const STATES = new Set(['absent', 'downloading', 'ready', 'failed', 'gone']);
const GONE = { absent: 'goneAbsent', failed: 'goneFailed', deleted: 'goneDeleted', missing: 'goneMissing' };

/** One call of the list. `words` is `{speaker, formats}`. */
export function callModel(call, state, words) {
  const { say } = words.speaker;
  const { formats } = words;
  const when = call.started_at ?? call.heard_at;
  const party = partyOf(call, say);
  const exact = formats.exact(when);
  const recordings = listOf(call.recordings);
  const label = { party, when: exact ?? '' };
  return {
    key: call.call_sid,
    sid: call.call_sid,
    shortSid: shortSid(call.call_sid),
    copyLabel: say('copySid', { sid: call.call_sid }),
    direction: call.direction ?? 'unknown',
    directionLabel: say({ inbound: 'inbound', outbound: 'outbound' }[call.direction] ?? 'directionUnknown'),
    party,
    via: viaOf(call, say),
    when,
    moment: formats.moment(when, state.nowMs),
    relative: formats.relative(when, state.nowMs),
    exact,
    duration: recordings.length === 0 && call.duration_seconds > 0 ? playingTime(call.duration_seconds) : null,
    status: call.status && call.status !== 'completed' ? call.status : null,
    emptyText: recordings.length === 0 ? say('noRecording') : null,
    recordings: recordings.map((one) => recordingModel(one, call, recordings.length, label, state, words)),
  };
}

/** The other side: who called, or who was called. */
export function partyOf(call, say) {
  const number = call.direction === 'outbound' ? call.to : (call.from ?? (call.direction ? null : call.to));
  return phone(number) ?? say('numberUnknown');
}

function viaOf(call, say) {
  if (call.direction === 'outbound') return call.from && say('viaFrom', { number: phone(call.from) });
  return call.direction === 'inbound' ? call.to && say('viaTo', { number: phone(call.to) }) : null;
}

function recordingModel(recording, call, siblings, label, state, words) {
  const { say } = words.speaker;
  const live = state.liveRecordings.get(recording.recording_sid);
  const gone = recording.state === 'gone';
  return {
    key: recording.recording_sid,
    sid: recording.recording_sid,
    callSid: call.call_sid,
    shortSid: siblings > 1 ? shortSid(recording.recording_sid) : null,
    primary: siblings > 1 && recording.primary ? say('primary') : null,
    chip: chipModel(recording.state, live?.attempt, words),
    facts: [playingTime(recording.duration_seconds ?? call.duration_seconds), channelsText(recording.channels, words)].filter(Boolean),
    audioUrl: recording.audio_url,
    audioLabel: say('recordingOf', label),
    downloadUrl: gone ? null : recording.download_url,
    downloadLabel: say('downloadOf', label),
    playable: !gone,
    note: gone
      ? say(GONE[recording.source_status] ?? 'goneOther')
      : recording.source_status === 'in-progress'
        ? say('stillRecording')
        : null,
    progress: recording.state === 'downloading' && live ? progressModel(live, words) : null,
    fault: faultModel(state.faults[recording.recording_sid], recording.state, words),
  };
}

function chipModel(state, attempt, { speaker: { sayOr }, formats }) {
  const known = STATES.has(state) ? state : 'absent';
  const text = sayOr(known === state ? state : '', state ?? '…');
  const counted = state === 'failed' && attempt > 0 ? `${text} (${formats.number(attempt)})` : text;
  return { state: known, text: counted };
}

function channelsText(count, { speaker: { say }, formats }) {
  if (!(count > 0)) return null;
  return count <= 2 ? say(`channels${count}`) : say('channels', { count: formats.number(count) });
}

function progressModel(live, { speaker: { say }, formats }) {
  const percent = percentOf(live.received_bytes, live.total_bytes);
  const received = formats.bytes(live.received_bytes ?? 0);
  return {
    percent,
    text:
      percent === null
        ? received
        : `${say('bytesOf', { received, total: formats.bytes(live.total_bytes) })} · ${formats.percent(percent)}`,
  };
}

/** Why it does not play: `fault` is what was learnt when it stopped. */
function faultModel(fault, recordingState, { speaker: { say }, formats }) {
  if (!fault) return null;
  if (fault.asking) return { text: say('asking'), reason: null, next: null, retry: null };
  const healed = recordingState === 'ready' && Boolean(fault.state) && fault.state !== 'ready';
  const retry = say('tryAgain');
  if (healed) return { text: say('faultHealed'), reason: null, next: null, retry };
  const attempts = fault.state === 'failed' && fault.attempt > 0;
  return {
    text: [say(faultKey(fault)), attempts ? say('attempts', { count: formats.number(fault.attempt) }) : '']
      .filter(Boolean)
      .join(' '),
    reason: sentence(fault.reason),
    next: fault.next && say('nextStep', { next: ended(fault.next) }),
    notBefore: instant(fault.retryAt) === null ? null : say('notBefore', { when: formats.clock(fault.retryAt) }),
    retry: fault.state === 'gone' ? null : retry,
  };
}

function faultKey(fault) {
  if (fault.offline) return 'faultOffline';
  const keys = { ready: 'faultBroken', failed: 'faultFailed', gone: 'faultGone' };
  return keys[fault.state] ?? (fault.state ? 'faultPreparing' : 'faultUnknown');
}

/** The live panel, or null while nothing is known of it. Ages are measured by the server's clock. */
export function liveModel(state, words) {
  const { snapshot, failing } = state.live;
  if (!snapshot) return null;
  const { say } = words.speaker;
  const nowMs = instant(snapshot.generated_at) ?? state.nowMs;
  const callBySid = new Map((state.calls ?? []).map((call) => [call.call_sid, call]));
  const actors = listOf(snapshot.calls);
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
    actors: actors.map((actor) => actorModel(actor, callBySid.get(actor.call_sid), nowMs, words)),
    tree: listOf(snapshot.tree).flatMap((actor) => treeModels(actor, 0, '', nowMs, words)),
  };
}

function actorModel(actor, call, nowMs, words) {
  const { say } = words.speaker;
  return {
    key: `${actor.business ?? ''}/${actor.call_sid}`,
    callSid: call ? actor.call_sid : null,
    sid: actor.call_sid,
    title: call ? partyOf(call, say) : shortSid(actor.call_sid),
    subtitle: call ? shortSid(actor.call_sid) : null,
    business: actor.business ?? null,
    facts: [sinceText(actor.since, nowMs, words), ...countTexts(actor, words)].filter(Boolean),
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
  const retryAt = words.formats.clock(recording.retry_at);
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
    reason: sentence(recording.reason),
    remedy: recording.remedy ? say('remedy', { remedy: ended(recording.remedy) }) : null,
    next: recording.next ? say('nextStep', { next: ended(recording.next) }) : null,
    notBefore: retryAt && say('notBefore', { when: retryAt }),
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
    facts: factsOf(detail, nowMs, words),
  };
  return [own, ...listOf(actor.children).flatMap((child) => treeModels(child, depth + 1, key, nowMs, words))];
}

/** Takes what it shows out of `detail`, so that the rest is simply listed. */
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
      paused: account.paused_until
        ? say('pausedUntil', { when: words.formats.clock(account.paused_until) ?? account.paused_until })
        : null,
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

function countTexts({ waiting, restarts }, words) {
  const { say } = words.speaker;
  return [
    waiting > 0 && say('waiting', { count: words.formats.number(waiting) }),
    restarts > 0 && restartsText(restarts, words),
  ];
}

const restartsText = (count, words) => words.speaker.say('restarts', { count: words.formats.number(count) });

const errorText = (error) => (typeof error === 'string' ? error : (error?.message ?? JSON.stringify(error)));

function sinceText(since, nowMs, { speaker: { say }, formats }) {
  const time = formats.elapsed(since, nowMs);
  return time && say('since', { time });
}
