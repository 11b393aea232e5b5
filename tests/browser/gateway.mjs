// A proxy in front of the service, as a team would have one: it counts what is asked, and fails where a test wants it.
//
// Counting is done here and not in the browser, so that nothing that a page asks for goes unnoticed.

import { createServer, request } from 'node:http';

/** Who asks for these wants to know whether there is more. */
const TWO_BYTES = 'bytes=0-1';

/**
 * `prefix`: the path below which the service is to be found, with slashes at both ends; it is taken off.
 *
 * Each of `requests` is `{ method, path, search, range, origin, status, bytes, atMs, endMs }`; `endMs` is null while it
 * goes on, `status` null where it got no answer.
 */
export async function startGateway({ prefix = '/', target = null } = {}) {
  const requests = [];
  const violations = [];
  const rules = [];
  const server = createServer((asked, answer) => {
    const { pathname, search } = new URL(asked.url, 'http://gateway');
    if (pathname === VIOLATIONS) return void gather(asked, answer, violations);
    const path = pathname.startsWith(prefix) ? `/${pathname.slice(prefix.length)}` : null;
    if (path === null || target === null) return refuse(answer, path === null && !pathname.startsWith('/favicon') ? pathname : null);
    const entry = noted(asked, answer, path, search);
    requests.push(entry);
    void serve(asked, answer, entry, ruleFor(entry));
  });

  // A page that asks every five seconds is not to meet a connection that is closed after just as long.
  server.keepAliveTimeout = 75_000;

  function refuse(answer, astray) {
    if (astray !== null) requests.push({ method: 'GET', path: `astray ${astray}`, status: 404, endMs: Date.now() });
    answer.writeHead(404).end();
  }

  function ruleFor({ path, range, method }) {
    const isMeant = ({ on, times, cutAfter }) => times > 0 && on.test(path) && !(cutAfter && range === TWO_BYTES);
    const rule = method === 'OPTIONS' ? undefined : rules.find(isMeant);
    if (rule) rule.times -= 1;
    return rule ?? {};
  }

  async function serve(asked, answer, entry, { afterMs = 0, problem, cutAfter }) {
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (problem) return tell(answer, entry, problem, asked.headers.origin);
    const { method } = asked;
    const headers = { ...asked.headers, connection: 'close' };
    const onward = request(`${target}${entry.path}${entry.search}`, { method, headers, agent: false });
    answer.on('close', () => onward.destroy());
    onward.on('error', () => answer.destroy());
    onward.on('response', (incoming) => passOn(incoming, answer, entry, cutAfter));
    asked.pipe(onward);
  }

  const port = await listen(server, 0);
  const url = `http://127.0.0.1:${port}${prefix.slice(0, -1)}`;
  const matching = (pattern) => requests.filter(({ path }) => pattern.test(path));
  const gateway = {
    url,
    requests,
    /** What a page's content security policy forbade it. */
    violations,
    /** Where requests go from now on. */
    leadTo: (service) => void (target = service),
    matching,
    count: (pattern = /./) => matching(pattern).length,
    /** How many have not ended: what somebody still waits for, or listens to. */
    running: (pattern = /./) => matching(pattern).filter(({ endMs }) => endMs === null).length,
    forget: () => requests.splice(0),
    /** Cuts the connection in so many bytes of a body; one of two bytes is let pass. */
    cut: (on, cutAfter, times = 1) => rules.push({ on, cutAfter, times }),
    /** Keeps the request waiting before it is passed on. */
    delay: (on, afterMs, times = Infinity) => rules.push({ on, afterMs, times }),
    /** Answers as the service would if it were in that state: `{ status, code, retryAfter }`. */
    answer: (on, problem, times = Infinity) => rules.push({ on, problem, times }),
    /** Ends all of `cut`, `delay` and `answer`. */
    heal: () => rules.splice(0),
    /** As a server that is being restarted: every connection is reset, and none is accepted. */
    async goAway() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    comeBack: () => listen(server, port),
    /** Resets whatever is under way now, and goes on as before. */
    resetAll: () => server.closeAllConnections(),
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}

/** Where browsers report what a policy forbade. */
export const VIOLATIONS = '/violations-of-policy';

/** Into `violations`, of any server that has its policies report here. */
export async function gather(asked, answer, violations) {
  const pieces = [];
  for await (const piece of asked) pieces.push(piece);
  const { 'csp-report': report } = JSON.parse(Buffer.concat(pieces).toString());
  violations.push(`${report['violated-directive']}: ${report['blocked-uri']} ${report['source-file'] ?? ''}`);
  answer.writeHead(204).end();
}

function noted(asked, answer, path, search) {
  const { method, headers } = asked;
  const entry = { method, path, search, range: headers.range ?? null, origin: headers.origin ?? null };
  Object.assign(entry, { status: null, bytes: 0, atMs: Date.now(), endMs: null });
  answer.on('close', () => (entry.endMs = Date.now()));
  return entry;
}

function passOn(incoming, answer, entry, cutAfter = Infinity) {
  const { statusCode, headers } = incoming;
  const policy = headers['content-security-policy'];
  if (policy) headers['content-security-policy'] = `${policy}; report-uri ${VIOLATIONS}`;
  entry.status = statusCode;
  for (const ours of ['connection', 'keep-alive', 'transfer-encoding']) delete headers[ours];
  answer.writeHead(statusCode, headers);
  answer.flushHeaders();
  incoming.on('data', (piece) => {
    const left = cutAfter - entry.bytes;
    const sent = piece.subarray(0, left);
    entry.bytes += sent.length;
    if (!answer.write(sent)) incoming.pause();
    // What was written must leave before the connection does.
    if (piece.length >= left) setTimeout(() => answer.socket?.resetAndDestroy(), 50);
  });
  answer.on('drain', () => incoming.resume());
  incoming.on('end', () => answer.end());
  incoming.on('error', () => answer.destroy());
}

function tell(answer, entry, { status, code, retryAfter }, origin) {
  entry.status = status;
  const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' };
  if (retryAfter !== undefined) headers['Retry-After'] = String(retryAfter);
  if (origin) {
    headers['Access-Control-Allow-Origin'] = origin;
    headers['Access-Control-Allow-Credentials'] = 'true';
    headers['Access-Control-Expose-Headers'] = 'Retry-After';
  }
  answer.writeHead(status, headers).end(JSON.stringify({ status, code, title: code }));
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve(server.address().port);
    });
  });
}
