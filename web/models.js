// What is shown of calls and recordings, worked out from the state: plain values for the views, no document and no clock
// in here.

import { ended, instant, percentOf, phone, playingTime, sentence, shortSid } from './format.js';
import { listOf } from './state.js';

const STATES = new Set(['absent', 'downloading', 'ready', 'failed', 'gone']);
const WAITING = new Set(['absent', 'failed']);
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
  const awaited = state.awaited?.sid === recording.recording_sid;
  const fault = state.faults[recording.recording_sid];
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
    note: gone && fault?.state === 'gone' ? null : noteOf(recording, live, words),
    prospect: awaited && !fault && WAITING.has(recording.state) && live?.reason ? prospect(live, words) : null,
    progress: recording.state === 'downloading' && live ? progressModel(live, words) : null,
    fault: faultModel(fault, recording.state, words),
    healed: awaited && recording.state === 'ready' && Boolean(fault) && !fault.asking,
  };
}

/** A live actor may know the cause before the list does. */
function noteOf({ state, source_status: status }, live, { speaker: { say } }) {
  if (state === 'gone') return GONE[status] ? say(GONE[status]) : (sentence(live?.reason) ?? say('goneOther'));
  return status === 'in-progress' ? say('stillRecording') : null;
}

/** Why, what happens next, and when: as far as known. */
export function prospect({ reason, next, retry_at: retryAt }, { speaker: { say }, formats }) {
  return {
    reason: sentence(reason),
    next: next ? say('nextStep', { next: ended(next) }) : null,
    notBefore: instant(retryAt) === null ? null : say('notBefore', { when: formats.clock(retryAt) }),
  };
}

export function chipModel(state, attempt, { speaker: { sayOr }, formats }) {
  const known = STATES.has(state) ? state : 'absent';
  const text = sayOr(known === state ? state : '', state ?? '…');
  const counted = state === 'failed' && attempt > 0 ? `${text} (${formats.number(attempt)})` : text;
  return { state: known, text: counted };
}

function channelsText(count, { speaker: { say }, formats }) {
  if (!(count > 0)) return null;
  return count <= 2 ? say(`channels${count}`) : say('channels', { count: formats.number(count) });
}

export function progressModel(live, { speaker: { say, sayOr }, formats }) {
  const percent = percentOf(live.received_bytes, live.total_bytes);
  if (!(live.received_bytes > 0) && live.phase) return { percent, text: sayOr(`phase_${live.phase}`, live.phase) };
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
function faultModel(fault, recordingState, words) {
  if (!fault) return null;
  const { say } = words.speaker;
  if (fault.asking) return { text: say('asking'), retry: null };
  const healed = recordingState === 'ready' && Boolean(fault.state) && fault.state !== 'ready';
  const retry = say('tryAgain');
  if (healed) return { text: say('faultHealed'), retry };
  if (fault.state === 'gone') return { text: say(faultKey(fault)), reason: sentence(fault.reason), retry: null };
  const attempts = fault.state === 'failed' && fault.attempt > 0;
  return {
    text: [say(faultKey(fault)), attempts ? say('attempts', { count: words.formats.number(fault.attempt) }) : '']
      .filter(Boolean)
      .join(' '),
    ...prospect(fault.state === 'ready' ? {} : fault, words),
    retry,
  };
}

function faultKey(fault) {
  if (fault.offline) return 'faultOffline';
  const keys = { ready: 'faultBroken', failed: 'faultFailed', gone: 'faultGone' };
  return keys[fault.state] ?? (fault.state ? 'faultPreparing' : 'faultUnknown');
}
