// Copies an address, and says so for a moment; where a browser does not let us, it shows the address to copy by hand.

import { html, nothing } from 'lit';
import { state } from 'lit/decorators.js';
import { define, View } from './view.ts';

const SHOWN_MS = 2500;

export class CopiedView extends View {
  @state() private url: string | null = null;
  @state() private isCopied = false;

  #timer: ReturnType<typeof setTimeout> | undefined;

  async copy(url: string): Promise<void> {
    clearTimeout(this.#timer);
    this.isCopied = await written(url);
    this.url = url;
    if (this.isCopied) this.#timer = setTimeout(() => this.#hide(), SHOWN_MS);
    else await this.#select();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override render() {
    const { words, url } = this;
    return html`<div class="copied" role="status">${url === null ? nothing : this.isCopied ? html`<p>${words.say('copied')}</p>` : this.#byHand(url)}</div>`;
  }

  #byHand(url: string) {
    const label = this.words.say('copy_by_hand');
    return html`<p>${label} <input readonly dir="ltr" aria-label=${label} .value=${url} @blur=${this.#hide}></p>`;
  }

  async #select(): Promise<void> {
    await this.updateComplete;
    const input = this.querySelector('input');
    input?.focus();
    input?.select();
  }

  #hide(): void {
    this.url = null;
  }
}

/** Without a secure context there is no clipboard, and a page may forbid it. */
async function written(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

define('hearback-copied', CopiedView);
