// What the service says, as it says it: times are RFC 3339, lengths of time are seconds, sizes are bytes.

export type RecordingState = 'absent' | 'downloading' | 'ready' | 'failed' | 'gone';
export type Phase = 'queued' | 'connecting' | 'receiving' | 'sealing';
export type Direction = 'inbound' | 'outbound';

/** `GET /api/recordings/{call_sid}/status`, and each `message` event of `/events`. */
export interface RecordingStatus {
  readonly recording_sid: string;
  readonly state: RecordingState;
  readonly phase: Phase | null;
  readonly attempt: number;
  readonly received_bytes: number;
  readonly total_bytes: number | null;
  readonly retry_at: string | null;
  readonly reason: string | null;
  readonly next: string;
}

/** The body of a 202 of the play route. */
export interface Preparing {
  readonly status: 'preparing';
  readonly state: RecordingState;
  readonly attempt: number;
  readonly received_bytes: number;
  readonly total_bytes: number | null;
  readonly retry_after: number;
}

export type StageName = 'measure' | 'transcribe' | 'summarise' | 'extract';
/** `off`: it waits for somebody to switch the stage on. */
export type StageState = 'waiting' | 'running' | 'done' | 'dead' | 'cancelled' | 'off';

/** In a call's details, and in each `stages` event of `/events` (`{"stages": […]}`). */
export interface Stage {
  readonly stage: StageName;
  readonly state: StageState;
  readonly attempt: number;
  /** From 0 to 1, while it runs. */
  readonly progress: number | null;
  readonly retry_at: string | null;
  readonly reason: string | null;
}

/** audiowaveform's JSON, version 2: for each pixel and channel the least and the greatest value, -128 to 127. */
export interface WaveformJson {
  readonly channels: number;
  readonly sample_rate: number;
  readonly samples_per_pixel: number;
  readonly bits: number;
  readonly length: number;
  readonly data: readonly number[];
  readonly duration_seconds: number;
}

export type SpeakerRole = 'caller' | 'agent';

export interface Speaker {
  readonly channel: number;
  /** Null where all speak on one channel. */
  readonly role: SpeakerRole | null;
  /** What the business calls that role. */
  readonly label: string | null;
}

export interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Utterance {
  readonly id: number;
  readonly channel: number;
  readonly speaker: SpeakerRole | null;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: readonly Word[];
  /** What was heard, where somebody corrected it. */
  readonly original_text?: string;
  readonly corrected_at?: string;
}

export interface Transcript {
  readonly call_sid: string;
  readonly recording_sid: string;
  readonly language: string | null;
  readonly revision: number;
  readonly made_at: string;
  readonly speakers: readonly Speaker[];
  readonly utterances: readonly Utterance[];
}

export interface Recording {
  readonly recording_sid: string;
  readonly primary: boolean;
  readonly state: RecordingState;
  readonly source_status: string;
  readonly channels: number | null;
  readonly started_at: string | null;
  readonly duration_seconds: number | null;
  readonly audio_url: string;
  readonly download_url: string;
}

/** One of `GET /api/calls`. */
export interface Call {
  readonly call_sid: string;
  readonly direction: Direction | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly status: string | null;
  readonly started_at: string | null;
  readonly heard_at: string;
  readonly duration_seconds: number | null;
  readonly recordings: readonly Recording[];
}

export interface CallPage {
  readonly calls: readonly Call[];
  readonly next_cursor: string | null;
}

export interface Summary {
  readonly topic: string | null;
  readonly outcome: string | null;
  readonly next_step: string | null;
}

export interface Fact {
  readonly value: string;
  /** What the business calls it, where that is something else. */
  readonly label?: string;
  readonly confidence: number;
}

export interface Facts {
  readonly customer_name: Fact | null;
  readonly city: Fact | null;
  readonly service: Fact | null;
}

export type AppointmentStatus = 'proposed' | 'confirmed' | 'dismissed';

export interface Appointment {
  readonly id: number;
  readonly recording_sid: string;
  readonly calendar_id: number | null;
  readonly status: AppointmentStatus;
  /** What the business calls that status. */
  readonly label: string;
  readonly starts_at: string;
  readonly subject: string | null;
  readonly customer_name: string | null;
  readonly confidence: number;
  readonly proposed_at: string;
  readonly changed_at: string | null;
}

export interface AppointmentChange {
  readonly status?: AppointmentStatus;
  readonly starts_at?: string;
  readonly calendar_id?: number | null;
}

/** `GET /api/session`. */
export interface SignedIn {
  readonly business_id: string;
  readonly role: 'agent' | 'owner' | 'operator';
  readonly expires_at: string;
}

/** `GET /api/calls/{call_sid}`. */
export interface CallDetails extends Call {
  readonly transcript: {
    readonly url: string;
    readonly language: string | null;
    readonly revision: number;
    readonly utterances: number;
  } | null;
  readonly summary: Summary | null;
  readonly facts: Facts | null;
  readonly appointment: Appointment | null;
  readonly stages: readonly Stage[];
}
