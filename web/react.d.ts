// `<hearback-player>` in React 19's JSX: `import type {} from 'hearback-player/react'` anywhere in an application.

import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { HearbackEventMap, HearbackPlayer, PlayerAttributes } from './player.js';

/** React 19 listens to an element's own events by `on` and their name. */
type Listeners = { [K in keyof HearbackEventMap as `on${K}`]?: (event: HearbackEventMap[K]) => void };

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'hearback-player': DetailedHTMLProps<HTMLAttributes<HearbackPlayer>, HearbackPlayer> &
        PlayerAttributes &
        Listeners;
    }
  }
}
