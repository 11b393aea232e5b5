// `<hearback-calls>`: the list of calls with what narrows it.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { CallFilters as CallFiltersView } from './call-filters.ts';
import type { CallList } from './call-list.ts';
import './call-filters.ts';
import './call-list.ts';
import { type CallFilters, isFiltered, NO_FILTERS } from './filters.ts';
import { icon } from './icons.ts';
import { EMPTY, type ListState } from './list-state.ts';
import { isTakenElsewhere } from './roving.ts';
import { skeleton } from './skeleton.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

@customElement('hearback-calls')
export class Calls extends LitElement {
  static override styles = [
    shared,
    css`
      h1 {
        font-size: 1.5rem;
        font-weight: 660;
        letter-spacing: -0.02em;
        padding-block-end: 0.875rem;
      }
      .searched:focus-within {
        --search-key: block;
      }
      .results {
        padding-block-start: 1.125rem;
        transition: opacity 150ms;
      }
      .results[aria-busy="true"] {
        opacity: 0.55;
      }
      @media (prefers-reduced-motion: reduce) {
        .results {
          transition: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) filters: CallFilters = NO_FILTERS;
  @property({ attribute: false }) list: ListState = EMPTY;
  @property({ attribute: false }) nowMs = 0;
  @property({ type: Boolean }) isRefused = false;
  @property({ type: Boolean }) isTroubled = false;

  /** Shown until the answer to other filters is here. */
  @state() private shown: ListState = EMPTY;
  @query('h1') private heading!: HTMLElement;
  @query('hearback-call-filters') private narrowing!: CallFiltersView;
  @query('hearback-call-list') private rows!: CallList | null;

  /** `call`: where the keyboard was when this list was left. */
  arrive(call: string | null): void {
    if (call !== null && this.rows !== null) this.rows.focusCall(call);
    else this.heading.focus({ preventScroll: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('list') && this.list.calls !== null) this.shown = this.list;
  }

  override render() {
    const isBusy = this.list.calls === null && !this.isTroubled;
    return html`
      <h1 tabindex="-1">${this.words.say('calls')}</h1>
      <div class="searched" @keydown=${this.#pressed}>
        <hearback-call-filters .words=${this.words} .filters=${this.filters}></hearback-call-filters>
        <div class="results" aria-busy=${isBusy && this.shown.calls !== null}>${this.#results()}</div>
      </div>
    `;
  }

  /** Only within what is searched: on the whole page, it would go off for whoever dictates (WCAG 2.1.4). */
  #pressed = (event: KeyboardEvent): void => {
    if (event.key !== '/' || isTakenElsewhere(event)) return;
    event.preventDefault();
    this.narrowing.focusSearch();
  };

  #results(): TemplateResult | typeof nothing {
    const { say } = this.words;
    const { calls } = this.shown;
    if (calls === null) return this.isTroubled ? this.#empty(say('calls_unreachable'), null) : skeleton(say('loading'));
    if (this.isRefused) return this.#empty(say('filter_refused'), null);
    if (calls.length > 0) {
      return html`<hearback-call-list .words=${this.words} .list=${this.shown} .nowMs=${this.nowMs}></hearback-call-list>`;
    }
    return isFiltered(this.filters)
      ? this.#empty(say('no_calls_found'), say('no_calls_found_hint'))
      : this.#empty(say('no_calls'), say('no_calls_hint'));
  }

  #empty(title: string, hint: string | null): TemplateResult {
    return html`<section class="card empty">
      ${icon(isFiltered(this.filters) ? 'search' : 'phone')}
      <h2>${title}</h2>
      ${hint === null ? nothing : html`<p>${hint}</p>`}
      ${isFiltered(this.filters) ? html`<a class="button" href="#/calls">${this.words.say('clear')}</a>` : nothing}
    </section>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-calls': Calls;
  }
}
