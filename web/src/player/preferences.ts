// How somebody likes to listen, remembered by the browser for all players of a page's origin.

import { RATES, type Sound } from './state.ts';
import type { World } from './world.ts';

export type Preferences = Omit<Sound, 'soloChannel'>;

const KEY = 'hearback-player';
const USUAL: Preferences = { rate: 1, volume: 1, isMuted: false, skipsSilence: false };

export function readPreferences(storage: World['storage']): Preferences {
  const kept = read(storage);
  const volume = kept.volume;
  return {
    rate: RATES.find((rate) => rate === kept.rate) ?? USUAL.rate,
    volume: typeof volume === 'number' && volume >= 0 && volume <= 1 ? volume : USUAL.volume,
    isMuted: kept.isMuted === true,
    skipsSilence: kept.skipsSilence === true,
  };
}

export function keepPreferences(storage: World['storage'], { rate, volume, isMuted, skipsSilence }: Preferences): void {
  try {
    storage?.setItem(KEY, JSON.stringify({ rate, volume, isMuted, skipsSilence }));
  } catch {
    // Full, or forbidden since: it holds for this player.
  }
}

function read(storage: World['storage']): Readonly<Record<string, unknown>> {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(KEY) ?? '{}');
    return typeof kept === 'object' && kept !== null ? { ...kept } : {};
  } catch {
    return {};
  }
}
