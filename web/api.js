// The HTTP API as the console uses it. Every address is relative, so that the service may live under a path prefix.

const TIMEOUT_MS = 15_000;

/** An answer that is not a success. `status` 0: there was no answer. */
export class ApiError extends Error {
  constructor(status, problem = {}, retryAfterMs = null) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.code = problem.code ?? null;
    this.detail = problem.detail ?? problem.title ?? null;
    this.retryAfterMs = retryAfterMs;
  }
}

export const signIn = (token) => send('POST', 'api/session', { body: { token } });

export const signOut = () => send('DELETE', 'api/session');

export function listCalls({ limit, cursor, direction, signal }) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor) query.set('cursor', cursor);
  if (direction !== 'all') query.set('direction', direction);
  return send('GET', `api/calls?${query}`, { signal });
}

export const callDetails = (callSid, signal) => send('GET', `api/calls/${encodeURIComponent(callSid)}`, { signal });

/** `url` as the call's details give it: it begins where the service does. */
export const transcriptOf = (url, signal) => send('GET', url, { signal });

export const liveActors = (signal) => send('GET', 'debug/actors', { signal });

export function recordingStatus(callSid, recordingSid, signal) {
  const query = new URLSearchParams({ recording: recordingSid });
  return send('GET', `api/recordings/${encodeURIComponent(callSid)}/status?${query}`, { signal });
}

async function send(method, path, { body, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'same-origin',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    answer = parse(await response.text());
  } catch (error) {
    signal?.throwIfAborted();
    throw new ApiError(0, { detail: String(error) });
  }
  if (!response.ok) throw new ApiError(response.status, answer ?? {}, retryAfterMs(response));
  return answer;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function retryAfterMs(response) {
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}
