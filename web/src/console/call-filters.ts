// `<hearback-call-filters>`: what narrows the list. Direction and search are in sight, the rest folds away.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import {
  CALL_STATUSES,
  detailCount,
  type CallFilters as Filters,
  isFiltered,
  NO_FILTERS,
  parseFilters,
  QUESTION_CHARACTERS_MAX,
} from './filters.ts';
import { icon } from './icons.ts';
import { ask } from './requests.ts';
import { formatRoute } from './router.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

/** Long enough to type the next letter. */
const TYPING_PAUSE_MS = 350;
const NUMBER_CHARACTERS_MAX = 64;

@customElement('hearback-call-filters')
export class CallFilters extends LitElement {
  static override styles = [shared, filterStyles()];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) filters: Filters = NO_FILTERS;

  /** What is being typed, which the address does not know yet. */
  @state() private typed = { q: '', number: '' };
  @state() private isOpen = false;
  #asked: Filters = NO_FILTERS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Leads the keyboard to the search, ready to be written over. */
  focusSearch(): void {
    this.#search()?.select();
    this.#search()?.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('filters')) return;
    if (!this.hasUpdated) this.isOpen = detailCount(this.filters) > 0;
    // What comes back is what was asked for, and the typing may be further already.
    if (this.filters !== this.#asked) this.typed = { q: this.filters.q, number: this.filters.number };
  }

  override render() {
    const { say, formats } = this.words;
    const count = detailCount(this.filters);
    return html`
      <form role="search" @submit=${this.#submitted}>
        <div class="bar">
          <nav class="directions" aria-label=${say('direction_filter')}>${this.#directions()}</nav>
          <label class="search">
            <span class="unseen">${say('search')}</span>
            ${icon('search')}
            <input type="search" name="q" dir="auto" autocomplete="off" enterkeyhint="search" maxlength=${QUESTION_CHARACTERS_MAX}
              placeholder=${say('search')} aria-keyshortcuts="/" .value=${this.typed.q} @input=${this.#typed}>
            <kbd aria-hidden="true">/</kbd>
          </label>
          <button type="button" class="button" aria-expanded=${this.isOpen} aria-controls="details" @click=${this.#toggled}>
            ${icon('filters')}${say('filters')} ${count > 0 ? html`<span class="count">${formats.number(count)}</span>` : nothing}
          </button>
        </div>
        <div id="details" class="details" ?hidden=${!this.isOpen}>${this.#details()}</div>
      </form>
    `;
  }

  #directions(): readonly TemplateResult[] {
    return ([null, 'inbound', 'outbound'] as const).map((direction) => {
      const isChosen = this.filters.direction === direction;
      // With what was typed a moment ago, too.
      const href = formatRoute({ page: 'calls', filters: { ...this.filters, ...this.typed, direction } });
      return html`<a href=${href} aria-current=${isChosen ? 'true' : nothing}>${this.words.say(direction ?? 'all')}</a>`;
    });
  }

  #details(): TemplateResult {
    const { say } = this.words;
    const { from, to, status, hasRecording } = this.filters;
    const recording = (value: string, key: 'recording_any' | 'recording_with' | 'recording_without') =>
      html`<option value=${value} .selected=${String(hasRecording ?? '') === value}>${say(key)}</option>`;
    return html`
      <p class="number"><label for="number">${say('number')}</label>
        <input id="number" type="tel" name="number" dir="ltr" autocomplete="off" maxlength=${NUMBER_CHARACTERS_MAX}
          placeholder="+1 555 010 0123" .value=${this.typed.number} @input=${this.#typed}></p>
      <p><label for="from">${say('from_day')}</label>
        <input id="from" type="date" name="from" max=${to || nothing} .value=${from} @change=${this.#changed}></p>
      <p><label for="to">${say('to_day')}</label>
        <input id="to" type="date" name="to" min=${from || nothing} .value=${to} @change=${this.#changed}></p>
      <p><label for="status">${say('status')}</label>
        <select id="status" name="status" @change=${this.#changed}>
          <option value="" .selected=${status === null}>${say('status_any')}</option>
          ${CALL_STATUSES.map((one) => html`<option value=${one} .selected=${status === one}>${say(`status_${one}`)}</option>`)}
        </select></p>
      <p><label for="recording">${say('recording')}</label>
        <select id="recording" name="has_recording" @change=${this.#changed}>
          ${recording('', 'recording_any')}${recording('true', 'recording_with')}${recording('false', 'recording_without')}
        </select></p>
      <button type="button" class="button plain clear" ?disabled=${!isFiltered(this.filters)} @click=${this.#cleared}>${icon('close')}${say('clear')}</button>
    `;
  }

  #typed = (): void => {
    const { q, number } = this.#written();
    this.typed = { q, number };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#changed, TYPING_PAUSE_MS);
  };

  #submitted = (event: Event): void => {
    event.preventDefault();
    this.#changed();
  };

  #changed = (): void => {
    clearTimeout(this.#timer);
    this.#open(this.#written(), true);
  };

  #cleared = (): void => {
    clearTimeout(this.#timer);
    this.typed = { q: '', number: '' };
    this.#open(NO_FILTERS, false);
    this.#search()?.focus();
  };

  #toggled = (): void => {
    this.isOpen = !this.isOpen;
  };

  #open(filters: Filters, replaces: boolean): void {
    this.#asked = filters;
    ask(this, { type: 'open', route: { page: 'calls', filters }, replaces });
  }

  /** As the form stands, and the direction, which is no part of it. */
  #written(): Filters {
    const form = this.renderRoot.querySelector('form');
    const query = new URLSearchParams();
    for (const [name, value] of form === null ? [] : new FormData(form)) query.set(name, String(value));
    return { ...parseFilters(query), direction: this.filters.direction };
  }

  #search(): HTMLInputElement | null {
    return this.renderRoot.querySelector('input[type=search]');
  }
}

function filterStyles() {
  return css`
    .bar {
      display: flex;
      flex-wrap: wrap;
      gap: 0.625rem;
    }
    .directions {
      display: inline-flex;
      padding: 0.1875rem;
      border-radius: 0.75rem;
      background: var(--raised);
    }
    .directions a {
      display: flex;
      align-items: center;
      padding: 0.25rem 0.875rem;
      border-radius: 0.5625rem;
      color: var(--quiet);
      font-weight: 500;
      text-decoration: none;
    }
    .directions a:hover {
      color: var(--ink);
    }
    .directions a[aria-current] {
      background: var(--surface);
      color: var(--ink);
      box-shadow: 0 1px 2px rgb(0 0 0 / 0.14);
    }
    .search {
      position: relative;
      flex: 1 1 14rem;
      display: flex;
      align-items: center;
    }
    .search > .icon {
      position: absolute;
      inset-inline-start: 0.75rem;
      color: var(--quiet);
      pointer-events: none;
    }
    input,
    select {
      inline-size: 100%;
      min-inline-size: 0;
      min-block-size: 2.375rem;
      padding: 0.25rem 0.7rem;
      border: 1px solid var(--edge);
      border-radius: 0.625rem;
      background: var(--surface);
      color: var(--ink);
    }
    ::placeholder {
      color: var(--quiet);
      opacity: 1;
    }
    .search input {
      padding-inline: 2.4rem 2.2rem;
      text-align: start;
      appearance: none;
    }
    kbd {
      /* Where the key does something, says the page. */
      display: var(--search-key, none);
      position: absolute;
      inset-inline-end: 0.6rem;
      padding: 0 0.4rem;
      border: 1px solid var(--line);
      border-radius: 0.375rem;
      color: var(--quiet);
      font: 0.75rem/1.5 var(--mono);
      pointer-events: none;
    }
    .search:focus-within kbd {
      display: none;
    }
    .count {
      min-inline-size: 1.25rem;
      padding-inline: 0.3rem;
      border-radius: 99rem;
      background: var(--accent);
      color: var(--on-accent);
      font-size: 0.75rem;
      font-weight: 650;
      line-height: 1.25rem;
      text-align: center;
    }
    .details {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr));
      align-items: end;
      gap: 0.625rem;
      padding-block-start: 0.875rem;
    }
    .details p {
      display: grid;
      gap: 0.2rem;
    }
    .details label {
      color: var(--quiet);
      font-size: 0.8125rem;
      font-weight: 500;
    }
    .details input,
    .details select {
      font-size: 0.9375rem;
      font-weight: 400;
    }
    .clear {
      justify-self: start;
      min-block-size: 2.375rem;
    }
    .clear:disabled {
      visibility: hidden;
    }
    @media (pointer: coarse) {
      kbd {
        display: none;
      }
      input,
      select,
      .details input,
      .details select {
        /* Smaller, and an iPhone zooms in. */
        font-size: 1rem;
      }
    }
    @media (max-width: 40rem) {
      .directions {
        flex: 1;
      }
      .directions a {
        flex: 1;
        justify-content: center;
      }
      .search {
        order: -1;
        flex-basis: 100%;
      }
      .details {
        grid-template-columns: repeat(2, minmax(0, 1fr));
      }
      .number,
      .clear {
        grid-column: 1 / -1;
      }
    }
  `;
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-call-filters': CallFilters;
  }
}
