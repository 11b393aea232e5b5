// What is asked of the service, and what is made of its answers, whole and cut.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Credentials, Service } from './service.ts';

const { signal } = new AbortController();
const TOKEN: Credentials = { kind: 'token', token: 't' };
const LINK: Credentials = { kind: 'link', query: 'recording=RE1&link=l' };
const COOKIE: Credentials = { kind: 'cookie' };

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly credentials: string;
}

afterEach(() => vi.unstubAllGlobals());

/** Answers in turn, and records what is asked. */
function answering(...answers: readonly (() => Response | Promise<Response>)[]): readonly Asked[] {
  const asked: Asked[] = [];
  const next = [...answers];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    asked.push({ method: init.method ?? '', url, headers, credentials: init.credentials ?? '' });
    const answer = next.shift();
    if (answer === undefined) throw new TypeError('Failed to fetch');
    return answer();
  });
  return asked;
}

const at = (credentials: Credentials) => new Service(new URL('https://calls.example/prefix/'), credentials);
const json = (body: unknown, status = 200, headers: HeadersInit = {}) =>
  Response.json(body, { status, headers: headers });

describe('who asks', () => {
  test('a token goes in a header, a link in the address, a cookie by itself', async () => {
    const asked = answering(...Array(3).fill(() => json({})));
    for (const credentials of [TOKEN, LINK, COOKIE]) await at(credentials).status('CA1', 'RE2', signal);
    expect(asked).toEqual([
      {
        method: 'GET',
        url: 'https://calls.example/prefix/api/recordings/CA1/status?recording=RE2',
        headers: { authorization: 'Bearer t' },
        credentials: 'omit',
      },
      {
        method: 'GET',
        url: 'https://calls.example/prefix/api/recordings/CA1/status?recording=RE1&link=l',
        headers: {},
        credentials: 'omit',
      },
      {
        method: 'GET',
        url: 'https://calls.example/prefix/api/recordings/CA1/status?recording=RE2',
        headers: {},
        credentials: 'include',
      },
    ]);
  });

  test('an audio element is given a signed link under our own base, unless a link or a cookie will do', async () => {
    const url = 'https://public.example/api/recordings/file/CA1?recording=RE1&link=fresh';
    const asked = answering(() => json({ url, expires_at: '' }));
    const base = 'https://calls.example/prefix/api/recordings/file/CA1';
    expect(await at(TOKEN).audioUrl('CA1', null, signal)).toBe(`${base}?recording=RE1&link=fresh`);
    expect(await at(LINK).audioUrl('CA1', null, signal)).toBe(`${base}?recording=RE1&link=l`);
    expect(await at(COOKIE).audioUrl('CA1', 'RE2', signal)).toBe(`${base}?recording=RE2`);
    expect(asked.map(({ method }) => method)).toEqual(['POST']);
  });
});

describe('a check', () => {
  test('asks for two bytes and waits a little', async () => {
    const asked = answering(() => new Response('ID', { status: 206 }));
    expect(await at(TOKEN).check('CA1', null, signal)).toEqual({ kind: 'playable' });
    expect(asked[0]?.headers).toMatchObject({ range: 'bytes=0-1', prefer: 'wait=5' });
  });

  test('says how far it is, and when to come back', async () => {
    const body = { status: 'preparing', state: 'downloading' };
    answering(() => json(body, 202, { 'Retry-After': '7' }));
    expect(await at(LINK).check('CA1', null, signal)).toEqual({
      kind: 'preparing',
      preparing: body,
      retryAfterMs: 7_000,
    });
  });
});

describe('an answer that is none', () => {
  const problem = (status: number, body: string, headers: Record<string, string>) => () =>
    new Response(body, { status, headers });
  const JSON_PROBLEM = { 'Content-Type': 'application/problem+json' };
  const rows = [
    [problem(503, '{"code":"away"}', { ...JSON_PROBLEM, 'Retry-After': '5' }), 503, 'away', 5_000],
    [problem(503, '{"code":"away"}', { ...JSON_PROBLEM, 'Retry-After': '' }), 503, 'away', null],
    [problem(502, '<html>', { 'Content-Type': 'text/html', 'Retry-After': 'soon' }), 502, 'unknown', null],
    [problem(500, '{"code"', JSON_PROBLEM), 500, 'unknown', null],
    [problem(200, '<html>', { 'Content-Type': 'text/html' }), 200, 'unknown', null],
  ] as const;

  test.each(rows)('is a problem %#', async (answer, status, code, retryAfterMs) => {
    answering(answer);
    await expect(at(TOKEN).call('CA1', signal)).rejects.toMatchObject({ status, code, retryAfterMs });
  });

  test('is none at all without a connection', async () => {
    answering();
    await expect(at(TOKEN).call('CA1', signal)).rejects.toMatchObject({ status: 0, code: 'offline' });
  });

  test('and a body that is cut is no answer either', async () => {
    const body = () => new ReadableStream({ start: (controller) => controller.error(new TypeError('network error')) });
    answering(() => new Response(body(), { headers: { 'Content-Type': 'application/json' } }));
    await expect(at(TOKEN).call('CA1', signal)).rejects.toMatchObject({ status: 0, code: 'offline' });
  });

  test('an abort stays an abort', async () => {
    const controller = new AbortController();
    answering(() => {
      controller.abort();
      throw controller.signal.reason;
    });
    await expect(at(TOKEN).call('CA1', controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('what is made of a recording', () => {
  test('is there, or still being made', async () => {
    answering(
      () => json({ status: 'preparing' }, 202),
      () => json({ length: 1 }),
    );
    expect(await at(LINK).waveform('CA1', null, signal)).toEqual({ kind: 'making' });
    expect(await at(LINK).waveform('CA1', null, signal)).toEqual({ kind: 'made', value: { length: 1 } });
  });

  test('a correction is of the words that were read, also by other credentials', async () => {
    const body = { call_sid: 'CA1', recording_sid: 'RE1', utterances: [] };
    const asked = answering(
      () => json(body, 200, { ETag: 'W/"one"' }),
      () => json(body, 200, { ETag: '"two"' }),
      () => json(body, 200),
    );
    const made = await at(TOKEN).transcript('CA1', null, signal);
    if (made.kind !== 'made') throw new Error('it is made');
    const corrected = await at(COOKIE).correct(made.value, 3, 'words', signal);
    await at(COOKIE).correct(corrected, 3, 'words', signal);
    expect(asked.slice(1).map(({ method, url, headers }) => [method, url, headers['if-match']])).toEqual([
      ['PUT', 'https://calls.example/prefix/api/calls/CA1/transcript?recording=RE1', '"one"'],
      ['PUT', 'https://calls.example/prefix/api/calls/CA1/transcript?recording=RE1', '"two"'],
    ]);
  });
});

test('events are followed from where they were left', async () => {
  const asked = answering(
    () => new Response(null, { status: 204 }),
    () => new Response('', { headers: { 'Content-Type': 'text/event-stream' } }),
  );
  expect(await at(LINK).follow('CA1', null, signal, () => {}, 'ready')).toBe('complete');
  expect(await at(LINK).follow('CA1', null, signal, () => {})).toBe('ended');
  expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual(['ready', undefined]);
});
