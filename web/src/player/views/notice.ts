// Over the waveform: how far a recording is on its way, or why it does not play and what to do.

import { css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { sentence } from '../../words/formats.ts';
import type { PlayerState } from '../state.ts';
import { icon } from './icons.ts';
import { awaitedMs, type Card, lengthOf, noticeOf, type Strip } from './notice-text.ts';
import { define, View } from './view.ts';

export class NoticeView extends View {
  @property({ attribute: false }) playback: PlayerState['playback'] = { name: 'idle' };
  @property({ attribute: false }) progress: PlayerState['progress'] = null;
  @property({ attribute: false }) timeline: PlayerState['timeline'] | null = null;

  #tick: ReturnType<typeof setTimeout> | undefined;
  #shownMs = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#tick);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate();
  }

  override render() {
    const { playback, progress, timeline } = this;
    this.#shownMs = Date.now();
    if (timeline === null) return nothing;
    const notice = noticeOf({ playback, progress, timeline }, this.words, this.#shownMs);
    if (notice === null) return nothing;
    return notice.kind === 'strip' ? this.#strip(notice) : this.#card(notice);
  }

  /** Once a second, until what is shown is of the awaited moment or later. */
  protected override updated(): void {
    clearTimeout(this.#tick);
    const awaited = awaitedMs(this);
    if (awaited !== null && awaited > this.#shownMs) this.#tick = setTimeout(() => this.requestUpdate(), 1000);
  }

  #strip({ title, details, reason, percent }: Strip) {
    return html`<div class="strip" part="notice">
      <p><strong>${title}</strong></p>
      <p class="details">${details.map((detail) => html`<span class="detail">${detail}</span>`)}</p>
      ${reason === null ? nothing : html`<p class="reason"><bdi lang="en">${sentence(reason)}</bdi></p>`}
      <progress max="100" value=${percent ?? nothing} aria-label=${title}></progress>
    </div>`;
  }

  #card({ title, advice, retryInSeconds }: Card) {
    return html`<div class="card" part="notice">
      ${icon('notice')}
      <div class="card-text"><p><strong>${title}</strong></p><p class="advice">${advice}</p></div>
      ${retryInSeconds === null ? nothing : this.#retry(retryInSeconds)}
    </div>`;
  }

  #retry(seconds: number) {
    const { words } = this;
    return html`<button type="button" class="action" part="button" ?disabled=${seconds > 0}
      @click=${() => this.send({ type: 'retry' })}>
      ${seconds > 0 ? words.say('again_in', { time: lengthOf(seconds, words) }) : words.say('try_again')}
    </button>`;
  }
}

define('hearback-notice', NoticeView);

export const noticeStyles = css`
  .deck { display: grid; align-items: center; }
  .deck > * { grid-area: 1 / 1; min-inline-size: 0; }
  .deck[data-notice='strip'] .stage { opacity: 0.4; }
  .deck[data-notice='card'] hearback-waveform { visibility: hidden; }
  hearback-notice { position: relative; z-index: 1; pointer-events: none; }
  .strip {
    justify-self: center; inline-size: fit-content; max-inline-size: 100%; min-inline-size: min(100%, 18rem); margin-inline: auto;
    padding: 0.625rem 0.875rem 0.75rem; border: 1px solid var(--line); border-radius: 0.75rem;
    background: var(--surface); box-shadow: 0 0.25rem 1.25rem rgb(0 0 0 / 0.08); font-size: 0.875rem;
  }
  .strip strong { font-weight: 600; }
  .strip .detail { color: var(--quiet); font-variant-numeric: tabular-nums; }
  .strip .details:empty { display: none; }
  .strip .detail:not(:first-child)::before { content: '·'; margin-inline: 0.375em; }
  .strip .reason { color: var(--quiet); font-size: 0.8125rem; overflow-wrap: anywhere; }
  .strip progress {
    display: block; inline-size: 100%; block-size: 0.25rem; margin-block-start: 0.5rem; border: 0; border-radius: 0.125rem;
    overflow: hidden; appearance: none; background: var(--hover); accent-color: var(--accent);
  }
  .strip progress::-webkit-progress-bar { background: var(--hover); }
  .strip progress::-webkit-progress-value { background: var(--accent); border-radius: 0.125rem; transition: inline-size 240ms; }
  .strip progress::-moz-progress-bar { background: var(--accent); border-radius: 0.125rem; }
  .strip progress:indeterminate {
    background: linear-gradient(90deg, var(--hover) 30%, var(--accent) 50%, var(--hover) 70%) 0 0 / 300% 100%;
    animation: sweep 1.6s linear infinite;
  }
  .strip progress:indeterminate::-webkit-progress-bar { background: transparent; }
  .strip progress:indeterminate::-moz-progress-bar { background: transparent; }
  @keyframes sweep { from { background-position: 100% 0; } to { background-position: 0% 0; } }
  @media (prefers-reduced-motion: reduce) { .strip progress:indeterminate { animation: none; background-position: 50% 0; } }
  .card { display: flex; flex-wrap: wrap; align-items: center; gap: 0.75rem 1rem; pointer-events: auto; padding: 0.75rem 1rem; border-radius: 0.75rem; background: var(--warn-tint); }
  .card > .icon { color: var(--warn); font-size: 1.5rem; }
  .card-text { flex: 1 1 14rem; min-inline-size: 0; }
  .card strong { font-weight: 620; }
  .card .advice { color: var(--quiet); }
`;
