// The supervision tree: the root, its children, and below them the calls, the stages' workers and what else they tell.

import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { keyOf } from '../board.ts';
import { factsOf, runningJobs, toneOfRecording } from '../models.ts';
import type { LiveCall, StagePool, TreeNode } from '../shapes.ts';
import type { View } from '../view.ts';
import { english, type LiveKey } from '../words/en.ts';
import { age, callName, line, type Part, status, told } from './pieces.ts';

/** More are to be seen among the calls. */
const BRANCHES_MAX = 12;

export function tree(view: View): Part {
  const { say } = view.words;
  return html`
    <section class="card supervision" aria-labelledby="supervision">
      <header><h2 id="supervision" tabindex="-1">${say('supervision')}</h2></header>
      <p class="quiet">${say('supervisionHint')}</p>
      <ul class="tree" role="list">
        <li>
          <div class="node">
            <span class="name">${say('root')}</span>
            <span class="quiet">${say('rootSays')}</span>
          </div>
          <ul role="list">
            ${repeat(
              view.board.tree,
              (node) => node.name,
              (node) => branch(view, node),
            )}
          </ul>
        </li>
      </ul>
    </section>
  `;
}

function branch(view: View, node: TreeNode): Part {
  const { say, formats } = view.words;
  const kind = keyed(`kind_${node.kind}`);
  return html`
    <li>
      <details>
        <summary class="node">
          <bdi class="name" dir="ltr">${node.kind}</bdi>
          ${status(node.state === 'running' ? 'good' : 'bad', say(node.state === 'running' ? 'up' : 'restarting'))}
          ${node.restarts > 0 ? html`<span class="tag warn">${say('restarts', { count: formats.number(node.restarts) })}</span>` : nothing}
          ${brief(view, node)} ${age(view, node.since)}
        </summary>
        <div class="inside">
          ${kind === null ? nothing : html`<p class="quiet">${say(kind)}</p>`}
          ${facts(view, node)} ${crashes(view, node)}
        </div>
      </details>
      ${node.last_error === null ? nothing : line(say('lastError'), told(node.last_error), 'bad')}
      ${ownError(node) === null ? nothing : line(say('lastError'), told(ownError(node) ?? ''), 'bad')}
      ${node.name === 'recordings' ? callBranches(view) : nothing} ${node.name === 'jobs' ? stageBranches(view) : nothing}
    </li>
  `;
}

/** What an actor says that went wrong with its work, beside what ended it. */
function ownError(node: TreeNode): string | null {
  const error = node.detail?.last_error;
  return typeof error === 'string' && error !== node.last_error ? error : null;
}

function brief(view: View, node: TreeNode): Part {
  const { say, formats } = view.words;
  const { live, running, parallel_max: max } = node.detail ?? {};
  if (typeof live === 'number')
    return html`<span class="quiet">${say('callsBelow', { count: formats.number(live) })}</span>`;
  if (typeof running === 'number' && typeof max === 'number') {
    return html`<span class="quiet">${say('slots', { running: formats.number(running), max: formats.number(max) })}</span>`;
  }
  return nothing;
}

function callBranches(view: View): Part {
  const shown = view.calls.slice(0, BRANCHES_MAX);
  if (shown.length === 0) return nothing;
  return html`<ul role="list">
    ${repeat(shown, keyOf, (call) => html`<li class="leaf">${callLeaf(view, call)}</li>`)}
    ${
      view.board.callsTotal > shown.length
        ? html`<li class="leaf"><span class="quiet">${view.words.say('callsShown', {
            shown: view.words.formats.number(shown.length),
            total: view.words.formats.number(view.board.callsTotal),
          })}</span></li>`
        : nothing
    }
  </ul>`;
}

function callLeaf(view: View, call: LiveCall): Part {
  return html`<div class="node">
    ${callName(view, call)}
    ${call.recordings.map((recording) => status(toneOfRecording(recording), view.words.say(`state_${recording.state}`)))}
  </div>`;
}

function stageBranches(view: View): Part {
  const stages = view.board.jobs?.stages ?? [];
  if (stages.length === 0) return nothing;
  return html`<ul role="list">${stages.map((stage) => html`<li class="leaf">${stageLeaf(view, stage)}</li>`)}</ul>`;
}

function stageLeaf(view: View, stage: StagePool): Part {
  const { say, formats } = view.words;
  const running = runningJobs(view.board).filter((job) => job.stage === stage.stage).length;
  const paused = stage.paused_for_seconds;
  const tone = stage.workers === 0 ? 'quiet' : paused !== null ? 'waiting' : running > 0 ? 'moving' : 'good';
  const word =
    stage.workers === 0
      ? say('switchedOff')
      : paused !== null
        ? say('pausedFor', { time: formats.span(paused) })
        : say('workers', { running: formats.number(running), workers: formats.number(stage.workers) });
  return html`<div class="node"><span class="name">${say(`stage_${stage.stage}`)}</span>${status(tone, word)}</div>`;
}

function facts(view: View, node: TreeNode): Part {
  const shown = factsOf(node);
  if (shown.length === 0) return nothing;
  return html`<dl class="facts">
    ${shown.map(
      ([name, value]) => html`<div data-idle=${value === 0}>
        <dt>${label(view, name)}</dt>
        <dd>${factText(view, name, value)}</dd>
      </div>`,
    )}
  </dl>`;
}

function label(view: View, name: string): string {
  const key = keyed(`fact_${name}`);
  return key === null ? name.replaceAll('_', ' ') : view.words.say(key);
}

function factText(view: View, name: string, value: string | number): string {
  const { formats } = view.words;
  if (typeof value === 'string') return formats.moment(value, view.nowMs) ?? value;
  return name.endsWith('_seconds') ? formats.span(value) : formats.number(value);
}

/** A service of another version may have more to tell than we have words for. */
function keyed(key: string): LiveKey | null {
  return Object.hasOwn(english, key) ? (key as LiveKey) : null;
}

interface Crash {
  readonly business: string;
  readonly call_sid: string;
  readonly count: number;
  readonly error: string;
  readonly at: string;
}

function crashes(view: View, node: TreeNode): Part {
  const { say, formats } = view.words;
  const listed: unknown = node.detail?.crashes;
  const shown = (Array.isArray(listed) ? listed : []).slice(0, BRANCHES_MAX) as Crash[];
  if (shown.length === 0) return nothing;
  return html`<h3>${say('crashes')}</h3>
    <ul role="list">
      ${shown.map(
        (crash) => html`<li>
          <div class="head">${callName(view, crash)}
            <span class="quiet">${say('crashed', { count: formats.number(crash.count), when: formats.relative(crash.at, view.nowMs) ?? '' })}</span>
          </div>
          <p class="bad">${told(crash.error)}</p>
        </li>`,
      )}
    </ul>`;
}
