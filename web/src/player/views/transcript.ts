// What was said, beside the sound: follows it, leads to any word, is searched, and can be corrected.
//
// A long call has thousands of lines. They are drawn when the transcript, the search or an edit changes; while the
// sound runs only two attributes move, from one word or line to the next, which no template binds.

import { css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { guard } from 'lit/directives/guard.js';
import type { Speaker, Transcript } from '../../service/shapes.ts';
import { playingTime } from '../../words/formats.ts';
import type { Change, Finding, Timeline } from '../state.ts';
import type { PlayerWords } from '../words.ts';
import { icon } from './icons.ts';
import { Pace } from './pace.ts';
import { speakerName } from './speakers.ts';
import { Follower } from './transcript-follower.ts';
import { type Line, linesOf, type Match, matchesOf, piecesOf } from './transcript-index.ts';
import { define, View } from './view.ts';

/** From here on, lines out of sight are neither laid out nor painted. */
const MANY_LINES = 100;

const PACE: ReadonlySet<PropertyKey> = new Set(['timeline', 'isRunning', 'rate']);

interface Edit {
  readonly utterance: number;
  /** As it was when the edit began: what somebody else makes of it meanwhile does not overwrite ours. */
  readonly text: string;
}

export class TranscriptView extends View {
  @property({ attribute: false }) transcript: Finding<Transcript> = { kind: 'unknown' };
  @property({ attribute: false }) timeline: Timeline | null = null;
  @property({ attribute: false }) rate = 1;
  @property({ attribute: false }) isRunning = false;
  @property({ attribute: false }) mayCorrect = false;
  @property({ attribute: false }) change: Change | null = null;
  @state() private lines: readonly Line[] = [];
  @state() private wanted = '';
  @state() private found: readonly Match[] = [];
  /** Which match is looked at. */
  @state() private looked = 0;
  @state() private edit: Edit | null = null;
  /** Whose correction was sent last: what becomes of it is said there, and ends no other line's edit. */
  @state() private sent: number | null = null;
  /** The current line is out of sight, because somebody reads elsewhere. */
  @state() private isAway = false;

  readonly #follower = new Follower(this, (isAway) => {
    this.isAway = isAway;
  });
  readonly #pace = new Pace(this, (second) => this.#follower.moveTo(second));

  override render() {
    const { say } = this.words;
    return html`<section class="panel transcript" part="transcript" aria-label=${say('transcript')}>
      <div class="panel-head"><h3>${say('transcript')}</h3>${this.lines.length > 0 ? this.#search() : nothing}</div>
      ${this.lines.length > 0 ? this.#list() : html`<p class="coming" role="status">${missingText(this.transcript, this.words)}</p>`}
    </section>`;
  }

  /** That the sound moves on is no reason to draw thousands of lines. */
  protected override shouldUpdate(changed: PropertyValues<this>): boolean {
    const isPaceAlone = [...changed.keys()].every((name) => PACE.has(name));
    if (isPaceAlone && this.hasUpdated) this.#tellPace();
    return !isPaceAlone || !this.hasUpdated;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('transcript')) {
      this.lines = this.transcript.kind === 'found' ? linesOf(this.transcript.value) : [];
      this.#find(this.wanted);
    }
    const was = changed.get('change');
    const isDone = was?.kind === 'correction' && was.outcome === 'under_way' && this.change === null;
    if (isDone && this.edit !== null && this.edit.utterance === this.sent) this.#endEdit();
  }

  protected override updated(): void {
    this.#follower.show(this.querySelector<HTMLElement>('.lines'), this.lines);
    this.#tellPace();
  }

  #tellPace(): void {
    const { second } = this.timeline ?? { second: 0 };
    this.#pace.tell({ second, isRunning: this.isRunning, rate: this.rate });
  }

  #search() {
    const { say } = this.words;
    const { length: count } = this.found;
    const isSearching = this.wanted.trim() !== '';
    const said = count > 0 ? say('search_count', { index: this.looked + 1, count }) : say('search_none');
    return html`<div class="search" role="search">
      ${icon('search')}
      <input type="search" autocomplete="off" spellcheck="false" dir="auto" aria-label=${say('search')} placeholder=${say('search')}
        .value=${this.wanted} @input=${this.#typed} @keydown=${this.#searchKey}>
      <span class="count" role="status">${isSearching ? said : ''}</span>
      ${
        isSearching
          ? html`<button type="button" class="icon-button small" ?disabled=${count === 0} aria-label=${say('search_previous')}
              title=${say('search_previous')} @click=${() => this.#step(-1)}>${icon('up')}</button>
            <button type="button" class="icon-button small" ?disabled=${count === 0} aria-label=${say('search_next')}
              title=${say('search_next')} @click=${() => this.#step(1)}>${icon('down')}</button>`
          : nothing
      }
    </div>`;
  }

  #list() {
    const transcript = this.transcript.kind === 'found' ? this.transcript.value : null;
    const byLine = new Map<number, [number, Match][]>();
    for (const [number, match] of this.found.entries()) {
      const own = byLine.get(match.line);
      if (own) own.push([number, match]);
      else byLine.set(match.line, [[number, match]]);
    }
    return html`<div class="scroller">
      <ol class="lines ${this.lines.length > MANY_LINES ? 'are-many' : ''}" lang=${transcript?.language ?? nothing} @click=${this.#clicked}>
        ${this.lines.map((line, index) => {
          const own = byLine.get(index) ?? [];
          const first = own[0]?.[0] ?? 0;
          const looked = own.some(([number]) => number === this.looked) ? this.looked : null;
          const edit = this.edit?.utterance === line.utterance.id ? this.edit : null;
          // With no match, all that a line hangs on is the same as before, and it is passed over.
          const depends = [
            line,
            own.length > 0 ? this.found : null,
            looked,
            edit,
            edit && this.change,
            edit && this.sent,
            this.words,
            this.mayCorrect,
          ];
          return guard(depends, () =>
            this.#line(
              line,
              index,
              own.map(([, match]) => match),
              first,
              edit,
              transcript?.speakers ?? [],
            ),
          );
        })}
      </ol>
      ${
        this.isAway
          ? html`<button type="button" class="to-current" part="button" @click=${this.#toCurrent}>
              ${icon('follow')}${this.words.say('to_current')}
            </button>`
          : nothing
      }
    </div>`;
  }

  #line(
    line: Line,
    index: number,
    matches: readonly Match[],
    first: number,
    edit: Edit | null,
    speakers: readonly Speaker[],
  ) {
    const { utterance } = line;
    const { say } = this.words;
    const speaker = line.beginsTurn ? speakerName(utterance.channel, speakers, this.words) : null;
    const time = playingTime(utterance.start);
    return html`<li data-line=${index} data-role=${utterance.speaker ?? 'none'}>
      ${speaker === null ? nothing : html`<p class="who"><span class="dot"></span><bdi>${speaker}</bdi></p>`}
      <div class="line">
        <button type="button" class="at" aria-label=${say('play_from', { time })} data-second=${utterance.start}><span dir="ltr">${time}</span></button>
        ${
          edit
            ? this.#editor(edit, utterance.text)
            : html`<p class="text" dir="auto" data-second=${utterance.start}>${this.#pieces(line, matches, first)}</p>
              ${
                this.mayCorrect
                  ? html`<button type="button" class="icon-button small pencil" aria-label=${say('correct')} title=${say('correct')}
                      @click=${() => this.#beginEdit(utterance.id, utterance.text)}>${icon('pencil')}</button>`
                  : nothing
              }`
        }
      </div>
      ${
        utterance.original_text === undefined || edit
          ? nothing
          : html`<details class="corrected"><summary>${say('corrected')}</summary><p dir="auto">${say('original', { text: utterance.original_text })}</p></details>`
      }
    </li>`;
  }

  #pieces(line: Line, matches: readonly Match[], first: number) {
    return piecesOf(line, matches, first).map(({ text, word, match }) => {
      const shown =
        match === null
          ? text
          : html`<mark class=${match === this.looked ? 'is-looked-at' : ''} data-match=${match}>${text}</mark>`;
      return word === null
        ? shown
        : html`<span data-word=${word} data-second=${line.words[word]?.start ?? line.utterance.start}>${shown}</span>`;
    });
  }

  /** `now`: how the line reads by now, where somebody else was quicker. */
  #editor({ utterance, text }: Edit, now: string) {
    const { say } = this.words;
    const isSent = utterance === this.sent && this.change?.kind === 'correction';
    const outcome = isSent ? (this.change?.outcome ?? null) : null;
    return html`<form class="editor" @submit=${this.#submitEdit} @keydown=${this.#editKey}>
      ${now === text ? nothing : html`<p class="quiet" dir="auto">${now}</p>`}
      <textarea rows="2" dir="auto" required maxlength="4000" aria-label=${say('correction')} .value=${text}></textarea>
      <div class="actions">
        <button type="submit" class="action" part="button" ?disabled=${outcome === 'under_way'}>${say('save')}</button>
        <button type="button" class="action is-plain" part="button" @click=${() => this.#endEdit()}>${say('cancel')}</button>
        <span class="outcome" role="status">${
          outcome === null ? '' : say(outcome === 'under_way' ? 'saving' : `change_${outcome}`)
        }</span>
      </div>
    </form>`;
  }

  #typed(event: Event): void {
    if (event.target instanceof HTMLInputElement) this.#find(event.target.value);
    this.#showMatch();
  }

  #find(wanted: string): void {
    this.wanted = wanted;
    this.found = matchesOf(this.lines, wanted);
    this.looked = Math.max(0, this.#firstAfterSound());
  }

  /** A search begins where one listens. */
  #firstAfterSound(): number {
    const current = this.#follower.line;
    return current < 0 ? 0 : this.found.findIndex(({ line }) => line >= current);
  }

  #searchKey(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.#step(event.shiftKey ? -1 : 1);
    else if (event.key === 'Escape' && this.wanted !== '') this.#find('');
    else return;
    event.preventDefault();
  }

  #step(by: 1 | -1): void {
    const { length } = this.found;
    if (length === 0) return;
    this.looked = (this.looked + by + length) % length;
    this.#showMatch();
  }

  async #showMatch(): Promise<void> {
    await this.updateComplete;
    const mark = this.querySelector<HTMLElement>(`[data-match="${this.looked}"]`);
    if (mark) this.#follower.lookAt(mark);
  }

  #clicked(event: MouseEvent): void {
    const { target } = event;
    // Whoever marks text to copy it does not want to go there.
    if (!(target instanceof Element) || isTextMarked()) return;
    const second = target.closest<HTMLElement>('[data-second]')?.dataset.second;
    if (second === undefined) return;
    this.#follower.resume();
    this.send({ type: 'seek', second: Number(second) });
  }

  /** The button goes; the keyboard goes on at the line that it led to. */
  async #toCurrent(): Promise<void> {
    this.#follower.resume();
    await this.updateComplete;
    this.querySelector<HTMLElement>('[data-current] .at')?.focus({ preventScroll: true });
  }

  async #beginEdit(utterance: number, text: string): Promise<void> {
    this.edit = { utterance, text };
    this.sent = null;
    await this.updateComplete;
    const area = this.querySelector('textarea');
    area?.focus();
    area?.setSelectionRange(text.length, text.length);
  }

  async #endEdit(): Promise<void> {
    const edited = this.edit;
    this.edit = null;
    await this.updateComplete;
    const index = this.lines.findIndex(({ utterance }) => utterance.id === edited?.utterance);
    this.querySelector<HTMLElement>(`[data-line="${index}"] .pencil`)?.focus({ preventScroll: true });
  }

  #editKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') this.#endEdit();
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#submitEdit(event);
  }

  #submitEdit(event: Event): void {
    event.preventDefault();
    const text = this.querySelector('textarea')?.value.trim() ?? '';
    if (!this.edit || text === '') return;
    if (text === this.edit.text) this.#endEdit();
    else {
      this.sent = this.edit.utterance;
      this.send({ type: 'correct', utterance: this.edit.utterance, text });
    }
  }
}

function missingText(transcript: Finding<Transcript>, { say, formats }: PlayerWords): string {
  switch (transcript.kind) {
    case 'unknown':
      return say('transcript_unknown');
    case 'coming':
      if (transcript.progress === null) return say('transcript_coming');
      return say('transcript_coming_percent', { percent: formats.percent(Math.floor(transcript.progress * 100)) });
    case 'none':
      return say(`transcript_${transcript.why}`);
    case 'found':
      return say('transcript_no_speech');
  }
}

function isTextMarked(): boolean {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && selection.toString().trim() !== '';
}

define('hearback-transcript', TranscriptView);

export const transcriptStyles = css`
  .transcript { display: grid; grid-template-rows: auto minmax(0, 1fr); gap: 0.625rem; }
  .search {
    display: flex; align-items: center; gap: 0.25rem; flex: 1 1 14rem; max-inline-size: 24rem; margin-inline-start: auto; padding-inline: 0.625rem 0.25rem;
    block-size: 2.25rem; border: 1px solid var(--edge); border-radius: 0.625rem; background: var(--surface); color: var(--quiet);
  }
  .search:focus-within { outline: 2px solid var(--accent); outline-offset: -1px; }
  .search input { flex: 1; min-inline-size: 3rem; block-size: 100%; border: 0; outline: 0; background: none; color: var(--ink); font: inherit; font-size: 0.875rem; appearance: none; }
  .search input::-webkit-search-cancel-button { appearance: none; }
  .search input::placeholder { color: var(--quiet); opacity: 1; text-align: match-parent; }
  .count { font-size: 0.75rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
  .scroller { position: relative; min-block-size: 0; }
  .lines {
    position: relative; max-block-size: var(--hearback-transcript-height, 24rem); margin: 0; padding: 0 0 0.25rem; overflow-y: auto; overscroll-behavior: contain;
    list-style: none; scrollbar-width: thin; scrollbar-color: var(--edge) transparent;
  }
  .lines.are-many li { content-visibility: auto; contain-intrinsic-size: auto 2.5rem; }
  .who { display: flex; align-items: center; gap: 0.5rem; padding-block: 0.875rem 0.125rem; padding-inline-start: 0.5rem; font-size: 0.8125rem; font-weight: 620; }
  .lines li:first-child .who { padding-block-start: 0.125rem; }
  .line { position: relative; display: grid; grid-template-columns: 3.25rem minmax(0, 1fr) 1.75rem; align-items: start; border-radius: 0.5rem; }
  .line:hover { background: var(--hover); }
  li[data-current] .line { background: var(--tint); }
  li[data-current] .line::before { content: ''; position: absolute; inset-block: 0.375rem; inset-inline-start: 0; inline-size: 3px; border-radius: 2px; background: var(--lane); }
  .at { min-block-size: 1.75rem; padding: 0.25rem 0.5rem; border: 0; background: none; color: var(--quiet); font-size: 0.75rem; line-height: 1.5rem; font-variant-numeric: tabular-nums; text-align: start; border-radius: 0.5rem; }
  .at:hover { color: var(--ink); text-decoration: underline; }
  .text { padding-block: 0.25rem; line-height: 1.5rem; overflow-wrap: anywhere; cursor: pointer; text-align: match-parent; text-align: -webkit-match-parent; }
  .text span { border-radius: 0.25rem; }
  .text span:hover { text-decoration: underline; text-decoration-color: var(--edge); text-underline-offset: 0.2em; }
  .text span[data-now] { background: var(--now); box-shadow: 0 0 0 0.125rem var(--now); }
  mark { background: var(--mark); color: inherit; border-radius: 0.125rem; }
  mark.is-looked-at { outline: 2px solid var(--warn); }
  .pencil { opacity: 0; margin-block: 0.125rem; }
  .line:hover .pencil, .pencil:focus-visible { opacity: 1; }
  @media (hover: none) { .pencil { opacity: 1; } }
  .corrected { margin-inline-start: 3.25rem; color: var(--quiet); font-size: 0.75rem; }
  .corrected summary { inline-size: fit-content; min-block-size: 1.5rem; line-height: 1.5rem; cursor: pointer; }
  .corrected p { padding-block-end: 0.375rem; text-decoration-color: var(--edge); }
  .editor { grid-column: 2 / -1; padding-block: 0.25rem 0.5rem; padding-inline-end: 0.5rem; }
  .editor textarea { display: block; inline-size: 100%; padding: 0.5rem 0.625rem; border: 1px solid var(--edge); border-radius: 0.5rem; background: var(--surface); color: var(--ink); font: inherit; resize: vertical; field-sizing: content; }
  .to-current {
    position: absolute; inset-block-end: 0.75rem; inset-inline: 0; margin-inline: auto; inline-size: fit-content; display: flex; align-items: center; gap: 0.5rem;
    padding: 0.375rem 0.875rem; border: 0; border-radius: 1.25rem; background: var(--ink); color: var(--surface); font-size: 0.8125rem; font-weight: 600; box-shadow: 0 0.25rem 1rem rgb(0 0 0 / 0.2);
  }
  .to-current .icon { transform: rotate(90deg); }
  @media (forced-colors: active) {
    .text span[data-now], li[data-current] .line { outline: 2px solid Highlight; }
    mark { outline: 1px solid; }
  }
  @container (max-width: 30rem) {
    .search { margin-inline-start: 0; max-inline-size: none; flex-basis: 100%; }
  }
`;
