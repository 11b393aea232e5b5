// What every part of the page is given to show, and what it asks for: state down, requests up.

import type { Words } from '../../words/words.ts';
import type { Board, JobFilter } from './board.ts';
import type { CallFilter } from './models.ts';
import type { LiveCall } from './shapes.ts';
import type { LiveKey } from './words/en.ts';

export interface View {
  readonly board: Board;
  readonly words: Words<LiveKey>;
  /** By the service's clock. */
  readonly nowMs: number;
  /** The operator's own: `/api` shows no other's calls. Null where it is not known. */
  readonly business: string | null;
  /** In the order to show them. */
  readonly calls: readonly LiveCall[];
  readonly callFilter: CallFilter;
  readonly callsShown: number;
  readonly failuresShown: number;
  /** What became of orders, by `orderKey`. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly act: (act: Act) => void;
}

export type Outcome = 'pending' | 'done' | 'conflict' | 'gone' | 'failed';

export type Order =
  | { readonly kind: 'retry-recording'; readonly call: string; readonly recording: string }
  | { readonly kind: 'evict-recording'; readonly call: string; readonly recording: string }
  | { readonly kind: 'retry-job'; readonly job: number }
  | { readonly kind: 'cancel-job'; readonly job: number };

export type Act =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'filter-calls'; readonly filter: CallFilter }
  | { readonly kind: 'more-calls' }
  | { readonly kind: 'more-failures' }
  | { readonly kind: 'filter-jobs'; readonly filter: JobFilter }
  | { readonly kind: 'more-jobs'; readonly before: number }
  | { readonly kind: 'pause'; readonly paused: boolean }
  | { readonly kind: 'connect' };

/** Of what an order is about: one at a time of each. */
export function orderKey(order: Order): string {
  switch (order.kind) {
    case 'retry-recording':
    case 'evict-recording':
      return order.recording;
    case 'retry-job':
    case 'cancel-job':
      return `job ${order.job}`;
  }
}

export function orderPath(order: Order): string {
  switch (order.kind) {
    case 'retry-recording':
      return `debug/actors/${order.call}/retry?recording=${order.recording}`;
    case 'evict-recording':
      return `debug/actors/${order.call}/evict?recording=${order.recording}`;
    case 'retry-job':
      return `debug/jobs/${order.job}/retry`;
    case 'cancel-job':
      return `debug/jobs/${order.job}/cancel`;
  }
}

export function outcomeOf(status: number): Outcome {
  if (status === 409) return 'conflict';
  return status === 404 ? 'gone' : 'failed';
}
