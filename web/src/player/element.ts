// `<hearback-player>`: attributes and properties in, events out.

import { html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';

@customElement('hearback-player')
export class HearbackPlayer extends LitElement {
  @property({ attribute: 'call-sid' }) callSid = '';

  override render() {
    return html`<p>${this.callSid}</p>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-player': HearbackPlayer;
  }
}
