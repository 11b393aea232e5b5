// One player's store: its parts put together, and the one state that views see of them.
//
// Invariant: no audio is asked for before somebody presses play, and nothing at all after `dispose`.

import type { ServerEvent } from '../service/event-stream.ts';
import { type Credentials, Service } from '../service/service.ts';
import type {
  CallDetails,
  Preparing,
  RecordingState,
  RecordingStatus,
  Stage,
  StageName,
  Transcript,
} from '../service/shapes.ts';
import { createChanges } from './changes.ts';
import { createFinding } from './finding.ts';
import { createFollowing } from './following.ts';
import { playbackOf, wantsSound } from './life.ts';
import { type Peaks, peaksOf, silences } from './peaks.ts';
import { createPlayback } from './playback.ts';
import { keepPreferences, readPreferences } from './preferences.ts';
import { isFinal, isWorthChecking, leastSecondsOf } from './progress.ts';
import { readSaid } from './said.ts';
import type { PlayerStore, Request, Sound, Span, StoreOptions } from './state.ts';
import { createView, type Parts } from './view.ts';
import { browserWorld, type World } from './world.ts';

/** A jump over less is not worth its click. */
const SKIPPED_SECONDS_MIN = 0.3;

export function createPlayerStore(options: StoreOptions, world: World = browserWorld()): PlayerStore {
  const { call } = options;
  /** The one that all is about, whichever is the primary by now; null until something names it. */
  let recording = options.recording;
  let service = options.service;
  let isDisposed = false;
  let sound: Sound = { ...readPreferences(world.storage), soloChannel: null };
  let stages: readonly Stage[] = [];
  /** By the stream of events, which knows sooner than the call's details. */
  let hasHeardStages = false;
  let status: RecordingStatus | null = null;
  let preparing: Preparing | null = null;
  let pauses: { readonly of: Peaks; readonly spans: readonly Span[] } | null = null;
  let renewal: Promise<boolean> | null = null;
  const listeners = new Set<() => void>();

  const details = createFinding<CallDetails>({
    ask: async (signal) => ({ kind: 'made', value: await service.call(call, signal) }),
    changed: detailsChanged,
    renewLink,
    world,
  });
  const waveform = createFinding<Peaks>({
    ask: async (signal) => {
      const made = await service.waveform(call, recording, signal);
      return made.kind === 'made' ? { kind: 'made', value: peaksOf(made.value) } : made;
    },
    changed,
    renewLink,
    world,
  });
  const transcript = createFinding<Transcript>({
    ask: async (signal) => {
      const made = await service.transcript(call, recording, signal);
      if (made.kind === 'made') keepTo(made.value);
      return made;
    },
    changed,
    renewLink,
    world,
  });
  const changes = createChanges(changed, (kind) => (kind === 'correction' ? transcript.load() : details.load()));
  const following = createFollowing(
    (signal, heard, lastEventId) => service.follow(call, recording, signal, heard, lastEventId),
    followed,
    world,
  );
  const playback = createPlayback({
    service: () => service,
    call,
    recording: () => recording,
    namedRecording,
    startSecond: second(options.startSecond),
    renewLink,
    sound: () => sound,
    leastSeconds: () => leastSecondsOf(measuredSeconds(), announcedSeconds()),
    preparing: prepared,
    changed,
    reached: skipSilence,
    world,
  });
  const stopOnline = world.onOnline(() => playback.tell({ type: 'online' }));
  const view = createView();
  let state = view(parts());
  let isStale = false;
  let isToldSoon = false;

  load();

  function load(): void {
    if (!service.isLink) details.load();
    waveform.load();
    transcript.load();
  }

  function changed(): void {
    if (isDisposed) return;
    // What a check said is old once there is sound, and no share of what comes after a cut.
    if (playback.life.stage.name === 'playing') preparing = null;
    follow();
    isStale = true;
    if (isToldSoon) return;
    isToldSoon = true;
    queueMicrotask(() => {
      isToldSoon = false;
      for (const listener of [...listeners]) if (!isDisposed) listener();
    });
  }

  /** What plays must not change under the listener. One that is gone, which nobody hears, may give way to another. */
  function keepTo(named: { readonly recording_sid: string; readonly state?: RecordingState } | undefined): void {
    if (named !== undefined && named.state !== 'gone') recording ??= named.recording_sid;
  }

  /** For an address, which would lead to another one as soon as that is the primary. A link names its own. */
  async function namedRecording(signal: AbortSignal): Promise<string | null> {
    if (recording === null && !service.isLink) keepTo(await service.status(call, null, signal));
    return recording;
  }

  function follow(): void {
    const goesOn = stages.some(({ state }) => state === 'waiting' || state === 'running');
    const isUsed = wantsSound(playback.life) || playbackOf(playback.life).name === 'preparing';
    following.want(isUsed ? 'yes' : goesOn ? 'idly' : 'no');
  }

  function followed(event: ServerEvent): void {
    const said = readSaid(event);
    if (said?.of === 'stages') staged(said.stages);
    if (said?.of === 'recording') becomes(said.status);
  }

  function becomes(now: RecordingStatus): void {
    keepTo(now);
    if (recording !== null && now.recording_sid !== recording) return;
    const before = status;
    status = now;
    if (now.state === 'ready' && before !== null && before.state !== 'ready') waveform.load();
    if (isWorthChecking(now)) playback.tell({ type: 'announced' });
    if (now.received_bytes > (before?.received_bytes ?? 0)) playback.tell({ type: 'arriving' });
    changed();
  }

  function staged(now: readonly Stage[]): void {
    const isDone = (name: StageName, list: readonly Stage[]) =>
      list.some((one) => one.stage === name && one.state === 'done');
    const isNewlyDone = (name: StageName) => isDone(name, now) && !isDone(name, stages);
    const isMore = (['transcribe', 'summarise', 'extract'] as const).some(isNewlyDone);
    stages = now;
    hasHeardStages = true;
    tellStages('events');
    if (isMore && !service.isLink) details.load();
    changed();
  }

  function detailsChanged(): void {
    if (details.finding.kind === 'found') keepTo(details.finding.value.recordings.find(({ primary }) => primary));
    if (details.finding.kind === 'found' && stages !== details.finding.value.stages) {
      if (!hasHeardStages) stages = details.finding.value.stages;
      tellStages('details');
    }
    changed();
  }

  function tellStages(by: 'events' | 'details'): void {
    for (const stage of stages) {
      if (stage.stage === 'measure') waveform.staged(stage, by);
      if (stage.stage === 'transcribe') transcript.staged(stage, by);
    }
  }

  function prepared(said: Preparing): void {
    preparing = said;
    if (status !== null && isFinal(status)) status = null;
    following.restart();
  }

  function measuredSeconds(): number | null {
    return waveform.finding.kind === 'found' ? waveform.finding.value.durationSeconds : null;
  }

  function announcedSeconds(): number | null {
    if (details.finding.kind !== 'found') return null;
    const { recordings } = details.finding.value;
    const mine = recordings.find((one) => (recording === null ? one.primary : one.recording_sid === recording));
    return mine?.duration_seconds ?? null;
  }

  function parts(): Parts {
    return {
      recording,
      life: playback.life,
      durationSeconds: durationSeconds(),
      buffered: playback.buffered,
      status,
      preparing,
      sound,
      waveform: waveform.finding,
      transcript: transcript.finding,
      details: details.finding,
      stages,
      change: changes.change,
      isLink: service.isLink,
    };
  }

  function durationSeconds(): number | null {
    return playback.durationSeconds ?? measuredSeconds() ?? announcedSeconds();
  }

  function skipSilence(at: number): void {
    if (!sound.skipsSilence || waveform.finding.kind !== 'found') return;
    const peaks = waveform.finding.value;
    if (pauses?.of !== peaks) pauses = { of: peaks, spans: silences(peaks) };
    const silence = pauses.spans.find(({ start, end }) => at >= start && at < end - SKIPPED_SECONDS_MIN);
    if (silence !== undefined) playback.tell({ type: 'seek', second: silence.end });
  }

  /** Once at a time, whoever needs it. */
  function renewLink(): Promise<boolean> {
    renewal ??= (async () => options.renewLink())()
      .catch(() => null)
      .then((credentials) => {
        renewal = null;
        if (credentials === null || isDisposed) return false;
        use(credentials);
        return true;
      });
    return renewal;
  }

  function use(credentials: Credentials): void {
    service = new Service(service.base, credentials);
    following.restart();
    playback.tell({ type: 'renewed' });
    changed();
  }

  function seek(to: number): void {
    const end = durationSeconds() ?? Number.POSITIVE_INFINITY;
    playback.tell({ type: 'seek', second: Math.min(second(to), end) });
  }

  function setSound(next: Partial<Sound>): void {
    sound = { ...sound, ...next };
    keepPreferences(world.storage, sound);
    playback.mediaMade?.setRate(sound.rate);
    playback.mediaMade?.setVolume(sound.volume, sound.isMuted);
    changed();
  }

  function send(request: Request): void {
    if (isDisposed) return;
    switch (request.type) {
      case 'play':
      case 'pause':
      case 'retry':
        playback.tell({ type: request.type });
        break;
      case 'toggle':
        playback.tell({ type: wantsSound(playback.life) ? 'pause' : 'play' });
        break;
      case 'seek':
        seek(request.second);
        break;
      case 'seek_by':
        seek(playback.life.second + request.seconds);
        break;
      case 'rate':
        setSound({ rate: request.rate });
        break;
      case 'volume':
        setSound({ volume: Math.min(1, Math.max(0, request.volume)), isMuted: false });
        break;
      case 'mute':
        setSound({ isMuted: request.isMuted });
        break;
      case 'skip_silence':
        setSound({ skipsSilence: request.skips });
        break;
      case 'solo':
        if (playback.media().solo(request.channel)) setSound({ soloChannel: request.channel });
        return;
      case 'correct':
        correct(request.utterance, request.text);
        break;
      case 'decide':
        changes.make('decision', async (signal) => {
          await service.changeAppointment(request.appointment, request.change, signal);
          details.load();
        });
        break;
    }
  }

  function correct(utterance: number, text: string): void {
    changes.make('correction', async (signal) => {
      // As it is when its turn comes: the correction before it has changed it.
      if (transcript.finding.kind !== 'found') throw new Error('there is no transcript to correct');
      transcript.replace(await service.correct(transcript.finding.value, utterance, text, signal));
    });
  }

  return {
    get state() {
      if (isStale) state = view(parts());
      isStale = false;
      return state;
    },
    send,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    renew(credentials) {
      if (isDisposed) return;
      use(credentials);
      if (!service.isLink && details.finding.kind !== 'found') details.load();
      for (const finding of [waveform, transcript]) if (finding.finding.kind === 'none') finding.load();
    },
    dispose() {
      isDisposed = true;
      stopOnline();
      listeners.clear();
      for (const part of [details, waveform, transcript, changes, following, playback]) part.dispose();
    },
  };
}

/** Of a number that somebody gave us. */
function second(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}
