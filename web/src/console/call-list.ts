// `<hearback-call-list>`: rows of calls, newest first, moved through by arrow keys.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { letterOf } from '../player/keyboard.ts';
import type { Call, Summary } from '../service/shapes.ts';
import { instant } from '../words/formats.ts';
import {
  directionOf,
  durationText,
  partyNumber,
  partyOf,
  playable,
  statesOf,
  statusKey,
  viaOf,
  whenOf,
} from './call-facts.ts';
import { listStyles } from './call-list.styles.ts';
import { icon } from './icons.ts';
import { EMPTY, type ListState } from './list-state.ts';
import { ask } from './requests.ts';
import { callOf, formatRoute } from './router.ts';
import { isTakenElsewhere, rowFor } from './roving.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

@customElement('hearback-call-list')
export class CallList extends LitElement {
  static override styles = [shared, listStyles];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) list: ListState = EMPTY;
  @property({ attribute: false }) nowMs = 0;
  /** `number`: all are with one number, so rows say when and what about, not with whom. */
  @property({ reflect: true }) kind: 'calls' | 'number' = 'calls';
  /** What is known of what calls were about, by call SID. */
  @property({ attribute: false }) summaries: ReadonlyMap<string, Summary | null> = new Map();

  /** The row that Tab leads to. */
  @state() private current: string | null = null;
  #anchor: { row: Element; top: number } | null = null;

  /** Leads the keyboard back to where it was, without scrolling. */
  focusCall(call: string): void {
    this.current = call;
    this.#linkOf(call)?.focus({ preventScroll: true });
  }

  override render() {
    const { say } = this.words;
    const calls = this.list.calls ?? [];
    return html`
      <ol class="rows card" aria-label=${say('calls')} aria-describedby="keys" @keydown=${this.#pressed} @focusin=${this.#focused}>
        ${repeat(
          calls,
          (call) => call.call_sid,
          (call, index) => this.#row(call, this.#isCurrent(call, index)),
        )}
      </ol>
      ${this.#more()}
      <p id="keys" class="keys quiet small">${say('keys')}</p>
    `;
  }

  /** New rows above what somebody reads, or has the focus on, must not push it away. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    this.#anchor = null;
    if (!changed.has('list') || !this.hasUpdated) return;
    const rows = [...this.renderRoot.querySelectorAll('.row')];
    const isFocused = this.shadowRoot?.activeElement?.closest('.row');
    const isRead = window.scrollY > 0 ? rows.find((row) => row.getBoundingClientRect().bottom > 0) : null;
    const row = isFocused ?? isRead;
    if (row) this.#anchor = { row, top: row.getBoundingClientRect().top };
  }

  protected override updated(): void {
    if (this.#anchor === null || !this.#anchor.row.isConnected) return;
    const moved = this.#anchor.row.getBoundingClientRect().top - this.#anchor.top;
    if (moved !== 0) window.scrollBy({ top: moved, behavior: 'instant' });
  }

  #row(call: Call, isCurrent: boolean): TemplateResult {
    const { say } = this.words;
    const direction = directionOf(call);
    const status = statusKey(call.status);
    const duration = durationText(call);
    return html`
      <li class="row" data-call=${call.call_sid}>
        <span class="direction ${direction}">${icon(direction)}</span>
        <div class="who">${this.kind === 'calls' ? this.#party(call, isCurrent) : this.#about(call, isCurrent)}</div>
        <div class="meta small">
          ${this.kind === 'calls' ? html`${this.#sides(call)}${this.#when(call)}` : nothing}
          ${duration === null ? nothing : html`<span class="length" title=${say('lasted', { time: duration })}>${duration}</span>`}
        </div>
        <span class="states">
          ${status === null ? nothing : html`<span class="tag">${say(status)}</span>`}
          ${this.#states(call)}
        </span>
        <span class="actions">${this.#actions(call, isCurrent)}</span>
      </li>
    `;
  }

  #party(call: Call, isCurrent: boolean): TemplateResult {
    return this.#link(call, isCurrent, html`<bdi dir="ltr">${partyOf(call, this.words)}</bdi>`);
  }

  #sides(call: Call): TemplateResult {
    const via = viaOf(call, this.words);
    return html`<span class="sides quiet">
      <span>${this.words.say(`call_${directionOf(call)}`)}</span>
      ${via === null ? nothing : html`<span class="via">${via}</span>`}
    </span>`;
  }

  #about(call: Call, isCurrent: boolean): TemplateResult {
    const { formats } = this.words;
    const summary = this.summaries.get(call.call_sid);
    const when = whenOf(call);
    return html`
      <span class="about-when">
        ${this.#link(call, isCurrent, html`<time datetime=${when} title=${this.#exact(when)}>${formats.moment(when, this.nowMs)}</time>`)}
        <span class="quiet small">${formats.relative(when, this.nowMs)}</span>
      </span>
      ${summary?.topic ? html`<span class="topic" dir="auto">${summary.topic}</span>` : nothing}
      ${summary?.outcome ? html`<span class="outcome quiet small" dir="auto">${summary.outcome}</span>` : nothing}
    `;
  }

  #link(call: Call, isCurrent: boolean, content: TemplateResult): TemplateResult {
    const { say, formats } = this.words;
    const name = say('call_named', {
      party: partyOf(call, this.words),
      direction: say(`call_${directionOf(call)}`),
      when: formats.moment(whenOf(call), this.nowMs) ?? '',
    });
    return html`<a class="open" href=${formatRoute(callOf(call.call_sid))} aria-label=${name} tabindex=${isCurrent ? 0 : -1}>${content}</a>`;
  }

  #when(call: Call): TemplateResult {
    const { formats } = this.words;
    const when = whenOf(call);
    return html`<time class="when" datetime=${when} title=${this.#exact(when)}>
      <span>${formats.relative(when, this.nowMs)}</span>
      <span class="moment quiet small">${formats.moment(when, this.nowMs)}</span>
    </time>`;
  }

  #states(call: Call): TemplateResult | readonly TemplateResult[] {
    const { say, formats } = this.words;
    if (call.recordings.length === 0) return html`<span class="quiet small">${say('no_recording')}</span>`;
    return statesOf(call).map(
      ({ state, count }) => html`<span class="chip ${state}" title=${say(`state_${state}_hint`)}>
        ${icon(state)}${say(`state_${state}`)}${count > 1 ? html` <span>×${formats.number(count)}</span>` : nothing}
      </span>`,
    );
  }

  #actions(call: Call, isCurrent: boolean): TemplateResult {
    const { say } = this.words;
    const party = partyOf(call, this.words);
    const number = partyNumber(call);
    const tab = isCurrent ? 0 : -1;
    const history = say('history_of', { party });
    const play = say('play_call', { party });
    return html`
      ${
        this.kind === 'calls' && number !== null
          ? html`<a class="square history" href=${formatRoute({ page: 'number', number })} aria-label=${history} title=${history} tabindex=${tab}>${icon('history')}</a>`
          : nothing
      }
      ${
        playable(call) === null
          ? html`<span class="square no-play" aria-hidden="true"></span>`
          : html`<button type="button" class="square play" aria-label=${play} title=${play} tabindex=${tab} @click=${() => this.#play(call)}>${icon('play')}</button>`
      }
    `;
  }

  #more(): TemplateResult | typeof nothing {
    const { cursor, more } = this.list;
    const { say } = this.words;
    if (cursor === null) return nothing;
    return html`<div class="more">
      <button type="button" class="button" aria-disabled=${more === 'loading'} @click=${() => ask(this, { type: 'load_more' })}>
        ${say(more === 'loading' ? 'more_loading' : 'more')}
      </button>
      <span class="failed-text small" role="status">${more === 'failed' ? say('more_failed') : nothing}</span>
    </div>`;
  }

  #play(call: Call): void {
    const recording = playable(call);
    if (recording === null) return;
    const named = recording.primary ? null : recording.recording_sid;
    ask(this, { type: 'open', route: callOf(call.call_sid, { recording: named, plays: true }), replaces: false });
  }

  /** Only within the list: on the whole page, letters would go off for whoever dictates (WCAG 2.1.4). */
  #pressed = (event: KeyboardEvent): void => {
    if (isTakenElsewhere(event)) return;
    const calls = this.list.calls ?? [];
    const at = calls.findIndex((call) => call.call_sid === callAt(event));
    const call = calls[at];
    const key = letterOf(event);
    if (key !== 'p') this.#moveTo(rowFor(key, at, calls.length), event);
    else if (call !== undefined) {
      event.preventDefault();
      this.#play(call);
    }
  };

  #moveTo(index: number | null, event: Event): void {
    const call = index === null ? undefined : this.list.calls?.[index];
    if (call === undefined) return;
    event.preventDefault();
    this.current = call.call_sid;
    this.#linkOf(call.call_sid)?.focus();
  }

  #focused = (event: Event): void => {
    this.current = callAt(event) ?? this.current;
  };

  #isCurrent(call: Call, index: number): boolean {
    const isThere = this.list.calls?.some((one) => one.call_sid === this.current) ?? false;
    return isThere ? call.call_sid === this.current : index === 0;
  }

  #linkOf(call: string): HTMLElement | null {
    return this.renderRoot.querySelector(`.row[data-call="${call}"] .open`);
  }

  #exact(when: string): string {
    const ms = instant(when);
    return ms === null ? when : this.words.formats.exact(ms);
  }
}

function callAt(event: Event): string | null {
  const target = event.composedPath()[0];
  const row = target instanceof Element ? target.closest<HTMLElement>('.row') : null;
  return row?.dataset.call ?? null;
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-call-list': CallList;
  }
}
