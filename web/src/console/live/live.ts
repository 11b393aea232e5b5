// The operators' page.

import type { Service } from '../../service/service.ts';
import type { Language } from '../../words/words.ts';

export class HearbackLive extends HTMLElement {
  service: Service | null = null;
  language: Language = 'en';
}

customElements.define('hearback-live', HearbackLive);
