// One recording in the list of calls: its state, a plain audio element, and what to do when it will not play.
//
// Invariants: the audio element is made once and never replaced; nothing is loaded before somebody presses play;
// after an error the audio is asked for again once, when it has become ready while somebody waited, or when somebody
// asks for it.

import { element, icon, setAttribute, setIcon, setText, highlight } from './dom.js';

/** `actions`: `presses(model)` and `settles(model)` say that somebody wants sound, and that they wait no longer;
 *  `explain(model)` asks why it stopped, `forget(model)` drops the explanation. */
export function createRecordingView(first, actions) {
  let model = first;
  const chip = createChip();
  const facts = element('span', { class: 'quiet facts' });
  const sid = element('bdi', { class: 'sid', dir: 'ltr' });
  const primary = element('span', { class: 'tag' });
  const download = element('a', { class: 'icon-button', download: true }, icon('download'));
  const progress = createProgress();
  const note = element('p', { class: 'quiet small' });
  const prospect = createProspect();
  const waits = element('p', { class: 'quiet small', role: 'status' }, ...prospect.nodes);
  const fault = createFault(() => retry());
  const player = createPlayer({
    pressed: () => actions.presses(model),
    released: () => actions.settles(model),
    stopped: () => actions.explain(model),
    started() {
      actions.settles(model);
      actions.forget(model);
    },
  });

  const node = element(
    'div',
    { class: 'recording' },
    element('div', { class: 'recording-head' }, chip.node, primary, facts, sid),
    element('div', { class: 'recording-play' }, player.audio, download),
    progress.node,
    note,
    waits,
    fault.node,
  );

  function retry() {
    player.audio.focus();
    resume();
  }

  /** Not from within a rendering: what it changes is rendered too. */
  function resume() {
    queueMicrotask(() => {
      actions.settles(model);
      actions.forget(model);
      player.resume();
    });
  }

  return {
    node,
    update(next) {
      const changed = model.chip.state !== next.chip.state;
      model = next;
      chip.update(model.chip);
      setText(primary, model.primary);
      setText(facts, model.facts.join(' · '));
      setText(sid, model.shortSid);
      setAttribute(sid, 'title', model.sid);
      player.update(model);
      setAttribute(download, 'href', model.downloadUrl ?? null);
      setAttribute(download, 'aria-label', model.downloadLabel);
      setAttribute(download, 'title', model.downloadLabel);
      download.hidden = !model.downloadUrl;
      progress.update(model.progress);
      setText(note, model.note);
      waits.hidden = !model.prospect;
      prospect.update(model.prospect);
      fault.update(model.fault);
      if (changed) highlight(chip.node);
      if (model.healed) resume();
    },
  };
}

/** A state, said by a word, a shape and a colour. */
export function createChip() {
  const shape = icon('absent');
  const word = element('span');
  const node = element('span', { class: 'chip' }, shape, word);
  return {
    node,
    update({ state, text }) {
      setAttribute(node, 'data-state', state);
      setIcon(shape, state);
      setText(word, text);
    },
  };
}

export function createProgress() {
  const bar = element('progress', { max: 100 });
  const text = element('span', { class: 'progress-text' });
  const node = element('div', { class: 'progress' }, bar, text);
  return {
    node,
    update(model) {
      node.hidden = !model;
      if (!model) return;
      setAttribute(bar, 'value', model.percent);
      setAttribute(bar, 'aria-label', model.text);
      setText(text, model.text);
    },
  };
}

function createPlayer({ pressed, released, stopped, started }) {
  const audio = element('audio', { controls: true, preload: 'none' });
  let reached = 0;

  audio.addEventListener('timeupdate', () => {
    if (!audio.error && audio.readyState > 0) reached = audio.currentTime;
  });
  audio.addEventListener('error', stopped);
  audio.addEventListener('playing', started);
  audio.addEventListener('play', () => {
    pauseOthers(audio);
    pressed();
  });
  audio.addEventListener('pause', () => {
    if (!audio.paused || audio.error) return;
    released();
    if (audio.readyState === 0) abandon();
  });

  /** Waiting for what is no longer wanted would keep one of the browser's few connections. `load()` would ask again. */
  function abandon() {
    audio.setAttribute('src', audio.getAttribute('src'));
  }

  return {
    audio,
    update({ audioUrl, audioLabel, playable }) {
      const untouched = audio.paused && audio.readyState === 0 && !audio.error;
      if (untouched || !audio.hasAttribute('src')) setAttribute(audio, 'src', audioUrl ?? null);
      setAttribute(audio, 'aria-label', audioLabel);
      audio.hidden = !playable && audio.paused;
    },
    /** Loads anew and goes on at the second that was reached. */
    resume() {
      const second = reached;
      const seek = () => {
        if (second > 0) audio.currentTime = second;
      };
      audio.addEventListener('loadedmetadata', seek, { once: true });
      audio.load();
      audio.play().catch(() => {
        // The element's own error event, or its controls, say what happened.
      });
    },
  };
}

function pauseOthers(playing) {
  for (const audio of document.querySelectorAll('audio')) if (audio !== playing) audio.pause();
}

function createFault(retry) {
  const text = element('strong');
  const prospect = createProspect();
  const button = element('button', { type: 'button' });
  button.addEventListener('click', retry);
  const says = element('p', {}, text, ' ', ...prospect.nodes);
  const node = element('div', { class: 'fault', role: 'status', hidden: true }, says, button);
  return {
    node,
    update(model) {
      node.hidden = !model;
      setText(text, model?.text);
      prospect.update(model);
      setText(button, model?.retry);
    },
  };
}

/** Why, what happens next, and when. Each part has its own direction: the first two come from the server. */
function createProspect() {
  const reason = element('bdi');
  const next = element('bdi');
  const notBefore = element('span');
  return {
    nodes: [reason, ' ', next, ' ', notBefore],
    update(model) {
      setText(reason, model?.reason);
      setText(next, model?.next);
      setText(notBefore, model?.notBefore);
    },
  };
}
