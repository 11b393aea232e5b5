// What stands where rows will be, until they are here.

import { css, html, LitElement, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { shared } from './styles.ts';

export function skeleton(text: string): TemplateResult {
  return html`<p class="unseen" role="status">${text}</p><hearback-skeleton aria-hidden="true"></hearback-skeleton>`;
}

const ROWS = [0, 1, 2, 3, 4, 5];

@customElement('hearback-skeleton')
export class Skeleton extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        animation: appear 400ms 200ms backwards;
      }
      .row {
        display: flex;
        align-items: center;
        gap: 1rem;
        padding: 1.05rem 1.125rem;
      }
      .row + .row {
        border-block-start: 1px solid var(--line);
      }
      .dot,
      .bar {
        background: var(--raised);
      }
      .dot {
        flex: none;
        inline-size: 2.25rem;
        block-size: 2.25rem;
        border-radius: 50%;
      }
      .bar {
        block-size: 0.75rem;
        border-radius: 0.375rem;
        flex: 0 1 12rem;
      }
      .bar + .bar {
        flex-basis: 7rem;
        margin-inline-start: auto;
      }
      @keyframes appear {
        from {
          opacity: 0;
        }
      }
      @media (prefers-reduced-motion: reduce) {
        :host {
          animation: none;
        }
      }
    `,
  ];

  override render() {
    return html`<div class="card">${ROWS.map(() => html`<div class="row"><span class="dot"></span><span class="bar"></span><span class="bar"></span></div>`)}</div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-skeleton': Skeleton;
  }
}
