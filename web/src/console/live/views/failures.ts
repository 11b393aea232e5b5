// What failed lately: when, of whom, why, what helps, and whether it is still so.

import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { shortSid } from '../../../words/formats.ts';
import type { Words } from '../../../words/words.ts';
import { subjectOf } from '../board.ts';
import { repairOf, type Since, sinceFailure, type Tone } from '../models.ts';
import type { Failure } from '../shapes.ts';
import { type Order, orderKey, type View } from '../view.ts';
import type { LiveKey } from '../words/en.ts';
import { callName, inTime, line, orderButton, outcome, type Part, relative, status, told } from './pieces.ts';

export function failures(view: View): Part {
  const { say, formats } = view.words;
  const all = view.board.failures;
  const shown = all.slice(0, view.failuresShown);
  const isClear = view.board.known && all.length === 0;
  return html`
    <section class="card failures" aria-labelledby="failures">
      <header><h2 id="failures" tabindex="-1">${say('failures')}</h2></header>
      ${isClear ? html`<p class="empty">${say('failuresNone')}</p>` : nothing}
      <ul class="rows" role="list" data-list="failures">
        ${repeat(shown, subjectOf, (failure) => row(view, failure))}
      </ul>
      ${
        all.length > shown.length
          ? html`<p class="foot">
              <span class="quiet">${say('callsShown', { shown: formats.number(shown.length), total: formats.number(all.length) })}</span>
              <button class="small" type="button" @click=${() => view.act({ kind: 'more-failures' })}>${say('showAll')}</button>
            </p>`
          : nothing
      }
    </section>
  `;
}

function row(view: View, failure: Failure): Part {
  const { say, formats } = view.words;
  const since = sinceFailure(failure, view.board);
  const { reason, remedy, next, at } = explained(failure);
  const when = since === 'over' ? null : inTime(view, at);
  const first = formats.moment(failure.first_at, view.nowMs) ?? '';
  return html`<li class="row" tabindex="-1" data-since=${since}>
    <div class="head">
      ${subject(view, failure)}
      ${since === 'unknown' ? nothing : status(TONES[since], say(`since_${since}`))}
      <span class="quiet facts">${failure.times > 1 ? say('times', { count: formats.number(failure.times), when: first }) : nothing}</span>
      ${relative(view, failure.at)} ${repair(view, failure)}
    </div>
    ${reason === null ? nothing : line(say('reason'), told(reason), since === 'over' ? '' : 'bad')}
    ${remedy === null || since === 'over' ? nothing : line(say('remedy'), told(remedy))}
    ${next === null || since === 'over' ? nothing : line(say('next'), html`${told(next)}${when === null ? nothing : html` <strong>${when}</strong>`}`)}
  </li>`;
}

const TONES: Record<Since, Tone> = { failed: 'bad', over: 'good', again: 'waiting', unknown: 'quiet' };

function subject(view: View, failure: Failure): Part {
  const { say } = view.words;
  switch (failure.event) {
    case 'state':
    case 'crash':
      return callName(view, failure);
    case 'stage':
      return html`<strong>${say(`stage_${failure.stage}`)}</strong>
        <span class="quiet">${say('job', { job: failure.job })}</span>${callName(view, failure)}`;
    case 'ended':
    case 'restarted':
      return html`<strong>${say('actor', { name: failure.actor })}</strong>`;
  }
}

interface Explained {
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly next: string | null;
  readonly at: string | null;
}

function explained(failure: Failure): Explained {
  switch (failure.event) {
    case 'state': {
      const { reason, remedy, next, retry_at } = failure.recording;
      return { reason, remedy, next, at: retry_at };
    }
    case 'stage':
      return { reason: failure.error, remedy: null, next: null, at: null };
    case 'crash':
    case 'ended':
      return { reason: failure.error, remedy: null, next: failure.next, at: null };
    case 'restarted':
      return { reason: null, remedy: null, next: null, at: null };
  }
}

function repair(view: View, failure: Failure): Part {
  const { say } = view.words;
  const found = repairOf(failure, view.board);
  if (found === null) return nothing;
  const [order, name]: [Order, string] =
    found.kind === 'job'
      ? [{ kind: 'retry-job', job: found.job }, say('retryJob', { job: found.job })]
      : [
          { kind: 'retry-recording', call: found.call, recording: found.recording },
          say('retryCall', { call: nameOf(failure) }),
        ];
  return html`<span class="orders">${outcome(view, orderKey(order))}${orderButton(view, order, say('retry'), name)}</span>`;
}

function nameOf(failure: Failure): string {
  return 'call_sid' in failure ? `${shortSid(failure.call_sid)} (${failure.business})` : failure.actor;
}

/** One sentence for who does not look. */
export function failuresAloud(words: Words<LiveKey>, news: readonly Failure[]): string {
  const [last] = news;
  if (last === undefined) return '';
  const values = { name: nameOf(last), reason: explained(last).reason ?? '' };
  return news.length === 1
    ? words.say('failureSaid', values)
    : words.say('failuresSaid', { ...values, count: words.formats.number(news.length) });
}
