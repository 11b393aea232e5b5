// What all parts of the player have in common: they get words and a way to ask, and draw into the player's own shadow
// root, so that one stylesheet, `::part` and a page's custom properties reach all of them.

import { LitElement } from 'lit';
import { property } from 'lit/decorators.js';
import type { Request } from '../state.ts';
import { type PlayerWords, playerWords } from '../words.ts';

export class View extends LitElement {
  @property({ attribute: false }) words: PlayerWords = playerWords('en');
  @property({ attribute: false }) send: (request: Request) => void = () => {};

  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** A page may load the module twice, from two addresses; what is defined stays. */
export function define(name: string, view: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, view);
}
