// The console's beginning: joins the state, the server and the page. Nothing but wiring is in here.

import * as api from './api.js';
import { createActorRow, createTreeRow } from './actors-view.js';
import { createCallRow } from './calls-view.js';
import { byId, reconcile, setAttribute, setText } from './dom.js';
import { formatsFor } from './format.js';
import { liveModel } from './live-models.js';
import { chooseLanguage, speaker } from './messages.js';
import { callModel, partyOf } from './models.js';
import { createPoller } from './poller.js';
import * as session from './session.js';
import * as change from './state.js';

const PAGE_SIZE = 50;
const CALLS_EVERY_MS = 5000;
const ACTORS_EVERY_MS = 1000;
/** While somebody waits for sound; slower once that lasts. */
const AWAITED_EVERY_MS = 250;
const AWAITED_LONG_EVERY_MS = 1500;
const AWAITED_LONG_MS = 20_000;
/** After that the button to try again is all that is left. */
const AWAITED_MAX_MS = 180_000;
const COPIED_FOR_MS = 1600;

const language = chooseLanguage(session.chosenLanguage(), navigator.languages ?? []);
const words = { speaker: speaker(language), formats: formatsFor(localeOf(language)) };
const { say } = words.speaker;
const store = change.createStore(change.initialState);

const callsPoller = createPoller({
  intervalMs: () => CALLS_EVERY_MS,
  async ask(signal) {
    const { direction } = store.get();
    const page = await api.listCalls({ limit: PAGE_SIZE, direction, signal });
    store.apply(change.newestArrived, page, Date.now(), playingCall());
  },
  failed(error) {
    if (endSessionIfRefused(error)) return false;
    store.apply(change.connectionTroubled, connectionProblem(error));
    return true;
  },
});

const actorsPoller = createPoller({
  intervalMs: () => (store.get().awaited ? awaitedEveryMs() : ACTORS_EVERY_MS),
  async ask(signal) {
    const snapshot = await api.liveActors(signal);
    store.apply(change.actorsArrived, snapshot, Date.now());
  },
  failed(error) {
    if (endSessionIfRefused(error)) return false;
    if (error.status === 403) store.apply(change.actorsRefused);
    else store.apply(change.actorsFailing);
    return error.status !== 403;
  },
});

/** Tells everybody else what the live panel tells an operator, of the one recording that they wait for. */
const statusPoller = createPoller({
  intervalMs: awaitedEveryMs,
  async ask(signal) {
    const { sid, callSid } = store.get().awaited;
    const status = await api.recordingStatus(callSid, sid, signal);
    store.apply(change.statusArrived, sid, status ?? {});
  },
  failed: (error) => !endSessionIfRefused(error),
});

const actions = {
  presses(model) {
    store.apply(change.playPressed, model, model.chip.state === 'ready', Date.now());
    const { awaited } = store.get();
    if (awaited) setTimeout(() => store.get().awaited === awaited && actions.settles(model), AWAITED_MAX_MS);
  },
  settles: ({ sid }) => store.apply(change.playSettled, sid),
  async explain({ callSid, sid }) {
    store.apply(change.faultKnown, sid, { asking: true });
    const fault = await learnFault(callSid, sid);
    store.apply(change.faultKnown, sid, fault);
    if (fault.state === 'gone') store.apply(change.playSettled, sid);
  },
  forget: ({ sid }) => store.apply(change.faultForgotten, sid),
  copy,
};

start();

function start() {
  translatePage();
  store.subscribe(render);
  store.subscribe(announceChanges);
  store.subscribe((state, previous) => {
    if (state.session === 'in' && previous.session !== 'in') showActors(state);
  });
  store.subscribe(watchWhileAwaited);
  byId('sign-in-form').addEventListener('submit', (event) => {
    event.preventDefault();
    signIn(byId('token').value.trim());
  });
  byId('sign-out').addEventListener('click', signOut);
  byId('language').addEventListener('click', changeLanguage);
  byId('filter').addEventListener('change', (event) => {
    store.apply(change.directionChosen, event.target.value);
    callsPoller.askNow();
  });
  byId('more').addEventListener('click', loadMore);
  byId('live-details').open = matchMedia('(min-width: 64rem)').matches;
  window.addEventListener('hashchange', signInFromAddress);
  if (!signInFromAddress()) resumeSession();
}

function signInFromAddress() {
  const token = session.takeTokenFromAddress();
  if (token !== null) signIn(token);
  return token !== null;
}

function resumeSession() {
  store.apply((state) => ({ ...state, ...session.remembered() }));
  callsPoller.start();
}

async function signIn(token) {
  const claims = session.readClaims(token);
  const problem = tokenProblem(token, claims);
  if (problem) return endSession(problem);
  setAttribute(byId('sign-in-form'), 'aria-busy', true);
  try {
    await api.signIn(token);
  } catch (error) {
    return endSession({ key: error.status === 0 ? 'unreachable' : 'tokenRefused' });
  } finally {
    setAttribute(byId('sign-in-form'), 'aria-busy', null);
  }
  byId('token').value = '';
  const who = { business: claims.business_id ?? null, role: claims.role ?? null };
  session.remember(who);
  actorsPoller.stop();
  statusPoller.stop();
  store.apply(change.signedOut);
  store.apply(change.signedIn, who);
  callsPoller.start();
}

/** Only operators see them; the server has the last word where the role is not known. */
function showActors({ role }) {
  if (role === null || role === 'operator') actorsPoller.start();
  else store.apply(change.actorsRefused);
}

/** What can be told of a token without asking the server. */
function tokenProblem(token, claims) {
  if (token === '') return { key: 'tokenEmpty' };
  if (!claims) return { key: 'tokenShape' };
  const expiredMs = claims.exp * 1000;
  if (!(expiredMs < Date.now())) return null;
  const when = words.formats.relative(new Date(expiredMs).toISOString(), Date.now());
  return { key: 'tokenExpired', values: { when } };
}

async function signOut() {
  try {
    await api.signOut();
  } catch (error) {
    if (error.status === 0) return store.apply(change.connectionTroubled, { key: 'unreachable' });
  }
  endSession(null);
}

function endSession(problem) {
  callsPoller.stop();
  actorsPoller.stop();
  statusPoller.stop();
  session.remember(null);
  store.apply(change.signedOut, problem);
  byId('token').focus();
}

function endSessionIfRefused(error) {
  if (error.status !== 401) return false;
  endSession(store.get().session === 'in' ? { key: 'sessionEnded' } : null);
  return true;
}

function awaitedEveryMs() {
  return Date.now() - store.get().awaited?.sinceMs < AWAITED_LONG_MS ? AWAITED_EVERY_MS : AWAITED_LONG_EVERY_MS;
}

/** A press is followed at once, and so is its end, for which those who see no actors ask the list. */
function watchWhileAwaited(state, previous) {
  if (state.awaited === previous.awaited || state.session !== 'in') return;
  if (state.live.shown) return actorsPoller.askNow();
  if (state.awaited) return statusPoller.start();
  statusPoller.stop();
  callsPoller.askNow();
}

function connectionProblem({ status }) {
  if (status === 0) return { key: 'reconnecting' };
  return status === 429 || status === 503 ? { key: 'overloaded' } : { key: 'unexpected', values: { status } };
}

async function loadMore() {
  const { cursor, direction } = store.get();
  store.apply(change.moreAsked);
  try {
    const page = await api.listCalls({ limit: PAGE_SIZE, cursor, direction });
    store.apply(change.olderArrived, page, { cursor, direction });
  } catch (error) {
    if (!endSessionIfRefused(error)) store.apply(change.moreFailed);
  }
}

async function learnFault(callSid, recordingSid) {
  try {
    return (await api.recordingStatus(callSid, recordingSid)) ?? {};
  } catch (error) {
    if (endSessionIfRefused(error)) return {};
    if (error.status === 0) return { offline: true };
    return { state: error.status === 410 ? 'gone' : null, reason: error.detail };
  }
}

async function copy(sid, shownIn) {
  try {
    await navigator.clipboard.writeText(sid);
    announce(say('copied'));
    shownIn.classList.add('copied');
    setTimeout(() => shownIn.classList.remove('copied'), COPIED_FOR_MS);
  } catch {
    shownIn.textContent = sid;
    getSelection().selectAllChildren(shownIn);
    announce(say('copyByHand'));
  }
}

function changeLanguage() {
  session.rememberLanguage(words.speaker.other);
  location.reload();
}

/** English as the browser's owner writes dates, if English is theirs. */
function localeOf(code) {
  return (navigator.languages ?? []).find((tag) => tag.toLowerCase().split('-')[0] === code) ?? code;
}

function translatePage() {
  document.documentElement.lang = words.speaker.code;
  document.documentElement.dir = words.speaker.direction;
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = say(node.dataset.text);
  setText(byId('language'), say('otherLanguage'));
  setAttribute(byId('language'), 'lang', words.speaker.other);
  setText(byId('demo'), document.querySelector('meta[name="hearback-demo"]')?.content);
}

function render(state) {
  const signedIn = state.session === 'in';
  byId('console').hidden = !signedIn;
  byId('sign-in').hidden = state.session !== 'out';
  byId('sign-out').hidden = !signedIn;
  byId('business').hidden = !signedIn || !state.business;
  setText(byId('business-name'), state.business);
  setText(byId('banner'), problemText(state.connection));
  setText(byId('sign-in-error'), problemText(state.signInProblem));
  setAttribute(byId('token'), 'aria-invalid', state.signInProblem !== null);
  renderCalls(state);
  renderLive(state);
}

function renderCalls(state) {
  const models = (state.calls ?? []).map((call) => callModel(call, state, words));
  reconcile(byId('call-list'), models, (model) => createCallRow(model, actions, words));
  setText(byId('calls-note'), callsNote(state));
  const more = byId('more');
  more.disabled = state.more === 'loading';
  setText(more, say({ idle: 'more', loading: 'moreLoading', failed: 'moreFailed' }[state.more]));
  more.hidden = state.cursor === null;
  for (const radio of byId('filter').querySelectorAll('input')) radio.checked = radio.value === state.direction;
}

function playingCall() {
  const playing = [...document.querySelectorAll('audio')].find((audio) => !audio.paused);
  return playing?.closest('.call')?.id.replace('call-', '') ?? null;
}

function callsNote({ calls, direction }) {
  if (calls === null) return say('loading');
  if (calls.length > 0) return null;
  return say(direction === 'all' ? 'noCalls' : 'noCallsFiltered');
}

function renderLive(state) {
  const model = liveModel(state, words);
  byId('live').hidden = model === null;
  byId('live-hint').hidden = state.live.shown !== false;
  setAttribute(byId('console'), 'data-live', model !== null);
  reconcile(byId('actors'), model?.actors ?? [], createActorRow);
  reconcile(byId('tree'), model?.tree ?? [], createTreeRow);
  if (!model) return;
  setText(byId('live-summary'), model.summary);
  setText(byId('live-clock'), model.clock);
  setAttribute(byId('live-clock'), 'datetime', model.clockIso);
  setText(byId('live-error'), model.error);
  setText(byId('actors-note'), model.note);
}

function announceChanges(state, previous) {
  const changes = change.stateChanges(state, previous).map(({ call, recording }) =>
    say('stateChanged', { party: partyOf(call, say), state: words.speaker.sayOr(recording.state, recording.state) }),
  );
  const count = change.newCallCount(state, previous);
  if (count > 0) changes.push(say('newCalls', { count: words.formats.number(count) }));
  if (changes.length > 0) announce(changes.join('. '));
}

function announce(text) {
  byId('announcer').textContent = text;
}

function problemText(problem) {
  return problem && say(problem.key, problem.values);
}
