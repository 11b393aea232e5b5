// A placeholder until the player's logic is merged in: nothing but its signature.

import type { PlayerStore, StoreOptions } from './state.ts';

export function createPlayerStore(options: StoreOptions): PlayerStore {
  throw new Error(`the store of ${options.call} is not there yet`);
}
