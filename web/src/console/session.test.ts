// Signing in, finding oneself signed in, and being silent when nobody is.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../service/problem.ts';
import { Session, type SessionService } from './session.ts';

const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.e30`;
const GOOD = token({ business_id: 'acme', exp: 4_000_000_000 });

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function session(answers: Partial<Record<'signedIn' | 'signIn' | 'signOut', Problem>> = {}, role = 'agent') {
  const answer = (name: keyof typeof answers) => async () => {
    const problem = answers[name];
    if (problem !== undefined) throw problem;
    return { business_id: 'acme', role };
  };
  const service = {
    signedIn: vi.fn(answer('signedIn')),
    signIn: vi.fn(answer('signIn')),
    signOut: vi.fn(answer('signOut')),
  };
  return { session: new Session(service as unknown as SessionService, () => {}), service, answers };
}

it.each([
  ['operator', undefined, { name: 'in', isOperator: true, business: 'acme' }],
  ['owner', undefined, { name: 'in', isOperator: false, business: 'acme' }],
  ['nobody', new Problem(401, 'no_credentials'), { name: 'out', why: null, isBusy: false }],
])('learns from one answer who is signed in: %s', async (role, problem, state) => {
  const { session: one, service } = session(problem === undefined ? {} : { signedIn: problem }, role);
  await one.resume();
  expect(one.state).toEqual(state);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(service.signedIn).toHaveBeenCalledTimes(1);
});

it('asks again while the service is away', async () => {
  const { session: one, service, answers } = session({ signedIn: new Problem(0, 'offline') });
  await one.resume();
  expect(one.state).toMatchObject({ name: 'asking', trouble: { status: 0 } });
  delete answers.signedIn;
  await vi.advanceTimersByTimeAsync(3000);
  expect(one.state).toMatchObject({ name: 'in' });
  expect(service.signedIn).toHaveBeenCalledTimes(2);
});

it('does not send what is no token', async () => {
  const { session: one, service } = session();
  await one.signIn('eyJ');
  expect(one.state).toMatchObject({ name: 'out', why: { key: 'token_shape' } });
  expect(service.signIn).not.toHaveBeenCalled();
});

it.each([
  [new Problem(401, 'no_credentials'), 'token_refused'],
  [new Problem(503, 'away'), 'sign_in_busy'],
  [new Problem(0, 'offline'), 'unreachable'],
])('says why a token was of no use', async (problem, key) => {
  const { session: one, service } = session({ signIn: problem });
  await one.signIn(GOOD);
  expect(one.state).toEqual({ name: 'out', why: { key }, isBusy: false });
  expect(service.signedIn).not.toHaveBeenCalled();
});

it('says so when the browser keeps no cookie', async () => {
  const { session: one } = session({ signedIn: new Problem(401, 'no_credentials') });
  await one.signIn(GOOD);
  expect(one.state).toEqual({ name: 'out', why: { key: 'no_cookie' }, isBusy: false });
});

it('stays signed in when the service cannot be told', async () => {
  const { session: one } = session({ signOut: new Problem(0, 'offline') });
  await one.signIn(GOOD);
  await expect(one.signOut()).rejects.toMatchObject({ status: 0 });
  expect(one.state).toMatchObject({ name: 'in' });
});

it('asks no more once it is over', async () => {
  const { session: one, service } = session({ signedIn: new Problem(0, 'offline') });
  await one.resume();
  one.end({ key: 'session_ended' });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(service.signedIn).toHaveBeenCalledTimes(1);
  expect(one.state).toMatchObject({ why: { key: 'session_ended' } });
});

describe('confirm', () => {
  it.each([
    ['another business', { business_id: 'other', role: 'agent' }],
    ['another role', { business_id: 'acme', role: 'operator' }],
  ])('begins anew for %s', async (_, now) => {
    const { session: one, service } = session();
    await one.resume();
    const names: string[] = [];
    service.signedIn.mockImplementation(async () => {
      names.push(one.state.name);
      return now;
    });
    await one.confirm();
    // All that was shown is gone before anything else is.
    expect(names).toEqual(['in', 'asking']);
    expect(one.state).toMatchObject({ name: 'in', business: now.business_id });
  });

  it('leaves the same one alone, also while the service is away', async () => {
    const { session: one, answers } = session();
    await one.resume();
    const before = one.state;
    await one.confirm();
    answers.signedIn = new Problem(0, 'offline');
    await one.confirm();
    expect(one.state).toBe(before);
  });

  it('ends with the cookie', async () => {
    const { session: one, answers } = session();
    await one.resume();
    answers.signedIn = new Problem(401, 'no_credentials');
    await one.confirm();
    expect(one.state).toMatchObject({ name: 'out', why: { key: 'session_ended' } });
  });
});
