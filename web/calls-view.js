// The list of calls: one row a call, kept by its SID.

import { element, icon, reconcile, setAttribute, setIcon, setText } from './dom.js';
import { createRecordingView } from './recording-view.js';
import { createSaid } from './said-view.js';

/** `actions`: `explain`, `forget` (see recording-view.js) and `copy(sid, node)`; `words` is `{speaker, formats}`. */
export function createCallRow(first, actions, words) {
  let model = first;
  const titleId = `party-${first.sid}`;
  const direction = icon('unknown');
  const directionBadge = element('span', { class: 'direction', role: 'img' }, direction);
  const party = element('bdi', { dir: 'auto' });
  const title = element('h3', { id: titleId, class: 'party' }, party);
  const via = element('bdi', { class: 'quiet via' });
  const relative = element('span');
  const moment = element('span', { class: 'quiet' });
  const time = element('time', { class: 'when' }, relative, ' ', moment);
  const duration = element('span', { class: 'quiet' });
  const status = element('span', { class: 'tag' });
  const sid = element('bdi', { class: 'sid', dir: 'ltr' });
  const copy = element('button', { type: 'button', class: 'icon-button small-button' }, icon('copy'));
  const empty = element('p', { class: 'quiet small' });
  const recordings = element('div', { class: 'recordings' });
  copy.addEventListener('click', () => actions.copy(model.sid, sid));
  const said = createSaid(first.sid, words, (seconds) => {
    const audio = recordings.querySelector('audio:not([hidden])');
    if (audio) playFrom(audio, seconds);
  });

  const node = element(
    'li',
    { id: `call-${first.sid}`, class: 'call', tabindex: -1 },
    element(
      'article',
      { class: 'call-body', 'aria-labelledby': titleId },
      element(
        'div',
        { class: 'call-facts' },
        directionBadge,
        title,
        element('p', { class: 'call-when' }, time, duration, status),
        element('div', { class: 'call-names' }, via, element('span', { class: 'call-sid' }, sid, copy)),
      ),
      element('div', { class: 'call-audio' }, recordings, empty),
      said,
    ),
  );

  return {
    node,
    update(next) {
      model = next;
      setIcon(direction, model.direction);
      setAttribute(directionBadge, 'data-direction', model.direction);
      setAttribute(directionBadge, 'aria-label', model.directionLabel);
      setAttribute(directionBadge, 'title', model.directionLabel);
      setText(party, model.party);
      setText(via, model.via);
      setAttribute(time, 'datetime', model.when);
      setAttribute(time, 'title', model.exact);
      setText(relative, model.relative);
      setText(moment, model.moment);
      setText(duration, model.duration);
      setText(status, model.status);
      setText(sid, model.shortSid);
      setAttribute(sid, 'title', model.sid);
      setAttribute(copy, 'aria-label', model.copyLabel);
      setAttribute(copy, 'title', model.copyLabel);
      setText(empty, model.emptyText);
      said.hidden = model.recordings.length === 0;
      reconcile(recordings, model.recordings, (one) => createRecordingView(one, actions));
    },
  };
}

/** Before anything is loaded, the second to begin at is only noted. */
function playFrom(audio, seconds) {
  audio.currentTime = seconds;
  audio.play().catch(() => {
    // The element's own error event, or its controls, say what happened.
  });
}
