// The live panel: one row for each call that is awake, and the tree of those that supervise them.

import { element, highlight, reconcile, setAttribute, setText } from './dom.js';
import { createChip, createProgress } from './recording-view.js';

export function createActorRow(first) {
  const link = element('a', { class: 'actor-title' });
  const title = element('bdi', { dir: 'auto' });
  link.append(title);
  const subtitle = element('bdi', { class: 'sid', dir: 'ltr' });
  const business = element('bdi', { class: 'tag' });
  const facts = element('span', { class: 'quiet facts' });
  const error = element('bdi', { class: 'problem' });
  const recordings = element('ul', { class: 'actor-recordings', role: 'list' });
  const head = element('div', { class: 'actor-head' }, link, subtitle, business, facts);
  const node = element('li', { class: 'actor' }, head, recordings, error);
  return {
    node,
    update(model) {
      setText(title, model.title);
      setAttribute(link, 'title', model.sid);
      setAttribute(link, 'href', model.callSid && `#call-${model.callSid}`);
      setText(subtitle, model.subtitle);
      setText(business, model.business);
      setText(facts, model.facts.join(' · '));
      setText(error, model.error);
      reconcile(recordings, model.recordings, createLiveRecording);
    },
  };
}

function createLiveRecording(first) {
  let state = first.chip.state;
  const chip = createChip();
  const since = element('span', { class: 'quiet' });
  const sid = element('bdi', { class: 'sid', dir: 'ltr' });
  const size = element('bdi', { class: 'quiet' });
  const facts = element('span', { class: 'quiet facts' });
  const progress = createProgress();
  const reason = element('bdi', { class: 'problem' });
  const remedy = element('bdi', { class: 'quiet small' });
  const next = element('bdi');
  const notBefore = element('span');
  const node = element(
    'li',
    { class: 'live-recording' },
    element('div', { class: 'live-recording-head' }, chip.node, since, size, facts, sid),
    progress.node,
    reason,
    remedy,
    element('p', { class: 'quiet small next' }, next, ' ', notBefore),
  );
  return {
    node,
    update(model) {
      const changed = model.chip.state !== state;
      state = model.chip.state;
      chip.update(model.chip);
      setText(since, model.since);
      setAttribute(since, 'title', model.sinceLabel);
      setText(size, model.size);
      setText(facts, model.facts.join(' · '));
      setText(sid, model.shortSid);
      setAttribute(sid, 'title', model.sid);
      setAttribute(chip.node, 'title', model.sid);
      progress.update(model.progress);
      setText(reason, model.reason);
      setText(remedy, model.remedy);
      setText(next, model.next);
      setText(notBefore, model.notBefore);
      if (changed) highlight(node);
    },
  };
}

export function createTreeRow() {
  const name = element('bdi', { class: 'tree-name' });
  const kind = element('bdi', { class: 'quiet small' });
  const state = element('span', { class: 'tag' });
  const restarts = element('span', { class: 'tag warn' });
  const since = element('span', { class: 'quiet small tree-since' });
  const pool = createPool();
  const meter = createMeter();
  const facts = element('dl', { class: 'facts-list' });
  const crashes = element('ul', { class: 'crashes', role: 'list' });
  const error = element('bdi', { class: 'problem' });
  const node = element(
    'li',
    { class: 'tree-row' },
    element('div', { class: 'tree-head' }, element('span', { class: 'dot' }), name, kind, state, restarts, since),
    pool.node,
    meter.node,
    facts,
    crashes,
    error,
  );
  return {
    node,
    update(model) {
      setAttribute(node, 'data-depth', Math.min(model.depth, 3));
      setAttribute(node, 'data-running', String(model.running));
      setText(name, model.name);
      setText(kind, model.kind);
      setText(state, model.state);
      setText(restarts, model.restarts);
      setText(since, model.since);
      pool.update(model.pool);
      meter.update(model.meter);
      reconcile(facts, model.facts, createFact);
      facts.hidden = model.facts.length === 0;
      reconcile(crashes, model.crashes, createCrash);
      crashes.hidden = model.crashes.length === 0;
      setText(error, model.error);
    },
  };
}

function createCrash() {
  const sid = element('bdi', { class: 'sid', dir: 'ltr' });
  const text = element('span', { class: 'small' });
  const error = element('bdi', { class: 'problem' });
  const node = element('li', {}, sid, ' ', text, error);
  return {
    node,
    update(model) {
      setText(sid, model.shortSid);
      setAttribute(sid, 'title', model.sid);
      setText(text, model.text);
      setText(error, model.error);
    },
  };
}

function createFact() {
  const label = element('dt');
  const value = element('dd', { dir: 'auto' });
  const node = element('div', { class: 'fact' }, label, value);
  return {
    node,
    update(model) {
      setAttribute(node, 'data-idle', model.idle);
      setText(label, model.label);
      setText(value, model.value);
    },
  };
}

function createMeter() {
  const bar = element('meter', { min: 0 });
  const text = element('span', { class: 'progress-text' });
  const node = element('div', { class: 'progress' }, bar, text);
  return {
    node,
    update(model) {
      node.hidden = !model;
      if (!model) return;
      setAttribute(bar, 'max', model.max);
      setAttribute(bar, 'value', model.value);
      setAttribute(bar, 'aria-label', model.text);
      setText(text, model.text);
    },
  };
}

const SLOTS_SHOWN = 32;

/** The fetcher: a slot for each fetch that may run at once, its queues by intent, and the accounts' rates. */
function createPool() {
  const slots = element('span', { class: 'slots', 'aria-hidden': 'true' });
  const text = element('span', { class: 'progress-text' });
  const queues = element('dl', { class: 'facts-list' });
  const accounts = element('ul', { class: 'accounts', role: 'list' });
  const node = element('div', { class: 'pool' }, element('div', { class: 'progress' }, slots, text), queues, accounts);
  return {
    node,
    update(model) {
      node.hidden = !model;
      if (!model) return;
      const shown = Array.from({ length: Math.min(model.max, SLOTS_SHOWN) }, (_, index) => ({
        key: index,
        busy: index < model.running,
      }));
      reconcile(slots, shown, createSlot);
      setText(text, model.text);
      setAttribute(queues, 'aria-label', model.queuesLabel);
      reconcile(queues, model.queues.map((one) => ({ ...one, value: one.count })), createFact);
      reconcile(accounts, model.accounts, createAccount);
    },
  };
}

function createSlot() {
  const node = element('span', { class: 'slot' });
  return { node, update: ({ busy }) => setAttribute(node, 'data-busy', busy) };
}

function createAccount() {
  const sid = element('bdi', { class: 'sid', dir: 'ltr' });
  const rate = element('span', { class: 'quiet small' });
  const paused = element('span', { class: 'tag warn' });
  const node = element('li', {}, sid, rate, paused);
  return {
    node,
    update(model) {
      setText(sid, model.sid);
      setText(rate, model.rate);
      setText(paused, model.paused);
    },
  };
}
