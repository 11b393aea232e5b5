// The pipeline's jobs: how many stand where, those that run, and a list with what an operator may do about each.

import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { JobFilter } from '../board.ts';
import { jobOrdersFor, runningJobs, type Tone } from '../models.ts';
import type { Job, JobProgress, JobState, JobsPage, StagePool } from '../shapes.ts';
import { orderKey, type View } from '../view.ts';
import {
  age,
  bar,
  callName,
  choice,
  inTime,
  line,
  orderButton,
  outcome,
  type Part,
  relative,
  status,
  told,
} from './pieces.ts';

const FILTERS: readonly JobFilter[] = ['all', 'waiting', 'running', 'dead', 'cancelled', 'done'];

export function jobs(view: View): Part {
  const { say } = view.words;
  const page = view.board.jobs;
  const running = runningJobs(view.board);
  const options = FILTERS.map(
    (filter) => [filter, filter === 'all' ? say('filter_all') : say(`job_${filter}`)] as const,
  );
  return html`
    <section class="card jobs" aria-labelledby="jobs">
      <header>
        <h2 id="jobs" tabindex="-1">${say('jobs')}</h2>
        ${choice(say('filter'), 'jobs', options, view.board.jobsFilter, (filter) => view.act({ kind: 'filter-jobs', filter }))}
      </header>
      ${page === null ? nothing : stagesTable(view, page.stages)}
      ${page?.last_error ? line(say('lastError'), told(page.last_error), 'bad') : nothing}
      ${
        running.length === 0
          ? nothing
          : html`<h3>${say('runningNow')}</h3>
              <ul class="rows" role="list">
                ${repeat(
                  running,
                  (job) => job.id,
                  (job) => runningRow(view, job),
                )}
              </ul>`
      }
      <h3>${view.board.jobsFilter === 'all' ? say('jobsList') : say(`job_${view.board.jobsFilter}`)}</h3>
      ${list(view, page)}
    </section>
  `;
}

function stagesTable(view: View, stages: readonly StagePool[]): Part {
  const { say, formats } = view.words;
  const counts = (stage: StagePool) => [stage.waiting, stage.running, stage.dead, stage.cancelled];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${say('jobsStages')}>
    <table>
      <thead>
        <tr>
          <th scope="col">${say('stage')}</th>
          ${(['waiting', 'running', 'dead', 'cancelled'] as const).map((state) => html`<th scope="col">${say(`job_${state}`)}</th>`)}
          <th scope="col" class="wide">${say('stageNow')}</th>
        </tr>
      </thead>
      <tbody>
        ${stages.map(
          (stage) => html`<tr>
            <th scope="row">${say(`stage_${stage.stage}`)}</th>
            ${counts(stage).map((count, index) => html`<td data-idle=${count === 0} data-bad=${index === 2 && count > 0}>${formats.number(count)}</td>`)}
            <td class="wide">${stageNote(view, stage)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function stageNote(view: View, stage: StagePool): Part {
  const { say, formats } = view.words;
  if (stage.workers === 0) return status('quiet', say('switchedOff'));
  if (stage.paused_for_seconds !== null) {
    return status('waiting', say('pausedFor', { time: formats.span(stage.paused_for_seconds) }));
  }
  const values = { running: formats.number(stage.running), workers: formats.number(stage.workers) };
  return html`${status(stage.running > 0 ? 'moving' : 'good', say('workers', values))}
    ${stage.last_error === null ? nothing : html`<div class="bad">${told(stage.last_error)}</div>`}`;
}

function runningRow(view: View, job: JobProgress): Part {
  const { say, formats } = view.words;
  const name = say('job', { job: job.id });
  const order = { kind: 'cancel-job', job: job.id } as const;
  return html`<li class="row" tabindex="-1">
    <div class="head">
      ${status('moving', say(`stage_${job.stage}`))}
      <span class="quiet">${name}</span>
      ${callName(view, job)}
      <span class="quiet facts">${job.attempt > 1 ? say('ofAttempt', { count: formats.number(job.attempt) }) : nothing}</span>
      ${age(view, job.since)}
      <span class="orders">${outcome(view, orderKey(order))}${orderButton(view, order, say('cancel'), say('cancelJob', { job: job.id }))}</span>
    </div>
    <div class="progress">
      ${bar(say('progressOf', { name }), job.progress > 0 ? job.progress : null)}
      <span class="figure">${job.progress > 0 ? formats.percent(Math.floor(job.progress * 100)) : nothing}</span>
    </div>
  </li>`;
}

function list(view: View, page: JobsPage | null): Part {
  const { say } = view.words;
  if (page === null) return html`<p class="empty">${say('jobsLoading')}</p>`;
  const next = page.next_before;
  // Those that run are shown above, as they move.
  const shown = view.board.jobsFilter === 'all' ? page.jobs.filter((job) => job.state !== 'running') : page.jobs;
  if (shown.length === 0) {
    return html`<p class="empty">${say(view.board.jobsFilter === 'all' ? 'jobsNone' : 'jobsNoneIn')}</p>`;
  }
  return html`
    <ul class="rows" role="list" data-list="jobs">
      ${repeat(
        shown,
        (job) => job.id,
        (job) => jobRow(view, job),
      )}
    </ul>
    ${
      next === null
        ? nothing
        : html`<p class="foot">
            <button class="small" type="button" @click=${() => view.act({ kind: 'more-jobs', before: next })}>${say('showAll')}</button>
          </p>`
    }
  `;
}

function jobRow(view: View, job: Job): Part {
  const { say, formats } = view.words;
  const { retry, cancel } = jobOrdersFor(job);
  const retryOrder = { kind: 'retry-job', job: job.id } as const;
  const cancelOrder = { kind: 'cancel-job', job: job.id } as const;
  const when = job.state === 'waiting' ? inTime(view, job.run_at) : null;
  const isSettled = job.state === 'done' || job.state === 'running';
  return html`<li class="row" tabindex="-1">
    <div class="head">
      ${status(toneOfJob(job.state), say(`job_${job.state}`))}
      <strong>${say(`stage_${job.stage}`)}</strong>
      <span class="quiet">${say('job', { job: job.id })}</span>
      ${callName(view, job)}
      <span class="quiet facts">${job.attempt > 1 ? say('ofAttempt', { count: formats.number(job.attempt) }) : nothing}</span>
      ${relative(view, job.finished_at ?? job.created_at)}
      <span class="orders">
        ${outcome(view, orderKey(retryOrder))}
        ${retry ? orderButton(view, retryOrder, say('retry'), say('retryJob', { job: job.id })) : nothing}
        ${cancel ? orderButton(view, cancelOrder, say('cancel'), say('cancelJob', { job: job.id })) : nothing}
      </span>
    </div>
    ${job.last_error === null || job.state === 'done' ? nothing : line(say('reason'), told(job.last_error), job.state === 'dead' ? 'bad' : '')}
    ${isSettled ? nothing : line(say('next'), html`${told(job.next)}${when === null ? nothing : html` <strong>${when}</strong>`}`)}
  </li>`;
}

function toneOfJob(state: JobState): Tone {
  switch (state) {
    case 'waiting':
      return 'waiting';
    case 'running':
      return 'moving';
    case 'done':
      return 'good';
    case 'dead':
      return 'bad';
    case 'cancelled':
      return 'quiet';
  }
}
