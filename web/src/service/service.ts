// Everything that is asked of the service, one function a request. Nothing is repeated here, and nothing remembered.

import { readEvents, type ServerEvent, type StreamEnd } from './event-stream.ts';
import { Problem, retryAfterMs } from './problem.ts';
import type {
  Appointment,
  AppointmentChange,
  CallDetails,
  CallPage,
  Preparing,
  RecordingStatus,
  SignedIn,
  Transcript,
  WaveformJson,
} from './shapes.ts';

/**
 * By what the service knows who asks.
 *
 * A link is a capability to read one recording and nothing else: the query of a signed link, `recording=RE…&link=…`.
 */
export type Credentials =
  | { readonly kind: 'cookie' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'link'; readonly query: string };

/** What the play route says to who asks for two bytes: that they are there, or how far it is. */
export type Check =
  | { readonly kind: 'playable' }
  | { readonly kind: 'preparing'; readonly preparing: Preparing; readonly retryAfterMs: number | null };

/** What is made of a recording: it is there, or is still being made. */
export type Made<T> = { readonly kind: 'made'; readonly value: T } | { readonly kind: 'making' };

/** The entity tag of each transcript that was read, so that nobody's correction is overwritten unseen. */
const TAGS = new WeakMap<Transcript, string>();

/** How long the play route may keep a check waiting for first bytes (RFC 7240). */
const CHECK_WAIT_SECONDS = 5;

export class Service {
  constructor(
    /** Where the service is, with a slash at its end. */
    readonly base: URL,
    readonly credentials: Credentials,
  ) {}

  /** What comes back after a cookie, a token or a link: whether all routes are open to it, or one recording's only. */
  get isLink(): boolean {
    return this.credentials.kind === 'link';
  }

  calls(query: URLSearchParams, signal: AbortSignal): Promise<CallPage> {
    return this.json('GET', `api/calls?${query}`, signal);
  }

  call(call: string, signal: AbortSignal): Promise<CallDetails> {
    return this.json('GET', `api/calls/${call}`, signal);
  }

  status(call: string, recording: string | null, signal: AbortSignal): Promise<RecordingStatus> {
    return this.json('GET', this.ofRecording(`api/recordings/${call}/status`, recording), signal);
  }

  /** Starts the fetch where there is none, and waits a little for first bytes. */
  async check(call: string, recording: string | null, signal: AbortSignal): Promise<Check> {
    const path = this.ofRecording(`api/recordings/file/${call}`, recording);
    const headers = { Range: 'bytes=0-1', Prefer: `wait=${CHECK_WAIT_SECONDS}` };
    const response = await this.ask('GET', path, signal, { headers });
    if (response.status === 202) {
      return { kind: 'preparing', preparing: await bodyOf<Preparing>(response), retryAfterMs: retryAfterMs(response) };
    }
    await response.body?.cancel();
    return { kind: 'playable' };
  }

  /** Hands over what becomes of a recording; `complete`: after the event of that id nothing more will. */
  async follow(
    call: string,
    recording: string | null,
    signal: AbortSignal,
    heard: (event: ServerEvent) => void,
    lastEventId = '',
  ): Promise<StreamEnd> {
    const path = this.ofRecording(`api/recordings/${call}/events`, recording);
    const headers = new Headers({ Accept: 'text/event-stream' });
    if (lastEventId !== '') headers.set('Last-Event-ID', lastEventId);
    return readEvents(await this.ask('GET', path, signal, { headers }), heard);
  }

  /** `debug/events`, for operators. */
  async followActors(signal: AbortSignal, heard: (event: ServerEvent) => void): Promise<StreamEnd> {
    const headers = { Accept: 'text/event-stream' };
    return readEvents(await this.ask('GET', 'debug/events', signal, { headers }), heard);
  }

  async waveform(call: string, recording: string | null, signal: AbortSignal): Promise<Made<WaveformJson>> {
    const path = this.ofRecording(`api/recordings/${call}/waveform`, recording);
    return made(await this.ask('GET', path, signal), bodyOf<WaveformJson>);
  }

  async transcript(call: string, recording: string | null, signal: AbortSignal): Promise<Made<Transcript>> {
    const path = this.ofRecording(`api/calls/${call}/transcript`, recording);
    return made(await this.ask('GET', path, signal), transcriptOf);
  }

  /** Keeps other words beside what was heard of one utterance; 412 where somebody was quicker. */
  async correct(transcript: Transcript, utterance: number, text: string, signal: AbortSignal): Promise<Transcript> {
    const path = this.ofRecording(`api/calls/${transcript.call_sid}/transcript`, transcript.recording_sid);
    const headers = new Headers({ 'Content-Type': 'application/json' });
    const tag = TAGS.get(transcript);
    if (tag !== undefined) headers.set('If-Match', tag);
    const body = JSON.stringify({ utterances: [{ id: utterance, text }] });
    return transcriptOf(await this.ask('PUT', path, signal, { headers, body }));
  }

  changeAppointment(id: number, change: AppointmentChange, signal: AbortSignal): Promise<Appointment> {
    return this.json('PATCH', `api/appointments/${id}`, signal, change);
  }

  /** The cookie `hearback_session`, from a token. */
  async signIn(token: string, signal: AbortSignal): Promise<void> {
    await this.json('POST', 'api/session', signal, { token });
  }

  /** Whose cookie or token it is; 401 where there is none. */
  signedIn(signal: AbortSignal): Promise<SignedIn> {
    return this.json('GET', 'api/session', signal);
  }

  async signOut(signal: AbortSignal): Promise<void> {
    await this.json('DELETE', 'api/session', signal);
  }

  /** What an audio element may be given, which sends no header: a signed link, unless a cookie will do. */
  async audioUrl(call: string, recording: string | null, signal: AbortSignal): Promise<string> {
    const path = `api/recordings/file/${call}`;
    if (this.credentials.kind !== 'token') return this.url(this.ofRecording(path, recording));
    const link = this.ofRecording(`api/recordings/${call}/link`, recording);
    const { url } = await this.json<{ url: string }>('POST', link, signal, {});
    // Signed under the public URL, which may be another than the one we were told to use.
    return this.url(`${path}${new URL(url).search}`);
  }

  downloadUrl(call: string, recording: string | null): string {
    return this.url(this.ofRecording(`api/calls/${call}/download`, recording));
  }

  url(path: string): string {
    return new URL(path, this.base).href;
  }

  /** Any other route that speaks JSON. */
  async json<T>(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<T> {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
    return bodyOf(await this.ask(method, path, signal, init));
  }

  private async ask(method: string, path: string, signal: AbortSignal, init: RequestInit = {}): Promise<Response> {
    const { credentials } = this;
    const headers = new Headers(init.headers);
    if (credentials.kind === 'token') headers.set('Authorization', `Bearer ${credentials.token}`);
    const sent: RequestInit = {
      ...init,
      method,
      headers,
      signal,
      cache: 'no-store',
      credentials: credentials.kind === 'cookie' ? 'include' : 'omit',
    };
    const response = await fetch(this.url(path), sent).catch((error: unknown) => {
      if (signal.aborted) throw error;
      throw new Problem(0, 'offline');
    });
    if (!response.ok) throw await Problem.of(response);
    return response;
  }

  /** A link names its recording itself. */
  private ofRecording(path: string, recording: string | null): string {
    if (this.credentials.kind === 'link') return `${path}?${this.credentials.query.replace(/^\?/, '')}`;
    return recording === null ? path : `${path}?recording=${encodeURIComponent(recording)}`;
  }
}

async function made<T>(response: Response, read: (response: Response) => Promise<T>): Promise<Made<T>> {
  if (response.status !== 202) return { kind: 'made', value: await read(response) };
  await response.body?.cancel();
  return { kind: 'making' };
}

async function transcriptOf(response: Response): Promise<Transcript> {
  const transcript = await bodyOf<Transcript>(response);
  // A proxy that compresses weakens a tag, which then matches nothing. The service's own are strong.
  const tag = response.headers.get('ETag')?.replace(/^W\//, '');
  if (tag !== undefined) TAGS.set(transcript, tag);
  return transcript;
}

async function bodyOf<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  return (await response.json().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    // What is no JSON is not from our service; anything else was cut on its way.
    throw error instanceof SyntaxError ? new Problem(response.status, 'unknown') : new Problem(0, 'offline');
  })) as T;
}
