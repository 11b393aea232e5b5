// The list of keys, in a dialog.

import { css, html } from 'lit';
import { query } from 'lit/decorators.js';
import type { PlayerKey } from '../words/en.ts';
import { icon } from './icons.ts';
import { define, View } from './view.ts';

/** As they are on the keyboard: `lang` does not change them. */
const KEYS: readonly (readonly [keys: readonly string[], what: PlayerKey])[] = [
  [['Space', 'K'], 'key_toggle'],
  [['←', '→'], 'key_arrows'],
  [['Shift ←', 'Shift →'], 'key_fine'],
  [['J'], 'key_back'],
  [['L'], 'key_forward'],
  [['0', '…', '9'], 'key_tenths'],
  [['Home', 'End'], 'key_ends'],
  [['M'], 'key_mute'],
  [['<', '>'], 'key_speed'],
  [['?'], 'key_help'],
];

export class KeysHelpView extends View {
  @query('dialog') private dialog!: HTMLDialogElement | null;

  show(): void {
    if (!this.dialog?.open) this.dialog?.showModal();
  }

  override render() {
    const { say } = this.words;
    return html`<dialog class="keys" part="dialog" aria-label=${say('keys')} @click=${this.#outside}>
      <div class="keys-head">
        <h3>${say('keys')}</h3>
        <button type="button" class="icon-button" part="button" aria-label=${say('close')} title=${say('close')}
          @click=${() => this.dialog?.close()}>${icon('close')}</button>
      </div>
      <dl>${KEYS.map(
        ([keys, what]) =>
          html`<div><dt dir="ltr">${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${say(what)}</dd></div>`,
      )}</dl>
    </dialog>`;
  }

  /** The backdrop is the dialog itself; all it shows lies in elements within it. */
  #outside(event: MouseEvent): void {
    if (event.target === this.dialog) this.dialog?.close();
  }
}

define('hearback-keys-help', KeysHelpView);

export const keysHelpStyles = css`
  .keys {
    inline-size: min(26rem, calc(100vw - 2rem)); padding: 0; border: 1px solid var(--line); border-radius: 1rem;
    background: var(--surface); color: var(--ink); box-shadow: 0 1rem 3rem rgb(0 0 0 / 0.25);
  }
  .keys::backdrop { background: rgb(0 0 0 / 0.35); }
  .keys-head { display: flex; justify-content: space-between; align-items: center; padding: 0.75rem 0.75rem 0 1.25rem; padding-inline: 1.25rem 0.75rem; }
  .keys dl { margin: 0; padding: 0.25rem 1.25rem 1.25rem; }
  .keys dl div { display: grid; grid-template-columns: 9rem 1fr; align-items: baseline; gap: 0.75rem; padding-block: 0.375rem; }
  .keys dt { text-align: start; }
  .keys[dir='rtl'] dt { text-align: end; }
  .keys dd { margin: 0; color: var(--quiet); }
  kbd { padding: 0.0625rem 0.4375rem; border: 1px solid var(--line); border-radius: 0.375rem; background: var(--raised); font: 550 0.8125rem/1.5 var(--font); white-space: nowrap; }
`;
