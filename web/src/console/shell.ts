// `<hearback-console>`: the page. It holds who is signed in and where one is, and does what its elements ask for.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { keyed } from 'lit/directives/keyed.js';
import type { Problem } from '../service/problem.ts';
import { Service } from '../service/service.ts';
import type { Language } from '../words/words.ts';
import { CallPage } from './call.ts';
import { partyOf } from './call-facts.ts';
import type { CallFeed, FeedListener } from './call-feed.ts';
import { Calls } from './calls.ts';
import { tokenOf } from './claims.ts';
import './header.ts';
import { icon } from './icons.ts';
import { type ListState, neighbours, newCallCount, stateChanges } from './list-state.ts';
import { type KeptList, Lists } from './lists.ts';
import { NumberPage } from './number.ts';
import { problemOf } from './patience.ts';
import { applyPreferences, rememberedPreferences, rememberLanguage, rememberTheme, type Theme } from './preferences.ts';
import { type ConsoleRequest, ConsoleRequestEvent } from './requests.ts';
import { CALLS, formatRoute, type Route, Router } from './router.ts';
import { isOfSession, Session } from './session.ts';
import { shellStyles } from './shell.styles.ts';
import './sign-in.ts';
import { skeleton } from './skeleton.ts';
import { shared } from './styles.ts';
import { pageTitle, troubleText } from './titles.ts';
import { type ConsoleWords, consoleWords } from './words/words.ts';

@customElement('hearback-console')
export class HearbackConsole extends LitElement implements FeedListener {
  static override styles = [shared, shellStyles];

  @state() private language: Language;
  @state() private theme: Theme;
  @state() private trouble: Problem | null = null;
  @state() private announcement = '';
  @state() private isLiveLoaded = false;
  @state() private isLiveMissing = false;
  #words: ConsoleWords;
  #service = new Service(new URL('./', document.baseURI), { kind: 'cookie' });
  #session = new Session(this.#service, () => this.#sessionChanged());
  #lists = new Lists(this.#service, this);
  #router: Router | null = null;
  /** The call that a Play button opened. */
  #playing: string | null = null;
  #wasIn = false;
  /** What the keyboard and the scrolling still have to follow. */
  #arrival: { readonly list: KeptList | null } | null = null;

  constructor() {
    super();
    const { language, theme } = rememberedPreferences();
    this.language = language;
    this.theme = theme;
    this.#words = consoleWords(language);
    applyPreferences({ language, theme });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener(ConsoleRequestEvent.type, this.#asked);
    addEventListener('storage', this.#heardOfOtherTab);
    addEventListener('pageshow', this.#shown);
    document.addEventListener('visibilitychange', this.#shown);
    // Before the router's own, so that it never sees a token.
    addEventListener('hashchange', this.#signInFromAddress);
    const isTold = this.#signInFromAddress();
    this.#router = new Router((route, before) => this.#moved(route, before));
    if (!isTold) void this.#session.resume();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener(ConsoleRequestEvent.type, this.#asked);
    removeEventListener('storage', this.#heardOfOtherTab);
    removeEventListener('pageshow', this.#shown);
    document.removeEventListener('visibilitychange', this.#shown);
    removeEventListener('hashchange', this.#signInFromAddress);
    this.#router?.dispose();
    this.#session.dispose();
    this.#lists.clear();
  }

  changed(feed: CallFeed, before: ListState): void {
    if (feed !== this.#lists.current?.feed) return;
    this.#announceChanges(before, feed.state);
    this.requestUpdate();
  }

  troubled(problem: Problem | null): void {
    if (problem?.status === 401) this.#session.end({ key: 'session_ended' });
    else this.trouble = problem;
  }

  override render() {
    const { say } = this.#words;
    const { state: session } = this.#session;
    const isIn = session.name === 'in';
    const trouble = session.name === 'asking' ? session.trouble : this.trouble;
    const notice = document.querySelector<HTMLMetaElement>('meta[name="hearback-demo"]')?.content;
    return html`
      <header class="top">
        <a class="skip" href="#main" @click=${this.#skip}>${say('skip')}</a>
        <hearback-header .words=${this.#words} .theme=${this.theme} .page=${isIn ? this.#route.page : null}
          .business=${isIn ? session.business : null} .isOperator=${isIn && session.isOperator}></hearback-header>
        ${notice === undefined ? nothing : html`<p class="demo" lang="en" dir="auto">${notice}</p>`}
      </header>
      <div role="status" class="banner-place">
        ${trouble === null ? nothing : html`<p class="banner">${icon('alert')}<span>${troubleText(trouble, this.#words)}</span></p>`}
      </div>
      <main id="main" tabindex="-1">${this.#content()}</main>
      <p class="unseen" aria-live="polite">${this.announcement}</p>
    `;
  }

  protected override updated(_changed: PropertyValues): void {
    const isIn = this.#session.state.name === 'in';
    document.title = pageTitle(isIn ? this.#route : null, this.#words);
    const arrival = this.#arrival;
    if (arrival === null || !isIn) return;
    this.#arrival = null;
    // Once the page's own elements are drawn.
    requestAnimationFrame(() => {
      window.scrollTo({ top: arrival.list?.scrollY ?? 0, behavior: 'instant' });
      const page = this.renderRoot.querySelector('hearback-calls, hearback-number, hearback-call');
      if (page instanceof CallPage) page.arrive();
      else if (page instanceof Calls || page instanceof NumberPage) page.arrive(arrival.list?.opened ?? null);
      else this.#main?.focus({ preventScroll: true });
    });
  }

  #content(): TemplateResult {
    const { state: session } = this.#session;
    switch (session.name) {
      case 'asking':
        return html`<div class="page">${session.trouble === null ? skeleton(this.#words.say('loading')) : nothing}</div>`;
      case 'out':
        return html`<div class="page"><hearback-sign-in .words=${this.#words} .why=${session.why} .isBusy=${session.isBusy} .nowMs=${Date.now()}></hearback-sign-in></div>`;
      case 'in':
        return html`<div class="page">${this.#page(this.#route, session.business)}</div>`;
    }
  }

  #page(route: Route, business: string): TemplateResult {
    const words = this.#words;
    const list = this.#lists.current;
    const feed = list?.feed;
    const nowMs = Date.now();
    switch (route.page) {
      case 'calls':
        return html`<hearback-calls .words=${words} .filters=${route.filters} .list=${feed?.state} .nowMs=${nowMs}
          .isRefused=${feed?.isRefused ?? false} .isTroubled=${this.trouble !== null}></hearback-calls>`;
      case 'number':
        return html`${keyed(
          route.number,
          html`<hearback-number .words=${words} .service=${this.#service} .number=${route.number} .list=${feed?.state}
            .nowMs=${nowMs} .isTroubled=${this.trouble !== null}></hearback-number>`,
        )}`;
      case 'call': {
        const calls = feed?.state.calls ?? [];
        const { newer, older } = neighbours(calls, route.call);
        return html`${keyed(
          route.call,
          html`<hearback-call .words=${words} .service=${this.#service} .route=${route} .plays=${this.#playing === route.call}
            .known=${calls.find((call) => call.call_sid === route.call) ?? null} .newer=${newer} .older=${older}
            .list=${list?.route ?? CALLS} .nowMs=${nowMs}></hearback-call>`,
        )}`;
      }
      case 'live':
        return this.isLiveLoaded
          ? html`<hearback-live .service=${this.#service} .language=${this.language} .business=${business}></hearback-live>`
          : html`<p class="quiet" role="status">${words.say(this.isLiveMissing ? 'live_missing' : 'live_loading')}</p>`;
    }
  }

  get #route(): Route {
    return this.#router?.route ?? CALLS;
  }

  get #main(): HTMLElement | null {
    return this.renderRoot.querySelector('main');
  }

  #sessionChanged(): void {
    const isIn = this.#session.state.name === 'in';
    if (isIn !== this.#wasIn) {
      this.#wasIn = isIn;
      this.#lists.clear();
      this.#playing = null;
      this.trouble = null;
      this.announcement = '';
      if (isIn) this.#arrive(this.#route);
    }
    this.requestUpdate();
  }

  #moved(route: Route, before: Route): void {
    if (this.#session.state.name === 'in') {
      const opened = route.page === 'call' ? route.call : null;
      if (before.page === 'calls' || before.page === 'number') this.#lists.leave(window.scrollY, opened);
      const isSamePage = before.page === route.page && route.page === 'calls';
      const list = this.#arrive(route);
      // Other filters of the same list, and another call in place of this one, leave the keyboard where it is.
      if (!isSamePage && !isSameCall(route, before)) this.#arrival = { list };
    }
    this.requestUpdate();
  }

  #arrive(route: Route): KeptList | null {
    if (route.page === 'live') void this.#arriveAtLive();
    if (route.page === 'call' && route.plays) {
      this.#playing = route.call;
      // Whoever reloads or comes back has not pressed Play.
      this.#router?.open({ ...route, plays: false }, true);
    } else if (route.page !== 'call' || route.call !== this.#playing) this.#playing = null;
    return route.page === 'calls' || route.page === 'number' ? this.#lists.show(route) : null;
  }

  /** Operators only: nobody else loads it. */
  async #arriveAtLive(): Promise<void> {
    const { state: session } = this.#session;
    if (session.name === 'in' && !session.isOperator) {
      this.#router?.open(CALLS, true);
      return;
    }
    try {
      await import('./live/live.ts');
      this.isLiveLoaded = true;
      this.isLiveMissing = false;
    } catch {
      this.isLiveMissing = true;
    }
  }

  #asked = (event: ConsoleRequestEvent): void => this.#obey(event.request);

  #obey(request: ConsoleRequest): void {
    switch (request.type) {
      case 'sign_in':
        void this.#session.signIn(request.token);
        break;
      case 'sign_out':
        void this.#session.signOut().catch((error: unknown) => this.troubled(problemOf(error)));
        break;
      case 'signed_out':
        this.#session.end({ key: 'session_ended' });
        break;
      case 'troubled':
        this.troubled(request.problem);
        break;
      case 'open':
        this.#router?.open(request.route, request.replaces);
        break;
      case 'load_more':
        void this.#lists.current?.feed.loadMore();
        break;
      case 'language':
        rememberLanguage(request.language);
        this.#words = consoleWords(request.language);
        this.language = request.language;
        applyPreferences({ language: request.language, theme: this.theme });
        break;
      case 'theme':
        rememberTheme(request.theme);
        this.theme = request.theme;
        applyPreferences({ language: this.language, theme: request.theme });
        break;
      case 'announce':
        this.announcement = request.text;
        break;
    }
  }

  #announceChanges(before: ListState, after: ListState): void {
    const { say, formats } = this.#words;
    const changes = stateChanges(before, after).map(({ call, state }) =>
      say('state_changed', { party: partyOf(call, this.#words), state: say(`state_${state}`) }),
    );
    const count = newCallCount(before, after);
    if (count > 0) changes.push(say('new_calls', { count: formats.number(count) }));
    if (changes.length > 0) this.announcement = changes.join('. ');
  }

  /** The token is taken out of the address at once, so that it is neither bookmarked nor shared. */
  #signInFromAddress = (): boolean => {
    const token = tokenOf(location.hash);
    if (token === null) return false;
    history.replaceState(null, '', location.pathname + location.search);
    void this.#session.signIn(token);
    return true;
  };

  /** It shares our cookie: whoever signed in there is signed in here. */
  #heardOfOtherTab = (event: StorageEvent): void => {
    if (isOfSession(event)) void this.#session.resume();
  };

  /** Whoever comes back to this page may have been somebody else meanwhile. */
  #shown = (event: Event): void => {
    const isBack = event instanceof PageTransitionEvent ? event.persisted : !document.hidden;
    if (isBack) void this.#session.confirm();
  };

  #skip = (event: Event): void => {
    event.preventDefault();
    this.#main?.focus();
  };
}

function isSameCall(route: Route, before: Route): boolean {
  return (
    route.page === 'call' &&
    before.page === 'call' &&
    formatRoute({ ...route, second: 0 }) === formatRoute({ ...before, second: 0 })
  );
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-console': HearbackConsole;
  }
}
