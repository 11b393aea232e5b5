// What was said in a call, and what it came to: fetched when somebody opens it, and again while it is being made.
//
// Invariants: opening a list fetches nothing of this; it asks one thing at a time, and not for ever.

import { ApiError, callDetails, transcriptOf } from './api.js';
import { element, setText } from './dom.js';

const AGAIN_MS = 3000;
const ASKS_MAX = 60;
const GOING_ON = new Set(['waiting', 'running']);

/** `words` is `{speaker, formats}`; `seek(seconds)` plays from there. */
export function createSaid(callSid, words, seek) {
  const { say } = words.speaker;
  const summary = element('summary', {}, say('said'));
  const note = element('p', { class: 'quiet small', role: 'status' });
  const facts = element('dl', { class: 'said-facts' });
  const lines = element('ol', { class: 'said-lines', role: 'list' });
  const node = element('details', { class: 'said' }, summary, note, facts, lines);
  let asking = null;

  node.addEventListener('toggle', () => {
    asking?.abort();
    asking = node.open ? new AbortController() : null;
    if (asking) show(asking.signal);
  });

  async function show(signal) {
    setText(note, say('saidLoading'));
    for (let asks = 0; asks < ASKS_MAX && !signal.aborted; asks += 1) {
      const again = await look(signal).catch((error) => (error instanceof ApiError ? failed(error) : false));
      if (!again) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** Whether there is more to come. */
  async function look(signal) {
    const call = await callDetails(callSid, signal);
    const transcript = call.transcript && (await transcriptOf(call.transcript.url, signal));
    if (signal.aborted) return false;
    const stages = call.stages ?? [];
    const goesOn = stages.some((stage) => GOING_ON.has(stage.state) && stage.stage !== 'measure');
    facts.replaceChildren(...factNodes(call, words));
    lines.replaceChildren(...(transcript?.utterances ?? []).map((one) => line(one, transcript, seek)));
    lines.setAttribute('lang', transcript?.language ?? '');
    setText(note, goesOn ? say('saidComing') : transcript ? null : reasonOf(stages, say));
    return goesOn;
  }

  function failed(error) {
    setText(note, error.status === 0 ? say('unreachable') : (error.detail ?? say('unexpected', { status: error.status })));
    return error.status === 0 || error.status === 503;
  }

  return node;
}

function reasonOf(stages, say) {
  const transcribe = stages.find((stage) => stage.stage === 'transcribe');
  if (!transcribe || transcribe.state === 'off') return say('saidOff');
  return transcribe.state === 'done' ? say('saidNothing') : (transcribe.reason ?? say('saidFailed'));
}

function factNodes(call, { speaker: { say }, formats }) {
  const { summary, facts, appointment } = call;
  const rows = [
    ['topic', summary?.topic],
    ['outcome', summary?.outcome],
    ['nextStepSaid', summary?.next_step],
    ['customer', facts?.customer_name?.value],
    ['city', facts?.city?.value],
    ['service', facts?.service?.label ?? facts?.service?.value],
    ['appointment', appointment && `${formats.exact(appointment.starts_at)} · ${appointment.label}`],
  ];
  return rows
    .filter(([, value]) => value)
    .map(([key, value]) => element('div', {}, element('dt', {}, say(key)), element('dd', { dir: 'auto' }, value)));
}

function line(said, { speakers }, seek) {
  const label = speakers.find((one) => one.channel === said.channel)?.label;
  const start = element('button', { type: 'button', class: 'plain said-time' }, clock(said.start));
  start.addEventListener('click', () => seek(said.start));
  const who = element('bdi', { class: 'said-who' });
  setText(who, label);
  const text = element('span', { dir: 'auto' }, said.text);
  if (said.original_text) text.title = said.original_text;
  return element('li', { class: 'said-line', 'data-speaker': said.speaker }, start, who, text);
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
