// Several players of one page share its connections: those that nobody listens by make room, and take turns.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeWorld, settled } from './fakes.ts';
import { createFollowing, type Following } from './following.ts';

interface Player extends Following {
  /** How often it began a stream. */
  readonly begun: number;
  readonly isOpen: boolean;
  /** As the service ends one after ten minutes. */
  endStream(): Promise<void>;
}

let players: Player[] = [];

beforeEach(() => void vi.useFakeTimers());

afterEach(() => {
  for (const player of players) player.dispose();
  players = [];
  vi.useRealTimers();
});

function player(): Player {
  let begun = 0;
  let end: (() => void) | null = null;
  const following = createFollowing(
    (signal) => {
      begun++;
      return new Promise((resolve, reject) => {
        end = () => resolve('ended');
        signal.addEventListener('abort', () => {
          end = null;
          reject(signal.reason);
        });
      });
    },
    () => {},
    fakeWorld(),
  );
  const made: Player = {
    ...following,
    get begun() {
      return begun;
    },
    get isOpen() {
      return end !== null;
    },
    async endStream() {
      end?.();
      end = null;
      await settled();
    },
  };
  players.push(made);
  return made;
}

function several(count: number): readonly Player[] {
  return Array.from({ length: count }, player);
}

const open = (list: readonly Player[]) => list.map(({ isOpen }) => isOpen);

test('players that nobody listens to any more leave connections for the others', () => {
  const six = several(6);
  for (const one of six) one.want('yes');
  expect(open(six)).toEqual(Array(6).fill(true));
  for (const one of six) one.want('idly');
  expect(open(six)).toEqual([true, true, false, false, false, false]);
});

test('a stream stays open while whoever listens pauses and goes on', () => {
  const [one] = several(1);
  for (const how of ['yes', 'idly', 'yes', 'idly'] as const) one?.want(how);
  expect([one?.begun, one?.isOpen]).toEqual([1, true]);
});

test('whoever found no place has one as soon as another gives its own up', async () => {
  const four = several(4);
  const [first, second, third, fourth] = four;
  for (const one of four) one.want('idly');
  expect(open(four)).toEqual([true, true, false, false]);
  await first?.endStream();
  expect(open(four)).toEqual([false, true, true, false]);
  second?.want('yes');
  expect(open(four)).toEqual([false, true, true, true]);
  third?.dispose();
  // The first one's pause after its end is over, and it is its turn.
  await vi.advanceTimersByTimeAsync(1_000);
  expect(open(four)).toEqual([true, true, false, true]);
  expect(fourth?.begun).toBe(1);
});

test('whoever waits no more takes no place', async () => {
  const four = several(4);
  const [first, , third, fourth] = four;
  for (const one of four) one.want('idly');
  third?.want('no');
  await first?.endStream();
  expect(open(four)).toEqual([false, true, false, true]);
  fourth?.want('no');
  third?.want('yes');
  expect(open(four)).toEqual([false, true, true, false]);
});
