// Moves the marks of the current line and word along with the sound, and the list with them, unless its reader has
// scrolled elsewhere. Attributes that no template binds: what the sound moves is never drawn anew.

import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { type Line, lineAt, wordAt } from './transcript-index.ts';

/** Scrolling that we began ourselves is over by then. */
const OWN_SCROLL_MS = 800;
/** Where the current line stands, from the top of the list. */
const PLACE = 0.35;
/** Lines that come into sight turn out higher or lower than estimated: so often it is aimed again. */
const AIMS_MAX = 4;

export class Follower implements ReactiveController {
  #list: HTMLElement | null = null;
  #lines: readonly Line[] = [];
  #line = -1;
  #word = -1;
  #follows = true;
  #isAway = false;
  #frame = 0;
  #marked: readonly Element[] = [];
  #ownScrollUntilMs = 0;
  readonly #changed: (isAway: boolean) => void;
  readonly #scrolled = () => this.#readerScrolled();

  constructor(host: ReactiveControllerHost, changed: (isAway: boolean) => void) {
    this.#changed = changed;
    host.addController(this);
  }

  /** The line that is being said, or -1. */
  get line(): number {
    return this.#line;
  }

  /** After each drawing: what was marked may be another element now. */
  show(list: HTMLElement | null, lines: readonly Line[]): void {
    if (list !== this.#list) {
      this.#list?.removeEventListener('scroll', this.#scrolled);
      list?.addEventListener('scroll', this.#scrolled, { passive: true });
      this.#list = list;
      this.#line = -1;
    }
    this.#lines = lines;
    this.#mark();
  }

  moveTo(second: number): void {
    const line = lineAt(this.#lines, second);
    const current = this.#lines[line];
    const word = current ? wordAt(current, second) : -1;
    if (line === this.#line && word === this.#word) return;
    const isOtherLine = line !== this.#line;
    this.#line = line;
    this.#word = word;
    this.#mark();
    if (!isOtherLine) return;
    if (this.#follows) this.#scrollTo(this.#elementOf(line));
    else this.#look();
  }

  resume(): void {
    this.#follows = true;
    this.#look();
    this.#scrollTo(this.#elementOf(this.#line));
  }

  /** Something else than the current line is wanted in view. */
  lookAt(element: HTMLElement): void {
    this.#follows = false;
    this.#scrollTo(element);
    this.#look();
  }

  hostDisconnected(): void {
    cancelAnimationFrame(this.#frame);
    this.#list?.removeEventListener('scroll', this.#scrolled);
    this.#list = null;
  }

  #mark(): void {
    for (const element of this.#marked) {
      element.removeAttribute('data-current');
      element.removeAttribute('aria-current');
      element.removeAttribute('data-now');
    }
    const line = this.#elementOf(this.#line);
    const words = line ? [...line.querySelectorAll(`[data-word="${this.#word}"]`)] : [];
    line?.setAttribute('data-current', '');
    line?.setAttribute('aria-current', 'true');
    for (const word of words) word.setAttribute('data-now', '');
    this.#marked = line ? [line, ...words] : [];
  }

  #elementOf(line: number): HTMLElement | null {
    const element = this.#list?.children[line];
    return element instanceof HTMLElement ? element : null;
  }

  /** Within its list alone: the page around it stays where it is. */
  #scrollTo(element: HTMLElement | null, aims = AIMS_MAX): void {
    const list = this.#list;
    if (!list || !element || list.scrollHeight <= list.clientHeight) return;
    const offset = element.getBoundingClientRect().top - list.getBoundingClientRect().top;
    const distance = offset - list.clientHeight * PLACE;
    const isFar = aims < AIMS_MAX || Math.abs(distance) > list.clientHeight * 1.5;
    const isCalm = isFar || matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#ownScrollUntilMs = performance.now() + OWN_SCROLL_MS;
    list.scrollBy({ top: distance, behavior: isCalm ? 'instant' : 'smooth' });
    cancelAnimationFrame(this.#frame);
    // What came into sight is laid out after the frame, so that even a hit is looked at again.
    if (isFar && aims > 1) this.#frame = requestAnimationFrame(() => this.#scrollTo(element, aims - 1));
  }

  /** Whoever scrolls away from the current line reads elsewhere, and whoever comes back to it listens again. */
  #readerScrolled(): void {
    if (performance.now() < this.#ownScrollUntilMs) return;
    this.#follows = this.#isCurrentInSight();
    this.#look();
  }

  #look(): void {
    const isAway = !this.#follows && this.#line >= 0 && !this.#isCurrentInSight();
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#changed(isAway);
  }

  #isCurrentInSight(): boolean {
    const line = this.#elementOf(this.#line)?.getBoundingClientRect();
    const list = this.#list?.getBoundingClientRect();
    return !line || !list || (line.bottom > list.top && line.top < list.bottom);
  }
}
