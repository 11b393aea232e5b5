// The calls that are awake: what each of their recordings does, why, and what happens next.

import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { percentOf, shortSid } from '../../../words/formats.ts';
import { keyOf } from '../board.ts';
import { type CallFilter, filtered, ordersFor, toneOfRecording } from '../models.ts';
import type { LiveCall, LiveRecording } from '../shapes.ts';
import { orderKey, type View } from '../view.ts';
import {
  age,
  bar,
  bytesText,
  callName,
  choice,
  inTime,
  line,
  orderButton,
  outcome,
  type Part,
  status,
  told,
} from './pieces.ts';

const FILTERS: readonly CallFilter[] = ['all', 'downloading', 'failed', 'absent', 'ready', 'gone'];

export function calls(view: View): Part {
  const { say, formats } = view.words;
  const wanted = filtered(view.calls, view.callFilter);
  const shown = wanted.slice(0, view.callsShown);
  const total = view.callFilter === 'all' ? Math.max(view.board.callsTotal, wanted.length) : wanted.length;
  const options = FILTERS.map(
    (filter) => [filter, filter === 'all' ? say('filter_all') : say(`state_${filter}`)] as const,
  );
  return html`
    <section class="card calls" aria-labelledby="calls">
      <header>
        <h2 id="calls" tabindex="-1">${say('callsAwake')}</h2>
        ${choice(say('filter'), 'calls', options, view.callFilter, (filter) => view.act({ kind: 'filter-calls', filter }))}
      </header>
      ${
        view.board.known && wanted.length === 0
          ? html`<p class="empty">${say(view.callFilter === 'all' ? 'callsNone' : 'callsNoneIn')}</p>`
          : nothing
      }
      <ul class="rows" role="list" data-list="calls">
        ${repeat(shown, keyOf, (call) => callRow(view, call))}
      </ul>
      ${
        shown.length < total
          ? html`<p class="foot">
              <span class="quiet">${say('callsShown', { shown: formats.number(shown.length), total: formats.number(total) })}</span>
              ${
                shown.length < wanted.length
                  ? html`<button class="small" type="button" @click=${() => view.act({ kind: 'more-calls' })}>${say('showAll')}</button>`
                  : nothing
              }
            </p>`
          : nothing
      }
    </section>
  `;
}

function callRow(view: View, call: LiveCall): Part {
  const [only, ...others] = call.recordings;
  const isOne = only !== undefined && others.length === 0;
  return html`
    <li class="row" tabindex="-1" data-rests=${!call.live}>
      <div class="head">
        ${callName(view, call)}
        ${isOne ? recordingHead(view, call, only) : html`<span class="quiet facts">${callFacts(view, call)}</span>${age(view, call.since)}`}
      </div>
      ${isOne ? recordingLines(view, only) : call.recordings.map((recording) => recordingPart(view, call, recording))}
      ${call.last_error === null ? nothing : line(view.words.say('lastError'), told(call.last_error), 'bad')}
    </li>
  `;
}

/** What is said of the actor, beside what is said of its recordings. */
function callFacts(view: View, call: LiveCall): string {
  const { say, formats } = view.words;
  return [
    call.live ? null : say('atRest'),
    call.recordings.length !== 1 && call.waiting > 0 ? say('waiting', { count: formats.number(call.waiting) }) : null,
    call.restarts > 0 ? say('restarts', { count: formats.number(call.restarts) }) : null,
  ]
    .filter((fact) => fact !== null)
    .join(' · ');
}

function recordingPart(view: View, call: LiveCall, recording: LiveRecording): Part {
  const sid = shortSid(recording.recording_sid);
  return html`
    <div class="recording" role="group" aria-label=${sid}>
      <div class="head">
        <bdi class="sid" dir="ltr" title=${recording.recording_sid}>${sid}</bdi>
        ${recordingHead(view, call, recording)}
      </div>
      ${recordingLines(view, recording)}
    </div>
  `;
}

function recordingHead(view: View, call: LiveCall, recording: LiveRecording): Part {
  const facts = [...factsOf(view, recording), ...(call.recordings.length === 1 ? [callFacts(view, call)] : [])];
  return html`
    ${status(toneOfRecording(recording), view.words.say(`state_${recording.state}`))}
    <span class="quiet facts">${facts.filter((fact) => fact !== '').join(' · ')}</span>
    ${isIdle(recording) ? html`<span class="quiet">${told(recording.next)}</span>` : nothing}
    ${buttons(view, call, recording)}
  `;
}

function recordingLines(view: View, recording: LiveRecording): Part {
  const { say } = view.words;
  const when = inTime(view, recording.retry_at);
  const next = html`${told(recording.next)}${when === null ? nothing : html` <strong>${when}</strong>`}`;
  return html`
    ${recording.state === 'downloading' ? progress(view, recording) : nothing}
    ${recording.reason === null ? nothing : line(say('reason'), told(recording.reason), recording.state === 'failed' ? 'bad' : '')}
    ${recording.remedy === null ? nothing : line(say('remedy'), told(recording.remedy))}
    ${recording.state === 'ready' || recording.state === 'downloading' || isIdle(recording) ? nothing : line(say('next'), next)}
  `;
}

/** It waits for nothing but somebody who wants it: one line says all of it. */
function isIdle(recording: LiveRecording): boolean {
  return recording.state === 'absent' && recording.reason === null;
}

function factsOf(view: View, recording: LiveRecording): readonly string[] {
  const { say, formats } = view.words;
  const since = formats.elapsed(recording.since, view.nowMs);
  return [
    since === null ? null : say('forTime', { time: since }),
    recording.intent === null ? null : say(`intent_${recording.intent}`),
    recording.attempt > 0 ? say('attempt', { count: formats.number(recording.attempt) }) : null,
    recording.waiting > 0 ? say('waiting', { count: formats.number(recording.waiting) }) : null,
    recording.state === 'ready' && recording.total_bytes !== null ? formats.bytes(recording.total_bytes) : null,
  ].filter((fact) => fact !== null);
}

function progress(view: View, recording: LiveRecording): Part {
  const { say } = view.words;
  const { received_bytes, total_bytes, phase } = recording;
  const percent = percentOf(received_bytes ?? 0, total_bytes);
  const isIn = phase === 'receiving' || phase === 'sealing';
  const share = isIn && percent !== null && total_bytes !== null ? (received_bytes ?? 0) / total_bytes : null;
  const name = say('progressOf', { name: shortSid(recording.recording_sid) });
  return html`
    <div class="progress">
      ${phase === 'queued' ? bar(name, 0) : bar(name, share)}
      <span class="figure">${phase === null ? nothing : html`${say(`phase_${phase}`)}${isIn ? ' · ' : nothing}`}${isIn ? bytesText(view, recording) : nothing}</span>
    </div>
  `;
}

function buttons(view: View, call: LiveCall, recording: LiveRecording): Part {
  const { say } = view.words;
  const { retry, evict } = ordersFor(recording);
  const target = { call: call.call_sid, recording: recording.recording_sid };
  const name = `${shortSid(call.call_sid)} (${call.business})`;
  const retryOrder = { kind: 'retry-recording', ...target } as const;
  const evictOrder = { kind: 'evict-recording', ...target } as const;
  return html`<span class="orders">
    ${outcome(view, orderKey(retryOrder))}
    ${retry ? orderButton(view, retryOrder, say('retry'), say('retryCall', { call: name })) : nothing}
    ${evict ? orderButton(view, evictOrder, say('evict'), say('evictCall', { call: name })) : nothing}
  </span>`;
}
