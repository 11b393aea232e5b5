// What speakers are called: pure.

import type { Speaker } from '../../service/shapes.ts';
import type { PlayerWords } from '../words.ts';

/** What the business calls whoever speaks on a channel; null where all speak on one. */
export function speakerName(channel: number, speakers: readonly Speaker[], { say }: PlayerWords): string | null {
  const speaker = speakers.find((one) => one.channel === channel);
  if (!speaker || (speakers.length < 2 && speaker.label === null)) return null;
  // Where it has no word of its own, the service says the role, in English.
  if (speaker.label !== null && speaker.label !== speaker.role) return speaker.label;
  return speaker.role === null ? say('lane', { number: channel + 1 }) : say(`role_${speaker.role}`);
}
