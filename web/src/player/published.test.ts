// Whether what `player.d.ts` tells pages is what is there; `tsc` is what fails.

import { expectTypeOf, it } from 'vitest';
import type * as published from '../../player.d.ts';
import type { HearbackPlayer } from './element.ts';
import type { Playback, Why } from './state.ts';

it('names every state and every reason, and no other', () => {
  expectTypeOf<published.Why>().toEqualTypeOf<Why>();
  expectTypeOf<published.PlaybackName>().toEqualTypeOf<Playback['name']>();
});

it('has every property that it says, with its type', () => {
  type Own = Exclude<keyof published.HearbackPlayer, keyof HTMLElement>;
  expectTypeOf<Pick<HearbackPlayer, Own>>().toEqualTypeOf<Pick<published.HearbackPlayer, Own>>();
});
