// `<hearback-player>`: attributes and properties in, events out. It makes the store, hands its state to the views and
// their requests to it; nothing is decided here but what is to be played, and in which language.

import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { property, query } from 'lit/decorators.js';
import type { HearbackEventMap, HearbackPlayer as Published } from '../../player.d.ts';
import { type Credentials, Service } from '../service/service.ts';
import { chooseLanguage } from '../words/words.ts';
import {
  isSameCredentials,
  isSamePlace,
  type Left,
  secondInFragment,
  shareAddress,
  type Target,
  takenUp,
  targetOf,
  targetOfLink,
} from './address.ts';
import { isHere } from './here.ts';
import { answerTo, type Focus } from './keyboard.ts';
import { MediaKeys } from './media-session.ts';
import type { PlayerState, PlayerStore, Request, Why } from './state.ts';
import { createPlayerStore } from './store.ts';
import { layoutStyles, themeStyles } from './styles.ts';
import { controlsStyles } from './views/controls.ts';
import './views/copied.ts';
import type { CopiedView } from './views/copied.ts';
import { type KeysHelpView, keysHelpStyles } from './views/keys-help.ts';
import { type LaneName, lanesOf } from './views/lanes.ts';
import { noticeStyles } from './views/notice.ts';
import { announcementOf, noticeKindOf } from './views/notice-text.ts';
import { summaryStyles } from './views/summary.ts';
import { transcriptStyles } from './views/transcript.ts';
import { define } from './views/view.ts';
import { waveformStyles } from './views/waveform.ts';
import { type PlayerWords, playerWords } from './words.ts';

/** How long a page may take to have a link renewed. */
const RENEW_MS_MAX = 30_000;
const TIME_MS = 250;

interface Live {
  readonly target: Target;
  readonly store: PlayerStore;
  readonly service: Service;
  readonly unsubscribe: () => void;
}

export class HearbackPlayer extends LitElement implements Published {
  static override styles = [
    themeStyles,
    layoutStyles,
    controlsStyles,
    waveformStyles,
    noticeStyles,
    transcriptStyles,
    summaryStyles,
    keysHelpStyles,
  ];

  static override get observedAttributes(): string[] {
    // biome-ignore lint/complexity/noThisInStatic: Lit collects the properties of the class that it is asked of.
    return [...super.observedAttributes, 'lang'];
  }

  @property({ attribute: 'call-sid' }) callSid: string | null = null;
  @property({ attribute: 'recording-sid' }) recordingSid: string | null = null;
  @property() base: string | null = null;
  @property() link: string | null = null;
  @property() token: string | null = null;
  @property({ type: Number }) start: number | null = null;
  @property() panels: string | null = null;
  @property({ attribute: 'share-url' }) shareUrl: string | null = null;
  @query('hearback-keys-help') private keysHelp!: KeysHelpView | null;
  @query('hearback-copied') private copied!: CopiedView | null;

  #live: Live | null = null;
  /** Where a store that is gone had come to, for the same call coming back. */
  #left: Left | null = null;
  #focusing = 0;
  /** Somebody wants it as soon as it is here. */
  #downloads = false;
  #lanes: readonly LaneName[] = [];
  #told: { state: string; why: string | null; second: number; atMs: number } = {
    state: 'idle',
    why: null,
    second: 0,
    atMs: 0,
  };
  readonly #send = (request: Request) => this.#live?.store.send(request);
  readonly #mediaKeys = new MediaKeys(this.#send);
  readonly #languages = new MutationObserver(() => this.requestUpdate());
  readonly #download = (press: Event) => this.#downloadLater(press);
  readonly #copy = () => this.#copyLink();
  readonly #showKeys = () => this.keysHelp?.show();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#languages.observe(document.documentElement, { attributeFilter: ['lang'] });
    this.addEventListener('keydown', this.#pressed);
    this.setAttribute('state', this.state);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#languages.disconnect();
    this.removeEventListener('keydown', this.#pressed);
    // Whoever moves it within the page takes it out and puts it back at once: then it plays on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#end();
    });
  }

  override attributeChangedCallback(name: string, old: string | null, value: string | null): void {
    super.attributeChangedCallback(name, old, value);
    if (name === 'lang') this.requestUpdate();
  }

  get state(): PlayerState['playback']['name'] {
    return this.#live?.store.state.playback.name ?? 'idle';
  }

  get currentTime(): number {
    return this.#live?.store.state.timeline.second ?? this.#left?.second ?? 0;
  }

  set currentTime(second: number) {
    if (Number.isFinite(second)) this.#send({ type: 'seek', second: Math.max(0, second) });
  }

  get duration(): number {
    return this.#live?.store.state.timeline.durationSeconds ?? Number.NaN;
  }

  get paused(): boolean {
    return !this.#live?.store.state.wantsSound;
  }

  play(): void {
    this.#begin();
    this.#send({ type: 'play' });
  }

  pause(): void {
    this.#send({ type: 'pause' });
  }

  protected override willUpdate(_changed: PropertyValues<this>): void {
    this.#begin();
  }

  override render() {
    const words = playerWords(chooseLanguage([languageAround(this), ...navigator.languages]));
    return html`<div class="player" part="player" role="group" aria-label=${words.say('player')} tabindex="-1"
      lang=${words.language} dir=${words.direction}>
      ${this.#live ? this.#loaded(this.#live, words) : this.#missing(words)}
    </div>`;
  }

  protected override updated(): void {
    if (!this.#live) return;
    const words = playerWords(chooseLanguage([languageAround(this), ...navigator.languages]));
    this.#mediaKeys.update(this.#live.store.state, words);
  }

  #loaded({ store: { state }, service, target }: Live, words: PlayerWords) {
    const { playback, progress, timeline, sound, waveform } = state;
    const isRunning = playback.name === 'playing';
    const download =
      state.may.download && service.credentials.kind === 'cookie'
        ? service.downloadUrl(target.call, state.recording)
        : null;
    return html`<div class="head">
        <div class="deck" data-notice=${noticeKindOf(playback) ?? nothing}>
          <hearback-waveform .words=${words} .send=${this.#send} .waveform=${waveform} .timeline=${timeline} .sound=${sound}
            .lanes=${this.#lanesOf(state, words)} .isRunning=${isRunning}></hearback-waveform>
          <hearback-notice .words=${words} .send=${this.#send} .playback=${playback} .progress=${progress} .timeline=${timeline}>
          </hearback-notice>
        </div>
        <hearback-controls .words=${words} .send=${this.#send} .playback=${playback} .wantsSound=${state.wantsSound} .timeline=${timeline} .sound=${sound}
          .downloadUrl=${download} .download=${this.#download} .canShare=${this.#shareUrlAt(0) !== null} .copy=${this.#copy} .showKeys=${this.#showKeys}>
        </hearback-controls>
        <p class="unseen" role="status">${announcementOf(state, words)}</p>
      </div>
      ${this.#panels(state, words)}
      <hearback-copied .words=${words}></hearback-copied>
      <hearback-keys-help .words=${words}></hearback-keys-help>`;
  }

  #panels(state: PlayerState, words: PlayerWords) {
    const shown = (this.panels ?? 'transcript summary').split(/\s+/);
    const { timeline, sound, transcript, change, may, details, stages } = state;
    return html`<div class="panels">
      ${
        shown.includes('transcript')
          ? html`<hearback-transcript .words=${words} .send=${this.#send} .transcript=${transcript} .timeline=${timeline}
              .rate=${sound.rate} .isRunning=${state.playback.name === 'playing'} .mayCorrect=${may.correct} .change=${change}>
            </hearback-transcript>`
          : nothing
      }
      ${
        shown.includes('summary')
          ? html`<hearback-summary .words=${words} .send=${this.#send} .details=${details} .stages=${stages} .change=${change}
              .mayDecide=${may.decide}></hearback-summary>`
          : nothing
      }
    </div>`;
  }

  /** The same for the same, so that no lane is drawn anew. */
  #lanesOf(state: PlayerState, words: PlayerWords): readonly LaneName[] {
    const lanes = lanesOf(state, words);
    if (JSON.stringify(lanes) !== JSON.stringify(this.#lanes)) this.#lanes = lanes;
    return this.#lanes;
  }

  #missing({ say }: PlayerWords) {
    return html`<div class="panel" part="notice"><p><strong>${say('call_missing')}</strong></p><p class="quiet">${say('call_missing_todo')}</p></div>`;
  }

  /** Sees to it that the store is the one for what the attributes say. */
  #begin(): void {
    if (!this.isConnected) return;
    const target = this.#target();
    const live = this.#live;
    if (live && target && isSamePlace(live.target, target)) {
      if (isSameCredentials(live.target.credentials, target.credentials)) return;
      live.store.renew(target.credentials);
      this.#live = { ...live, target, service: new Service(target.base, target.credentials) };
      return;
    }
    this.#end();
    if (target) this.#open(target);
    else if (live) this.#tellState('idle', null);
  }

  #open(target: Target): void {
    const service = new Service(target.base, target.credentials);
    const left = takenUp(this.#left, target);
    const store = createPlayerStore({
      service,
      call: target.call,
      recording: left === null ? target.recording : left.recording,
      startSecond: left === null ? this.#startSecond() : left.second,
      renewLink: () => this.#renewLink(),
    });
    const unsubscribe = store.subscribe(() => this.#changed());
    this.#live = { target, store, service, unsubscribe };
    this.#left = null;
    this.#changed();
  }

  #end(): void {
    const live = this.#live;
    if (!live) return;
    this.#live = null;
    this.#downloads = false;
    const { recording, timeline } = live.store.state;
    this.#left = { target: live.target, second: timeline.second, recording };
    live.unsubscribe();
    live.store.dispose();
    this.#mediaKeys.release();
  }

  #startSecond(): number {
    const fragment = this.shareUrl ? null : secondInFragment(location.hash);
    return Math.max(0, this.start ?? fragment ?? 0);
  }

  #target(): Target | null {
    const { callSid, recordingSid, base, link, token } = this;
    return targetOf({ callSid, recordingSid, base, link, token }, document.baseURI, import.meta.url);
  }

  #changed(): void {
    this.requestUpdate();
    const { playback, timeline } = this.#live?.store.state ?? {};
    if (!this.#live || !playback || !timeline) return;
    if (this.#downloads) this.#downloadNow(this.#live);
    const told = this.#told;
    const why = 'why' in playback ? playback.why : null;
    const { second } = timeline;
    const nowMs = performance.now();
    // As time passes here, not in the audio: it may play twice as fast.
    const isTimeDue = second !== told.second && (playback.name !== 'playing' || nowMs - told.atMs >= TIME_MS);
    this.#told = { ...told, state: playback.name, why, ...(isTimeDue ? { second, atMs: nowMs } : {}) };
    if (isTimeDue) this.#tell('hearback-time', { second });
    if (told.state === playback.name && told.why === why) return;
    this.#keepFocus();
    this.#tellState(playback.name, why);
    if (playback.name === 'stopped' && why === 'signed_out') this.#tell('hearback-signed-out', null);
  }

  #tellState(state: PlayerState['playback']['name'], why: Why | null): void {
    this.#told = { ...this.#told, state, why };
    this.setAttribute('state', state);
    this.#tell('hearback-state', { state, why });
  }

  /** What had the focus may be hidden, disabled or gone in the next state: keys then still reach the player. */
  #keepFocus(): void {
    if (!this.shadowRoot?.activeElement) return;
    cancelAnimationFrame(this.#focusing);
    // The frame after: browsers take the focus away when they draw.
    this.#focusing = requestAnimationFrame(() => {
      this.#focusing = requestAnimationFrame(() => {
        const isNowhere = document.activeElement === document.body || document.activeElement === null;
        if (!this.isConnected || !isNowhere) return;
        const heir = this.renderRoot.querySelector<HTMLElement>('.play:not(:disabled)');
        (heir ?? this.renderRoot.querySelector<HTMLElement>('.player'))?.focus({ preventScroll: true });
      });
    });
  }

  /** Answers false if the page said that it sees to the rest. */
  #tell<K extends keyof HearbackEventMap>(name: K, detail: HearbackEventMap[K]['detail']): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** Whoever answers after the event, as an `async` listener does, is heard too: what stopped then goes on. */
  async #renewLink(): Promise<Credentials | null> {
    let answer: Promise<Credentials | null> | null = null;
    let isOver = false;
    this.#tell('hearback-link-expired', {
      renewWith: (link) => {
        const credentials = Promise.resolve(link).then((url) => this.#renewed(url));
        credentials.then((late) => late && isOver && this.#live?.store.renew(late)).catch(() => {});
        if (!isOver) answer = credentials;
      },
    });
    if (!answer) {
      isOver = true;
      return null;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        isOver = true;
        resolve(null);
      }, RENEW_MS_MAX);
    });
    return Promise.race([answer, tooLate])
      .catch(() => null)
      .finally(() => clearTimeout(timer));
  }

  /** A link to something else is no answer. */
  #renewed(link: string): Credentials | null {
    const live = this.#live;
    const target = targetOfLink(link, this.base, document.baseURI);
    if (!live || target?.call !== live.target.call || target.recording !== live.target.recording) return null;
    this.#live = { ...live, target: { ...live.target, credentials: target.credentials } };
    this.link = link;
    return target.credentials;
  }

  #shareUrlAt(second: number): string | null {
    return shareAddress(this.shareUrl, location.href, second);
  }

  /** What is not here yet is fetched first, without a sound; its progress is shown as ever. */
  #downloadLater(press: Event): void {
    const live = this.#live;
    if (!live || isHere(live.store.state)) return;
    press.preventDefault();
    this.#downloads = true;
    if (live.store.state.wantsSound) return;
    this.#send({ type: 'play' });
    this.#send({ type: 'pause' });
  }

  #downloadNow({ store, service, target }: Live): void {
    const { playback } = store.state;
    if (playback.name === 'stopped') this.#downloads = false;
    if (!this.#downloads || !isHere(store.state)) return;
    this.#downloads = false;
    const way = document.createElement('a');
    way.href = service.downloadUrl(target.call, store.state.recording);
    way.download = '';
    way.click();
  }

  #copyLink(): void {
    const second = Math.floor(this.currentTime);
    const url = this.#shareUrlAt(second);
    if (url !== null && this.#tell('hearback-copy', { second, url })) this.copied?.copy(url);
  }

  readonly #pressed = (event: KeyboardEvent) => {
    const state = this.#live?.store.state;
    if (!state || event.defaultPrevented) return;
    const { key, code, shiftKey: shift } = event;
    const isCommand = event.ctrlKey || event.altKey || event.metaKey;
    const heard = {
      durationSeconds: state.timeline.durationSeconds,
      rate: state.sound.rate,
      isMuted: state.sound.isMuted,
    };
    const answer = answerTo({ key, code, shift, isCommand, focus: focusOf(event) }, heard);
    if (answer === null) return;
    event.preventDefault();
    if (answer.type === 'help') this.keysHelp?.show();
    else this.#send(answer);
  };
}

function focusOf(event: KeyboardEvent): Focus {
  const [target] = event.composedPath();
  if (!(target instanceof Element)) return 'elsewhere';
  if (target.matches('input[type="range"]')) return 'range';
  if (target.matches('input, textarea, select, [contenteditable]') || target.closest('dialog[open]')) return 'text';
  return target.matches('button, a, summary') ? 'button' : 'elsewhere';
}

/** The element's own language, or the nearest around it, also outside of the shadow roots that it lies in. */
function languageAround(element: Element): string | null {
  const found = element.closest('[lang]')?.getAttribute('lang');
  if (found) return found;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? languageAround(root.host) : null;
}

define('hearback-player', HearbackPlayer);
