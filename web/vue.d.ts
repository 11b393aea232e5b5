// `<hearback-player>` in Vue's templates: `import type {} from 'hearback-player/vue'` anywhere in an application.

import type { DefineComponent } from 'vue';
import type { HearbackEventMap, PlayerAttributes } from './player.js';

/** `@hearback-state` in a template is `onHearbackState` here. */
type Listeners = {
  'onHearback-state'?: (event: HearbackEventMap['hearback-state']) => void;
  'onHearback-time'?: (event: HearbackEventMap['hearback-time']) => void;
  'onHearback-link-expired'?: (event: HearbackEventMap['hearback-link-expired']) => void;
  'onHearback-signed-out'?: (event: HearbackEventMap['hearback-signed-out']) => void;
  'onHearback-copy'?: (event: HearbackEventMap['hearback-copy']) => void;
  onHearbackState?: (event: HearbackEventMap['hearback-state']) => void;
  onHearbackTime?: (event: HearbackEventMap['hearback-time']) => void;
  onHearbackLinkExpired?: (event: HearbackEventMap['hearback-link-expired']) => void;
  onHearbackSignedOut?: (event: HearbackEventMap['hearback-signed-out']) => void;
  onHearbackCopy?: (event: HearbackEventMap['hearback-copy']) => void;
};

declare module 'vue' {
  interface GlobalComponents {
    'hearback-player': DefineComponent<PlayerAttributes & Listeners>;
    HearbackPlayer: DefineComponent<PlayerAttributes & Listeners>;
  }
}
