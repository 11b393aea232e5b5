// Everything that is asked of the service, one function a request. Nothing is repeated here, and nothing remembered.

import { readEvents, type ServerEvent } from './event-stream.ts';
import { Problem, retryAfterMs } from './problem.ts';
import type {
  Appointment,
  AppointmentChange,
  Calendar,
  CallDetails,
  CallPage,
  Preparing,
  RecordingStatus,
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

  /** Hands over what becomes of a recording until it is settled, or the stream breaks. */
  async follow(
    call: string,
    recording: string | null,
    signal: AbortSignal,
    heard: (event: ServerEvent) => void,
  ): Promise<void> {
    const path = this.ofRecording(`api/recordings/${call}/events`, recording);
    return readEvents(await this.ask('GET', path, signal, { headers: { Accept: 'text/event-stream' } }), heard);
  }

  /** `debug/events`, for operators. */
  async followActors(signal: AbortSignal, heard: (event: ServerEvent) => void): Promise<void> {
    return readEvents(await this.ask('GET', 'debug/events', signal), heard);
  }

  waveform(call: string, recording: string | null, signal: AbortSignal): Promise<Made<WaveformJson>> {
    return this.made(this.ofRecording(`api/recordings/${call}/waveform`, recording), signal);
  }

  transcript(call: string, recording: string | null, signal: AbortSignal): Promise<Made<Transcript>> {
    return this.made(this.ofRecording(`api/calls/${call}/transcript`, recording), signal);
  }

  /** Keeps other words beside what was heard of one utterance; 412 where somebody was quicker. */
  async correct(transcript: Transcript, utterance: number, text: string, signal: AbortSignal): Promise<Transcript> {
    const path = this.ofRecording(`api/calls/${transcript.call_sid}/transcript`, transcript.recording_sid);
    return this.json('PUT', path, signal, { utterances: [{ id: utterance, text }] });
  }

  changeAppointment(id: number, change: AppointmentChange, signal: AbortSignal): Promise<Appointment> {
    return this.json('PATCH', `api/appointments/${id}`, signal, change);
  }

  calendars(signal: AbortSignal): Promise<{ calendars: readonly Calendar[] }> {
    return this.json('GET', 'api/calendars', signal);
  }

  /** The cookie `hearback_session`, from a token. */
  async signIn(token: string, signal: AbortSignal): Promise<void> {
    await this.json('POST', 'api/session', signal, { token });
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

  private async made<T>(path: string, signal: AbortSignal): Promise<Made<T>> {
    const response = await this.ask('GET', path, signal);
    if (response.status !== 202) return { kind: 'made', value: await bodyOf<T>(response) };
    await response.body?.cancel();
    return { kind: 'making' };
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
    if (this.credentials.kind === 'link') return `${path}?${this.credentials.query}`;
    return recording === null ? path : `${path}?recording=${recording}`;
  }
}

async function bodyOf<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  return (await response.json().catch(() => {
    throw new Problem(response.status, 'unknown');
  })) as T;
}
