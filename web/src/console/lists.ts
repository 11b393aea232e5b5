// The lists that were looked at lately, so that whoever comes back finds them as they were left.

import type { Service } from '../service/service.ts';
import { CallFeed, type FeedListener } from './call-feed.ts';
import { askedOf, NO_FILTERS } from './filters.ts';
import { formatRoute, type Route } from './router.ts';

export interface KeptList {
  readonly route: Route;
  readonly feed: CallFeed;
  scrollY: number;
  /** The call that was opened from it last. */
  opened: string | null;
}

/** Calls, a number's history, and the one before: beyond that, nobody goes back. */
const LISTS_MAX = 3;

export class Lists {
  /** The last one is the one that is, or was last, looked at. */
  #kept: readonly KeptList[] = [];

  constructor(
    private readonly service: Pick<Service, 'calls'>,
    private readonly listener: FeedListener,
  ) {}

  get current(): KeptList | null {
    return this.#kept.at(-1) ?? null;
  }

  /** Begins to keep it fresh. */
  show(route: Route & { page: 'calls' | 'number' }): KeptList {
    const known = this.#kept.find((list) => formatRoute(list.route) === formatRoute(route));
    const list = known ?? { route, feed: this.#feed(route), scrollY: 0, opened: null };
    this.current?.feed.stop();
    this.#kept = [...this.#kept.filter((one) => one !== list), list].slice(-LISTS_MAX);
    list.feed.start();
    return list;
  }

  leave(scrollY: number, opened: string | null): void {
    const list = this.current;
    if (list === null) return;
    list.feed.stop();
    list.scrollY = scrollY;
    list.opened = opened;
  }

  clear(): void {
    this.current?.feed.stop();
    this.#kept = [];
  }

  #feed(route: Route & { page: 'calls' | 'number' }): CallFeed {
    const filters = route.page === 'calls' ? route.filters : { ...NO_FILTERS, number: route.number };
    return new CallFeed(this.service, askedOf(filters), this.listener);
  }
}
