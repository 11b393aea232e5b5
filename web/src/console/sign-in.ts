// `<hearback-sign-in>`: a token is pasted, and what is wrong with it is said.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { icon } from './icons.ts';
import { ask } from './requests.ts';
import type { SignInProblem } from './session.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

const COMMAND = 'hearback token mint --business ID --role agent --ttl 1h';
const COPIED_MS = 1600;

@customElement('hearback-sign-in')
export class SignIn extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        max-inline-size: 27rem;
        margin: clamp(1rem, 9vh, 6rem) auto 2rem;
      }
      .card {
        display: grid;
        gap: 0.5rem;
        padding: clamp(1.25rem, 5vw, 2rem);
      }
      h1 {
        font-size: 1.5rem;
        font-weight: 660;
        letter-spacing: -0.02em;
      }
      form {
        display: grid;
        gap: 0.4rem;
        padding-block: 0.75rem 1.25rem;
      }
      label {
        font-weight: 570;
      }
      input {
        min-block-size: 2.75rem;
        padding: 0.5rem 0.75rem;
        border: 1px solid var(--edge);
        border-radius: 0.625rem;
        background: var(--ground);
        font: 1rem var(--mono);
      }
      input[aria-invalid="true"] {
        border-color: var(--failed);
      }
      .problem {
        display: flex;
        gap: 0.4rem;
        color: var(--failed);
        font-size: 0.875rem;
      }
      .problem .icon {
        margin-block-start: 0.05rem;
      }
      .primary {
        min-block-size: 2.75rem;
        margin-block-start: 0.5rem;
      }
      .command {
        display: flex;
        align-items: start;
        gap: 0.25rem;
        padding: 0.25rem 0.25rem 0.25rem 0.75rem;
        border-radius: 0.625rem;
        background: var(--raised);
      }
      code {
        flex: 1;
        align-self: center;
        font: 0.8125rem/1.6 var(--mono);
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) why: SignInProblem | null = null;
  @property({ type: Boolean }) isBusy = false;
  @property({ attribute: false }) nowMs = 0;

  @state() private isCopied = false;
  @query('input') private input!: HTMLInputElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override render() {
    const { say } = this.words;
    const isWrong = this.why !== null && this.why.key !== 'session_ended';
    return html`<section class="card" aria-labelledby="title">
      <h1 id="title">${say('sign_in')}</h1>
      <p class="quiet">${say('sign_in_hint')}</p>
      <form aria-labelledby="title" novalidate @submit=${this.#submitted}>
        <label for="token">${say('token')}</label>
        <input id="token" type="password" dir="ltr" autocomplete="off" autocapitalize="off" spellcheck="false"
          placeholder="eyJ…" aria-describedby="problem" aria-invalid=${isWrong}>
        <div id="problem" role="alert">${this.#problem()}</div>
        <button class="button primary" type="submit" aria-disabled=${this.isBusy}>${say('sign_in')}</button>
      </form>
      <p class="quiet small">${say('mint_hint')}</p>
      <div class="command" dir="ltr">
        <code>${COMMAND}</code>
        <button type="button" class="square" aria-label=${say('copy_command')} title=${say('copy_command')} @click=${this.#copied}>
          ${icon(this.isCopied ? 'check' : 'copy')}
        </button>
      </div>
    </section>`;
  }

  protected override firstUpdated(): void {
    this.input.focus();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('why') && this.why !== null) this.input.focus();
  }

  #problem() {
    if (this.why === null) return nothing;
    return html`<p class="problem">${icon('alert')}<span>${this.#sentence(this.why)}</span></p>`;
  }

  #sentence(why: SignInProblem): string {
    if (why.key !== 'token_expired') return this.words.say(why.key);
    const expired = new Date(why.expiredAtMs).toISOString();
    return this.words.say(why.key, { when: this.words.formats.relative(expired, this.nowMs) ?? '' });
  }

  #submitted = (event: Event): void => {
    event.preventDefault();
    if (!this.isBusy) ask(this, { type: 'sign_in', token: this.input.value.trim() });
  };

  #copied = async (): Promise<void> => {
    await navigator.clipboard?.writeText(COMMAND).then(
      () => {
        this.isCopied = true;
        ask(this, { type: 'announce', text: this.words.say('copied') });
        this.#timer = setTimeout(() => {
          this.isCopied = false;
        }, COPIED_MS);
      },
      // It can still be selected.
      () => {},
    );
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-sign-in': SignIn;
  }
}
