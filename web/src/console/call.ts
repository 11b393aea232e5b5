// `<hearback-call>`: one call, its recordings, and the player with all that is known of it. One element for each call.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { keyed } from 'lit/directives/keyed.js';
import type { Problem } from '../service/problem.ts';
import type { Service } from '../service/service.ts';
import type { Call as CallShape, Recording } from '../service/shapes.ts';
import { instant, phone, playingTime, shortSid } from '../words/formats.ts';
import { callStyles } from './call.styles.ts';
import {
  channelsText,
  directionOf,
  durationText,
  keptRecording,
  partyNumber,
  partyOf,
  statusKey,
  viaOf,
  whenOf,
} from './call-facts.ts';
import { icon } from './icons.ts';
import { Poller } from './poller.ts';
import { ask } from './requests.ts';
import { CALLS, callOf, formatRoute, type Route } from './router.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

const EVERY_MS = 5000;
const COPIED_MS = 1600;

@customElement('hearback-call')
export class CallPage extends LitElement {
  static override styles = [shared, callStyles];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) service!: Service;
  @property({ attribute: false }) route!: Route & { page: 'call' };
  /** As the list knows it, until the service answers. */
  @property({ attribute: false }) known: CallShape | null = null;
  /** Begins to play by itself: a Play button was pressed. */
  @property({ type: Boolean }) plays = false;
  @property({ attribute: false }) newer: string | null = null;
  @property({ attribute: false }) older: string | null = null;
  /** Where the list is that it was opened from. */
  @property({ attribute: false }) list: Route = CALLS;
  @property({ attribute: false }) nowMs = 0;

  @state() private loaded: CallShape | null = null;
  /** What the player keeps to where the address names no recording. */
  @state() private kept: string | null = null;
  @state() private isUnknown = false;
  @state() private isTroubled = false;
  @state() private isCopied = false;
  @query('h1') private heading!: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasPlayed = false;

  /** Keeps the states of recordings true; what is said and heard of them, the player follows itself. */
  #poller = new Poller({
    everyMs: EVERY_MS,
    ask: async (signal) => {
      const call = await this.service.call(this.route.call, signal);
      if (signal.aborted) return;
      this.loaded = call;
      this.kept = keptRecording(call, this.kept);
      this.#learnt(null);
    },
    failed: (problem) => this.#learnt(problem),
  });

  arrive(): void {
    this.heading.focus({ preventScroll: true });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#poller.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poller.stop();
    clearTimeout(this.#timer);
  }

  override render() {
    const call = this.loaded ?? this.known;
    return html`
      ${this.#ways()}
      ${this.isUnknown ? this.#nothingHere() : html`${this.#header(call)}${this.#recordings(call)}${this.#player(call)}`}
    `;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get('route');
    if (before !== undefined) this.#goTo(before);
    if (!this.plays || this.#hasPlayed) return;
    const player = this.renderRoot.querySelector('hearback-player');
    if (player === null) return;
    this.#hasPlayed = true;
    // The press that opened this page is what lets it make a sound.
    void customElements.whenDefined('hearback-player').then(() => {
      if ('play' in player && typeof player.play === 'function') void player.play();
    });
  }

  /** A link to another second of what is shown already. */
  #goTo(before: Route & { page: 'call' }): void {
    const { recording, second } = this.route;
    const player = this.renderRoot.querySelector('hearback-player');
    if (recording === before.recording && second !== before.second && second > 0 && player) player.currentTime = second;
  }

  #ways(): TemplateResult {
    const { say } = this.words;
    const { list } = this;
    const back = list.page === 'number' ? say('back_to_number', { number: phone(list.number) }) : say('back_to_calls');
    return html`<div class="ways">
      <a class="button plain back" href=${formatRoute(list)}>${icon('back', true)}${back}</a>
      ${this.newer === null && this.older === null ? nothing : html`<span class="beside">${this.#way(this.newer, 'newer_call', 'up')}${this.#way(this.older, 'older_call', 'down')}</span>`}
    </div>`;
  }

  /** Beside this one in the list: back still leads to the list. */
  #way(call: string | null, key: 'newer_call' | 'older_call', shape: 'up' | 'down'): TemplateResult {
    const name = this.words.say(key);
    if (call === null) return html`<span class="square off" aria-hidden="true">${icon(shape)}</span>`;
    const open = (event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      ask(this, { type: 'open', route: callOf(call), replaces: true });
    };
    return html`<a class="square" href=${formatRoute(callOf(call))} aria-label=${name} title=${name} @click=${open}>${icon(shape)}</a>`;
  }

  #header(call: CallShape | null): TemplateResult {
    const { say } = this.words;
    if (call === null) {
      return html`<header><h1 tabindex="-1">${this.isTroubled ? say('call_unreachable') : say('loading')}</h1></header>`;
    }
    const direction = directionOf(call);
    const number = partyNumber(call);
    const status = statusKey(call.status);
    const party = partyOf(call, this.words);
    return html`<header>
      <span class="direction ${direction}">${icon(direction)}</span>
      <div class="title">
        <h1 tabindex="-1"><bdi dir="ltr">${party}</bdi></h1>
        ${status === null ? nothing : html`<span class="tag">${say(status)}</span>`}
        ${number === null ? nothing : html`<a class="history" href=${formatRoute({ page: 'number', number })}>${icon('history')}${say('history_of', { party })}</a>`}
      </div>
      ${this.#facts(call)}
    </header>`;
  }

  #facts(call: CallShape): TemplateResult {
    const { say, formats } = this.words;
    const when = whenOf(call);
    const ms = instant(when);
    const copy = say('copy_sid', { sid: call.call_sid });
    const duration = durationText(call);
    const via = viaOf(call, this.words);
    return html`<ul class="facts">
      <li>${say(`call_${directionOf(call)}`)}${via === null ? nothing : html` <span class="quiet">${via}</span>`}</li>
      <li><time datetime=${when} title=${formats.relative(when, this.nowMs) ?? nothing}>${ms === null ? when : formats.exact(ms)}</time></li>
      ${duration === null ? nothing : html`<li>${say('lasted', { time: duration })}</li>`}
      <li class="sid">
        <bdi dir="ltr" title=${call.call_sid}>${shortSid(call.call_sid)}</bdi>
        <button type="button" class="square" aria-label=${copy} title=${copy} @click=${() => this.#copy(call.call_sid)}>${icon(this.isCopied ? 'check' : 'copy')}</button>
      </li>
    </ul>`;
  }

  #recordings(call: CallShape | null): TemplateResult | typeof nothing {
    if (call === null) return nothing;
    const { say } = this.words;
    const { recordings } = call;
    if (recordings.length === 0) return html`<p class="card none quiet">${say('no_recording_hint')}</p>`;
    const first = recordings[0];
    if (recordings.length === 1 && first !== undefined) {
      return html`<p class="one">${this.#chip(first)}<span class="quiet small">${channelsText(first.channels, this.words)}</span></p>`;
    }
    return html`<nav class="recordings" aria-label=${say('recordings')}>
      ${recordings.map((recording, index) => this.#recording(recording, index))}
    </nav>`;
  }

  #recording(recording: Recording, index: number): TemplateResult {
    const { say, formats } = this.words;
    const isShown = this.#shown(recording);
    const sid = recording.recording_sid === this.kept ? null : recording.recording_sid;
    const open = (event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      ask(this, { type: 'open', route: callOf(this.route.call, { recording: sid }), replaces: true });
    };
    const length = recording.duration_seconds;
    return html`<a href=${formatRoute(callOf(this.route.call, { recording: sid }))} aria-current=${isShown ? 'true' : nothing} @click=${open}>
      <span class="which">
        <strong>${say('recording_at', { index: formats.number(index + 1) })}</strong>
        ${recording.primary ? html`<span class="tag">${say('primary')}</span>` : nothing}
      </span>
      <span class="quiet small">
        ${[formats.moment(recording.started_at, this.nowMs), length === null ? null : playingTime(length), channelsText(recording.channels, this.words)].filter((text) => text !== null).join(' · ')}
      </span>
      ${this.#chip(recording)}
    </a>`;
  }

  #chip({ state }: Recording): TemplateResult {
    const { say } = this.words;
    return html`<span class="chip ${state}" title=${say(`state_${state}_hint`)}>${icon(state)}${say(`state_${state}`)}</span>`;
  }

  #shown(recording: Recording): boolean {
    const named = this.route.recording ?? this.kept;
    return named === null ? recording.primary : named === recording.recording_sid;
  }

  #player(call: CallShape | null): TemplateResult | typeof nothing {
    if (call === null || call.recordings.length === 0) return nothing;
    const { recording, second } = this.route;
    const shared = formatRoute(callOf(this.route.call, { recording: recording ?? this.kept }));
    return html`${keyed(
      recording,
      html`<hearback-player
        lang=${this.words.language}
        base=${this.service.base.href}
        call-sid=${this.route.call}
        recording-sid=${recording ?? nothing}
        start=${second > 0 ? second : nothing}
        share-url=${`${shared}${shared.includes('?') ? '&' : '?'}t={t}`}
        @hearback-state=${this.#played}
        @hearback-signed-out=${() => ask(this, { type: 'signed_out' })}
      ></hearback-player>`,
    )}`;
  }

  #nothingHere(): TemplateResult {
    const { say } = this.words;
    return html`<section class="card empty">
      ${icon('phone')}
      <h1 tabindex="-1">${say('no_such_call')}</h1>
      <p>${say('no_such_call_hint')}</p>
      <p class="sid"><bdi dir="ltr">${this.route.call}</bdi></p>
      <a class="button" href="#/calls">${say('back_to_calls')}</a>
    </section>`;
  }

  /** What plays, or does not play any more, is likely to be in another state than it was. */
  #played = (event: CustomEvent<{ readonly state: string }>): void => {
    const shown = this.loaded?.recordings.find((recording) => this.#shown(recording));
    const isNews = event.detail.state === 'playing' && shown?.state !== 'ready';
    if (isNews || event.detail.state === 'stopped') this.#poller.askNow();
  };

  /** Answers whether to go on asking. */
  #learnt(problem: Problem | null): boolean {
    this.isUnknown = problem?.status === 404;
    this.isTroubled = problem !== null;
    const isSettled = problem?.status === 404 || problem?.status === 401;
    ask(this, { type: 'troubled', problem: problem?.status === 404 ? null : problem });
    return !isSettled;
  }

  async #copy(sid: string): Promise<void> {
    await navigator.clipboard?.writeText(sid).then(
      () => {
        this.isCopied = true;
        ask(this, { type: 'announce', text: this.words.say('copied') });
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
          this.isCopied = false;
        }, COPIED_MS);
      },
      // Its title still shows the whole of it.
      () => {},
    );
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-call': CallPage;
  }
}
