// What happened, newest first, as the stream told it.

import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { instant } from '../../../words/formats.ts';
import { isFailure, type Numbered } from '../board.ts';
import { type Tone, toneOf } from '../models.ts';
import type { Happening } from '../shapes.ts';
import type { View } from '../view.ts';
import { callName, type Part, told } from './pieces.ts';

export function events(view: View): Part {
  const { say, formats } = view.words;
  const { events: shown, paused, held } = view.board;
  return html`
    <section class="card events" aria-labelledby="events">
      <header>
        <h2 id="events" tabindex="-1">${say('events')}</h2>
        <span>
          ${paused && held.length > 0 ? html`<span class="quiet">${say('held', { count: formats.number(held.length) })}</span>` : nothing}
          <button class="small" type="button" @click=${() => view.act({ kind: 'pause', paused: !paused })}>
            ${say(paused ? 'resume' : 'pause')}
          </button>
        </span>
      </header>
      ${shown.length === 0 ? html`<p class="empty">${say('eventsNone')}</p>` : nothing}
      <div class="stream" tabindex="0" role="region" aria-label=${say('eventsList')}>
        <ol role="list">
          ${repeat(
            shown,
            ({ id }) => id,
            (one) => row(view, one),
          )}
        </ol>
      </div>
    </section>
  `;
}

function row(view: View, { happening }: Numbered): Part {
  const ms = instant(happening.at);
  return html`<li data-tone=${toneOfHappening(happening)}>
    <time class="quiet" datetime=${happening.at}>${ms === null ? nothing : view.words.formats.clock(ms)}</time>
    <span class="dot" aria-hidden="true"></span>
    <span class="what">${what(view, happening)}</span>
  </li>`;
}

function what(view: View, happening: Happening): Part {
  const { say } = view.words;
  switch (happening.event) {
    case 'state': {
      const { from, recording } = happening;
      const text = say('eventState', { from: say(`state_${from}`), to: say(`state_${recording.state}`) });
      return html`${callName(view, happening)} ${text}${why(recording.reason)}`;
    }
    case 'stage': {
      const text = say('eventStage', { stage: say(`stage_${happening.stage}`), state: say(`job_${happening.state}`) });
      return html`${callName(view, happening)} ${text}${why(happening.error)}`;
    }
    case 'crash':
      return html`${callName(view, happening)} ${say('eventCrash')}${why(happening.error)}`;
    case 'ended':
      return html`<bdi dir="ltr">${happening.actor}</bdi>: ${say('eventEnded')}${why(happening.error)}`;
    case 'restarted':
      return html`<bdi dir="ltr">${happening.actor}</bdi>: ${say('eventRestarted')}`;
  }
}

const why = (reason: string | null) => (reason === null ? nothing : html`<span class="why">${told(reason)}</span>`);

function toneOfHappening(happening: Happening): Tone {
  if (isFailure(happening)) return 'bad';
  switch (happening.event) {
    case 'state':
      return toneOf(happening.recording.state);
    case 'stage':
      return happening.state === 'done' ? 'good' : happening.state === 'running' ? 'moving' : 'waiting';
    case 'crash':
    case 'ended':
      return 'bad';
    case 'restarted':
      return 'good';
  }
}
