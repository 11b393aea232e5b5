// `<hearback-header>`: where one is, whose calls these are, and how the console looks and speaks.

import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { LANGUAGES } from '../words/words.ts';
import { icon } from './icons.ts';
import { nextTheme, otherLanguage, type Theme } from './preferences.ts';
import { ask } from './requests.ts';
import type { Route } from './router.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

@customElement('hearback-header')
export class Header extends LitElement {
  static override styles = [shared, headerStyles()];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) theme: Theme = 'system';
  /** Null where nobody is signed in. */
  @property({ attribute: false }) page: Route['page'] | null = null;
  @property({ attribute: false }) business: string | null = null;
  @property({ type: Boolean }) isOperator = false;

  override render() {
    const { say, language } = this.words;
    const other = otherLanguage(language);
    const theme = say('theme', { theme: say(`theme_${this.theme}`) });
    return html`<header>
      <a class="brand" href="#/calls"><span class="mark">${icon('mark')}</span><span class="name">Hearback</span></a>
      ${this.page === null ? nothing : this.#navigation(this.page)}
      ${
        this.business === null
          ? nothing
          : html`<p class="business"><span class="unseen">${say('business', { business: this.business })}</span><bdi aria-hidden="true">${this.business}</bdi></p>`
      }
      <div class="end">
        <button type="button" class="square" aria-label=${theme} title=${theme} @click=${() => ask(this, { type: 'theme', theme: nextTheme(this.theme) })}>
          ${icon(this.theme)}
        </button>
        <button type="button" class="button plain" lang=${other} @click=${() => ask(this, { type: 'language', language: other })}>${LANGUAGES[other].ownName}</button>
        ${
          this.page === null
            ? nothing
            : html`<button type="button" class="button plain leave" title=${say('sign_out')} @click=${() => ask(this, { type: 'sign_out' })}>
                ${icon('leave', true)}<span>${say('sign_out')}</span>
              </button>`
        }
      </div>
    </header>`;
  }

  #navigation(page: Route['page']) {
    const { say } = this.words;
    const isCalls = page !== 'live';
    return html`<nav aria-label=${say('main_navigation')}>
      <a href="#/calls" aria-current=${page === 'calls' ? 'page' : isCalls ? 'true' : nothing}>${say('nav_calls')}</a>
      ${this.isOperator ? html`<a href="#/live" aria-current=${page === 'live' ? 'page' : nothing}>${say('nav_live')}</a>` : nothing}
    </nav>`;
  }
}

function headerStyles() {
  return css`
    header {
      display: flex;
      align-items: center;
      gap: 0.25rem 1.25rem;
      max-inline-size: 76rem;
      min-block-size: 3.75rem;
      margin-inline: auto;
      padding-inline: 1.25rem;
    }
    .brand {
      display: flex;
      align-items: center;
      gap: 0.6rem;
      color: var(--ink);
      font-size: 1.0625rem;
      font-weight: 680;
      letter-spacing: -0.015em;
      text-decoration: none;
    }
    .mark {
      display: grid;
      place-items: center;
      inline-size: 1.875rem;
      block-size: 1.875rem;
      border-radius: 0.5625rem;
      background: #0b6b5d;
      color: #fff;
    }
    .mark .icon {
      stroke-width: 2;
    }
    nav {
      display: flex;
      align-self: stretch;
      gap: 0.25rem;
    }
    nav a {
      display: flex;
      align-items: center;
      padding-inline: 0.75rem;
      border-block: 2px solid transparent;
      color: var(--quiet);
      font-weight: 550;
      text-decoration: none;
    }
    nav a:hover {
      color: var(--ink);
    }
    nav a[aria-current] {
      border-block-end-color: var(--accent);
      color: var(--ink);
    }
    nav a:focus-visible {
      outline-offset: -4px;
      border-radius: 0.625rem;
    }
    .business {
      min-inline-size: 0;
      overflow: hidden;
      color: var(--quiet);
      font-size: 0.875rem;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .end {
      display: flex;
      align-items: center;
      gap: 0.125rem;
      margin-inline-start: auto;
    }
    .end .plain {
      padding-inline: 0.625rem;
      border: 0;
    }
    .end .plain:hover {
      background: var(--raised);
    }
    .business + .end {
      margin-inline-start: 0;
    }
    .business {
      margin-inline-start: auto;
    }
    .business bdi {
      padding: 0.15rem 0.6rem;
      border-radius: 99rem;
      background: var(--raised);
    }
    @media (max-width: 46rem) {
      header {
        gap: 0.25rem 0.5rem;
        padding-inline: 0.875rem;
      }
      nav + .business,
      nav ~ .end .leave span,
      .brand:has(+ nav) .name {
        position: absolute;
        inline-size: 1px;
        block-size: 1px;
        overflow: hidden;
        clip-path: inset(50%);
        white-space: nowrap;
      }
      nav ~ .business + .end {
        margin-inline-start: auto;
      }
      nav a {
        padding-inline: 0.625rem;
      }
    }
    @media (max-width: 22rem) {
      .end .plain {
        padding-inline: 0.375rem;
      }
    }
  `;
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-header': Header;
  }
}
