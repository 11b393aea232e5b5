// `<hearback-live>`: what operators see, all of it moving by events. Holds the board, gives the orders, draws the parts.

import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { Problem } from '../../service/problem.ts';
import type { Service } from '../../service/service.ts';
import { shortSid } from '../../words/formats.ts';
import { type Language, type Words, wordsOf } from '../../words/words.ts';
import { ask } from '../requests.ts';
import { type Board, type Change, EMPTY, reduce, serverNowMs } from './board.ts';
import { Feed } from './feed.ts';
import { arrange, type CallFilter, figuresOf, newFailures, poolOf } from './models.ts';
import type { Job, LiveCall, LiveRecording } from './shapes.ts';
import { styles } from './styles.ts';
import { type Act, type Order, type Outcome, orderKey, orderPath, outcomeOf, type View } from './view.ts';
import { calls } from './views/calls.ts';
import { events } from './views/events.ts';
import { failures, failuresAloud } from './views/failures.ts';
import { fetching } from './views/fetching.ts';
import { jobs } from './views/jobs.ts';
import type { Part } from './views/pieces.ts';
import { outcomeText, status } from './views/pieces.ts';
import { tree } from './views/tree.ts';
import { english, type LiveKey } from './words/en.ts';
import { hebrew } from './words/he.ts';

const TICK_MS = 1000;
const CALLS_STEP = 20;
const FAILURES_STEP = 8;
const OUTCOME_SHOWN_MS = 6000;
/** Between two sentences said aloud. */
const ALOUD_PAUSE_MS = 3000;

@customElement('hearback-live')
export class HearbackLive extends LitElement {
  static override styles = styles;

  @property({ attribute: false }) service: Service | undefined;
  @property({ attribute: false }) language: Language = 'en';
  /** The operator's own business, whose calls the rest of the console shows. */
  @property({ attribute: false }) business: string | null = null;

  @state() private board: Board = EMPTY;
  @state() private nowMs = Date.now();
  @state() private callFilter: CallFilter = 'all';
  @state() private callsShown = CALLS_STEP;
  @state() private failuresShown = FAILURES_STEP;
  @state() private outcomes: ReadonlyMap<string, Outcome> = new Map();
  @state() private aloud = '';
  @state() private evicting: (Order & { kind: 'evict-recording' }) | null = null;
  @query('dialog') private dialog!: HTMLDialogElement;

  private words: Words<LiveKey> = wordsOf({ en: english, he: hebrew }, this.language);
  private feed: Feed | null = null;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private readonly fading = new Map<string, ReturnType<typeof setTimeout>>();
  private aloudAtMs = 0;
  private arranged: readonly LiveCall[] = [];
  private focused: Element | null = null;
  private around: readonly (Element | null | undefined)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.ticking = setInterval(() => this.tick(), TICK_MS);
    // The first time, `willUpdate` does.
    if (this.hasUpdated && this.service !== undefined) this.connect(this.service);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.ticking);
    for (const timer of this.fading.values()) clearTimeout(timer);
    this.fading.clear();
    this.feed?.stop();
    this.feed = null;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('language')) this.words = wordsOf({ en: english, he: hebrew }, this.language);
    if (changed.has('service') && this.service !== undefined && this.isConnected) this.connect(this.service);
    this.setAttribute('dir', this.words.direction);
    this.setAttribute('lang', this.language);
    this.focused = this.shadowRoot?.activeElement ?? null;
    this.around = [this.focused?.closest('.row'), this.focused?.closest('section')?.querySelector('h2')];
    this.arranged = arrange(this.arranged, this.board.calls, this.isAmongCalls());
  }

  /** What goes with the focus in it hands the focus to its row, or its list's heading, not to nobody. */
  override updated(): void {
    const { focused } = this;
    if (focused === null || focused.isConnected || this.shadowRoot?.activeElement) return;
    const heir = this.around.find((element) => element?.isConnected);
    if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
  }

  private connect(service: Service): void {
    this.feed?.stop();
    this.board = EMPTY;
    this.feed = new Feed(service, (change) => this.tell(change));
    this.feed.start();
  }

  private tell(change: Change): void {
    const before = this.board;
    this.board = reduce(before, change);
    const { link } = this.board;
    // Nothing of other businesses stays in sight of who is signed in no longer.
    if (change.kind === 'link' && link.kind === 'refused' && link.status === 401) ask(this, { type: 'signed_out' });
    const news = newFailures(before, this.board);
    const nowMs = Date.now();
    if (news.length > 0 && nowMs - this.aloudAtMs > ALOUD_PAUSE_MS) {
      this.aloudAtMs = nowMs;
      this.aloud = failuresAloud(this.words, news);
    }
  }

  private tick(): void {
    if (!document.hidden) this.nowMs = Date.now();
  }

  private isAmongCalls(): boolean {
    const list = this.shadowRoot?.querySelector('[data-list="calls"]');
    return list?.matches(':hover, :focus-within') ?? false;
  }

  private act(act: Act): void {
    switch (act.kind) {
      case 'order':
        this.order(act.order);
        return;
      case 'filter-calls':
        this.callFilter = act.filter;
        this.callsShown = CALLS_STEP;
        return;
      case 'more-calls':
        this.callsShown += CALLS_STEP;
        return;
      case 'more-failures':
        this.failuresShown += FAILURES_STEP;
        return;
      case 'filter-jobs':
        this.feed?.list(act.filter);
        return;
      case 'more-jobs':
        // What fails is asked for again by whoever wants it.
        void this.feed?.more(act.before).catch(() => undefined);
        return;
      case 'pause':
        this.tell(act);
        return;
      case 'connect':
        if (this.service !== undefined) this.connect(this.service);
        return;
    }
  }

  private order(order: Order): void {
    if (order.kind !== 'evict-recording') {
      void this.give(order);
      return;
    }
    this.evicting = order;
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  private answer(yes: boolean): void {
    const { evicting } = this;
    this.dialog.close();
    this.evicting = null;
    if (yes && evicting !== null) void this.give(evicting);
  }

  private async give(order: Order): Promise<void> {
    const { feed, service } = this;
    if (feed === null || service === undefined) return;
    const key = orderKey(order);
    this.note(key, 'pending');
    try {
      const path = orderPath(order);
      if (order.kind === 'retry-job' || order.kind === 'cancel-job') {
        this.tell({ kind: 'job', job: await service.json<Job>('POST', path, feed.signal) });
      } else {
        const { recording } = await service.json<{ recording: LiveRecording }>('POST', path, feed.signal);
        this.tell({ kind: 'recording', call: order.call, recording });
      }
      this.note(key, 'done');
    } catch (error) {
      if (feed.signal.aborted) return;
      this.note(key, outcomeOf(error instanceof Problem ? error.status : 0));
    }
    this.aloud = this.words.say('saidOf', {
      order: orderText(this.words, order),
      outcome: outcomeText(this.words, this.outcomes.get(key)),
    });
    feed.refresh();
  }

  /** Shown for a while. */
  private note(key: string, outcome: Outcome): void {
    this.outcomes = new Map(this.outcomes).set(key, outcome);
    clearTimeout(this.fading.get(key));
    if (outcome === 'pending') return;
    const fade = () => {
      this.fading.delete(key);
      const left = new Map(this.outcomes);
      left.delete(key);
      this.outcomes = left;
    };
    this.fading.set(key, setTimeout(fade, OUTCOME_SHOWN_MS));
  }

  protected override render(): Part {
    const view: View = {
      board: this.board,
      words: this.words,
      nowMs: serverNowMs(this.board, this.nowMs),
      business: this.business,
      calls: this.arranged,
      callFilter: this.callFilter,
      callsShown: this.callsShown,
      failuresShown: this.failuresShown,
      outcomes: this.outcomes,
      act: (act) => this.act(act),
    };
    return html`
      ${this.top(view)} ${this.notices(view)}
      <p class="unseen" role="status" aria-live="polite">${this.aloud}</p>
      ${this.board.known ? this.page(view) : nothing} ${this.question(view)}
    `;
  }

  private page(view: View): Part {
    return html`
      ${figures(view)}
      <div class="columns">
        <div class="column">${calls(view)} ${failures(view)} ${jobs(view)}</div>
        <div class="column">${fetching(view)} ${tree(view)} ${events(view)}</div>
      </div>
    `;
  }

  private top(view: View): Part {
    const { say } = view.words;
    return html`<div class="top">
      <div>
        <h1>${say('title')}</h1>
        <p class="quiet">${say('lead')}</p>
      </div>
      <span class="link">${linkStatus(view, this.nowMs)}</span>
    </div>`;
  }

  private notices(view: View): Part {
    const { say } = view.words;
    const { link, unread } = this.board;
    if (link.kind === 'refused') {
      return html`<p class="notice" role="alert">${say(link.status === 401 ? 'linkSession' : 'linkRefused')}</p>`;
    }
    if (link.kind === 'given-up') {
      return html`<div class="notice" role="alert">
        <span>${say('linkGivenUp')}</span>
        <button type="button" @click=${() => this.act({ kind: 'connect' })}>${say('connect')}</button>
      </div>`;
    }
    if (link.kind !== 'live') return nothing;
    return html`${unread.map((snapshot) => html`<p class="notice">${say(snapshot === 'actors' ? 'unreadActors' : 'unreadJobs')}</p>`)}`;
  }

  private question(view: View): Part {
    const { say } = view.words;
    const call = this.evicting === null ? '' : shortSid(this.evicting.call);
    return html`<dialog aria-labelledby="evict-title" aria-describedby="evict-text" @close=${() => this.answer(false)}>
      <h2 id="evict-title">${say('evictTitle')}</h2>
      <p id="evict-text">${say('evictText', { call })}</p>
      <div class="actions">
        <button type="button" autofocus @click=${() => this.answer(false)}>${say('keep')}</button>
        <button type="button" class="danger" @click=${() => this.answer(true)}>${say('evict')}</button>
      </div>
    </dialog>`;
  }
}

function orderText(words: Words<LiveKey>, order: Order): string {
  switch (order.kind) {
    case 'retry-recording':
      return words.say('retryCall', { call: shortSid(order.call) });
    case 'evict-recording':
      return words.say('evictCall', { call: shortSid(order.call) });
    case 'retry-job':
      return words.say('retryJob', { job: order.job });
    case 'cancel-job':
      return words.say('cancelJob', { job: order.job });
  }
}

function linkStatus(view: View, nowMs: number): Part {
  const { say, formats } = view.words;
  const { link } = view.board;
  switch (link.kind) {
    case 'connecting':
      return status('waiting', say('linkConnecting'));
    case 'live':
      return status('good', say('linkLive'));
    case 'lost': {
      const seconds = Math.ceil((link.retryAtMs - nowMs) / 1000);
      return status('bad', seconds > 0 ? say('linkLost', { time: formats.span(seconds) }) : say('linkTrying'));
    }
    case 'given-up':
    case 'refused':
      return nothing;
  }
}

function figures(view: View): Part {
  const { say, formats } = view.words;
  const { awake, fetching, queued, listeners, jobsRunning, dead } = figuresOf(view.board);
  const max = poolOf(view.board)?.parallel_max ?? 0;
  const figure = (value: number, label: string, more: Part = nothing, bad = false) =>
    html`<div data-bad=${bad}><dt>${label}</dt><dd>${formats.number(value)} ${more}</dd></div>`;
  return html`<dl class="figures">
    ${figure(awake, say('figureAwake'))}
    ${figure(fetching, say('figureFetching'), max > 0 ? html`<small>${say('ofMax', { max: formats.number(max) })}</small>` : nothing)}
    ${figure(queued, say('figureQueued'))} ${figure(listeners, say('figureListeners'))}
    ${figure(jobsRunning, say('figureJobs'))} ${figure(dead, say('figureDead'), nothing, dead > 0)}
  </dl>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-live': HearbackLive;
  }
}
