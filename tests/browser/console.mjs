// The console below a path prefix, as agents, operators and other businesses' agents use it, in every engine.
//
// HEARBACK: the binary; CHROMIUM, FIREFOX, WEBKIT: the browsers; SCREENSHOTS: the folder for pictures of what was seen.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PAUSE, PLAY, SHORT } from './embedding.mjs';
import { until } from './service.mjs';
import { describeConsole, FIRST_PARTY, ROW } from './visiting.mjs';

const { SCREENSHOTS } = process.env;
const TIMEOUT_MS = 600_000;
const SOUND_MS = 15_000;
const FIRST_PARTYS_ROW = { role: 'link', name: new RegExp(`^${FIRST_PARTY.replace('+', '\\+')}`) };
/** Longer than a list's poller pauses. */
const OBSERVED_MS = 4_000;
const TOLD_MS = 3_000;
/** Slow enough to be watched. */
const WATCHABLE = { first_byte_ms: 300, bytes_per_second: 8_000 };

mkdirSync(SCREENSHOTS, { recursive: true });

describeConsole('console', tests, { timeout: TIMEOUT_MS });

function tests(name, visit, world) {
  test(`${name}: a pasted token signs in, a bad one is told apart, and signing out ends all requests`, async () => {
    const { service } = world;
    const { page, gateway } = visit;
    await page.open(`${gateway.url}/`);
    const token = { role: 'textbox', name: 'Token' };
    const submit = { role: 'button', name: 'Sign in' };
    await page.fill(token, 'eyJhbGciOiJIUzI1NiJ9');
    await page.press(submit);
    await page.reads(/not a whole token/);
    await page.fill(token, `${service.agent_token.slice(0, -4)}AAAA`);
    await page.press(submit);
    await page.reads(/The token was refused/);
    await page.fill(token, service.agent_token);
    await page.keys('Enter');
    await page.sees(ROW);
    assert.equal(await page.count({ role: 'link', name: 'Live' }), 0, 'an agent sees the operators’ page');

    await page.press({ role: 'button', name: /^Sign out/ });
    await page.sees(token);
    const asked = gateway.count();
    await pause(OBSERVED_MS);
    assert.equal(gateway.count(), asked, 'the page goes on asking after sign-out');
  });

  test(`${name}: opening the list shows every call, loads no audio, and leaves no token in the address`, async () => {
    const { service } = world;
    const { page, gateway } = visit;
    gateway.forget();
    await visit.signIn(service.agent_token);
    await page.sees(ROW);
    assert.ok((await page.count(ROW)) >= service.calls.length);
    assert.doesNotMatch(await page.run(() => location.href), /token/);
    await pause(OBSERVED_MS);
    assert.deepEqual(visit.audio(), []);
    await page.picture(join(SCREENSHOTS, `console-${name}-calls.png`));
  });

  test(`${name}: calls are narrowed by direction, number and words that were said`, async () => {
    const { service } = world;
    const { page } = visit;
    await service.fetched(await callWith(service, FIRST_PARTY));
    await service.understood(await callWith(service, FIRST_PARTY));
    await visit.signIn(service.agent_token);
    await page.press({ role: 'link', name: 'Outbound' });
    await page.misses({ role: 'link', name: /, Inbound, / });
    await page.sees({ role: 'link', name: /, Outbound, / });
    await page.press({ role: 'link', name: 'All' });
    await page.sees({ role: 'link', name: /, Inbound, / });

    await page.reach(ROW);
    await page.keys('/');
    await page.type('zzzz');
    await page.reads(/No calls found/);
    await page.press({ role: 'link', name: 'Clear filters' });
    await page.sees({ role: 'link', name: /, Inbound, / });
    const { utterances } = await transcriptOf(service, await callWith(service, FIRST_PARTY));
    const word = utterances[0].text.match(/[\p{L}]{5,}/u)[0];
    await page.reach(ROW);
    await page.keys('/');
    await page.type(word);
    await page.until(() => looking.all({ role: 'listitem', selector: '[data-call]' }).length <= 3, null, { what: `the search for ${word}` });
    await page.sees(FIRST_PARTYS_ROW);
  });

  test(`${name}: by keyboard alone a call is opened, plays, and the list is come back to`, async () => {
    const { service } = world;
    const { page } = visit;
    await visit.signIn(service.agent_token);
    await page.sees(ROW);
    await page.reach(ROW);
    await page.keys('j', 'k');
    // Other calls are newer, some of which are being tried by others.
    await page.reach(FIRST_PARTYS_ROW, { key: 'ArrowDown' });
    await page.keys('ArrowDown', 'ArrowUp', 'Enter');
    await page.sees(PLAY);
    assert.equal(await page.run(() => /^#\/calls\/CA/.test(location.hash)), true);
    // The page takes the focus to its heading first.
    await page.until(() => looking.focused()?.tagName === 'H1', null, { what: 'the heading has the focus' });
    await page.reach(PLAY);
    await page.keys('Space');
    await page.sounds({ withinMs: SOUND_MS });
    await page.keys('k');
    await page.sees(PLAY);
    await page.run(() => history.back());
    await page.sees(ROW);
  });

  test(`${name}: a letter that is spoken or typed beside the list does nothing (WCAG 2.1.4)`, async () => {
    const { service } = world;
    const { page } = visit;
    await visit.signIn(service.agent_token);
    await page.sees(ROW);
    const taken = await page.run(() => {
      const press = (key) => new KeyboardEvent('keydown', { key, bubbles: true, composed: true, cancelable: true });
      const places = [document.body, looking.first({ role: 'heading' })];
      return ['j', 'k', 'p', '/'].filter((key) => places.some((place) => !place.dispatchEvent(press(key))));
    });
    assert.deepEqual(taken, []);
  });

  test(`${name}: a call that nobody has fetched plays from its own page, with what was said beside it`, async () => {
    const { service } = world;
    const { page } = visit;
    const { call, recording } = await service.placeCall({ ...SHORT, behaviours: [{ ...WATCHABLE, bytes_per_second: 40_000 }] });
    await visit.signIn(service.agent_token, { to: `#/calls/${call}` });
    await page.press(PLAY);
    await page.sounds({ from: 1, withinMs: SOUND_MS });
    await page.press(PAUSE);
    await service.understood(call);
    const { utterances } = await transcriptOf(service, call);
    const late = utterances.at(-1);
    await page.reads(new RegExp(late.text.slice(0, 12).replace(/[^\p{L} ]/gu, '.'), 'u'), { withinMs: 20_000 });
    await page.picture(join(SCREENSHOTS, `console-${name}-call.png`));
    assert.equal(await service.downloads(recording), 1);
  });

  test(`${name}: whoever signs in for another business sees nothing of the first one’s`, async () => {
    const { service } = world;
    const { page, gateway } = visit;
    const theirs = await service.placeOthersCall({ audio: { script: 'missed-call' } });
    await visit.signIn(service.agent_token, { to: `#/calls/${service.calls[0]}` });
    await page.sees(PLAY);
    await visit.go('#/calls');
    await page.sees(ROW);
    const shown = await page.text('main');
    assert.ok(shown.includes(FIRST_PARTY), shown);

    await visit.go(`#token=${service.others_token}`);
    await page.until((party) => !looking.text().includes(party), FIRST_PARTY, { what: 'the first business’s calls go' });
    await page.sees(ROW);
    // Whoever else tries this has the other business called, too.
    const isAll = async () => (await page.count(ROW)) === (await callsOf(service, service.others_token));
    await until(isAll, 'all of the other business’s calls are shown, and no more', 30_000);
    gateway.forget();
    await visit.go(`#/calls/${service.calls[0]}`);
    await page.reads(/No such call/);
    assert.deepEqual(visit.audio(), []);
    const told = gateway.matching(new RegExp(service.calls[0])).map(({ status }) => status);
    assert.ok(told.length > 0 && told.every((status) => status === 404), `answered ${told}`);
    await visit.go(`#/calls/${theirs.call}`);
    await page.sees(PLAY);
  });

  test(`${name}: in Hebrew the page reads from right to left, and says so everywhere`, async () => {
    const { service } = world;
    const { page } = visit;
    await visit.signIn(service.agent_token, { language: 'he' });
    await page.sees({ role: 'heading', name: 'שיחות' });
    assert.deepEqual(await page.run(() => [document.documentElement.lang, document.documentElement.dir]), ['he', 'rtl']);
    const { left, right } = await page.run(() => {
      const of = (role, name) => looking.first({ role, name }).getBoundingClientRect().left;
      return { left: of('button', 'English'), right: of('link', 'Hearback') };
    });
    assert.ok(left < right, 'the header is not mirrored');
    await visit.go(`#/calls/${service.calls[0]}`);
    await page.sees({ role: 'button', name: 'ניגון' });
    assert.equal(await page.count(PLAY), 0);
    await page.picture(join(SCREENSHOTS, `console-${name}-he.png`));
    await page.press({ role: 'button', name: 'English' });
    await page.sees(PLAY);
    assert.deepEqual(await page.run(() => [document.documentElement.lang, document.documentElement.dir]), ['en', 'ltr']);
  });

  test(`${name}: an operator sees a download move, why one failed, and has it tried again`, async () => {
    const { service } = world;
    const { page, gateway } = visit;
    const slow = await service.placeCall({ ...SHORT, behaviours: [WATCHABLE] });
    const refused = await service.placeCall({ ...SHORT, behaviours: [{ fault: { status: { code: 403 } } }] });
    await visit.signIn(service.operator_token, { to: '#/live' });
    await page.sees({ role: 'heading', name: 'Live' });
    await service.ordered(slow.call);
    const bar = { role: 'progressbar', within: { selector: 'li', text: new RegExp(shortened(slow.call)) } };
    const first = await page.until((target) => looking.first(target)?.value || 0, bar, { what: 'a download that is seen' });
    await page.until(({ bar, first }) => looking.first(bar)?.value > first, { bar, first }, { what: 'a download that moves' });
    await page.picture(join(SCREENSHOTS, `console-${name}-live.png`));

    await service.ordered(refused.call);
    // Its own row: others are refused, too. And rows move when they are, so that a press may miss.
    const row = { selector: '[data-list="failures"] li', text: new RegExp(`${shortened(refused.call)}.*refuses`, 'i') };
    const retried = () => gateway.matching(new RegExp(`${refused.call}/.*retry`)).length > 0;
    await page.sees(row);
    await service.behave(refused.recording, [{}]);
    for (let presses = 0; presses < 5 && !retried(); presses++) {
      // One that counted after all takes the button with it.
      await page.press({ role: 'button', name: /^Retry call /, within: row }, { withinMs: 10_000 }).catch(() => {});
      await until(async () => retried(), 'the service is told', TOLD_MS).catch(() => {});
    }
    assert.ok(retried(), 'the press does not reach the service');
    await service.isReady(refused.call);
    assert.deepEqual(visit.audio(), []);
  });

  test(`${name}: nothing was forbidden by the policy, and nothing was thrown`, () => {
    assert.deepEqual(visit.gateway.violations, []);
    assert.deepEqual(visit.page.errors, []);
    assert.deepEqual(visit.gateway.matching(/^astray/), []);
  });
}

/** As short as any page says it. */
const shortened = (sid) => sid.slice(-4);

async function callWith(service, party) {
  const { calls } = await service.list();
  return calls.find(({ from, to }) => [from, to].includes(party.replaceAll(' ', ''))).call_sid;
}

const transcriptOf = (service, call) => service.transcript(call);
const callsOf = async (service, token) => (await service.list(token)).calls.length;
