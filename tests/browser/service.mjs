// What browsers are pointed at: the service, the Twilio that it fetches from, and a proxy in front that counts.
//
// HEARBACK: the binary.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startGateway } from './gateway.mjs';
import { firstLine, freePort, started, stopped } from './processes.mjs';

const { HEARBACK } = process.env;
/** A test build takes seconds to say ten minutes of speech, and is not alone on the machine. */
const START_MS = 60_000;
const KNOWN_MS = 30_000;
/** Recordings are heard one after another, some of them at the pace of a line that is slow on purpose. */
const UNDERSTOOD_MS = 180_000;
const PAUSE_MS = 50;
const ACCOUNT = 'AC00000000000000000000000000000001';
const AUTH_TOKEN = 'simulated-auth-token';
/** The numbers of the scripted calls, which tell that they are the clinic's. */
const CLINICS_NUMBERS = ['+15555550100', '+15555550101', '+972555550100'];
export const OTHERS_NUMBER = '+15555559900';

/** What `hearback demo` says of itself, and what a test asks of it. */
export async function startDemo() {
  const child = started(HEARBACK, ['demo', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const demo = JSON.parse(await firstLine(child, child.stdout, START_MS));
  return { ...demo, ...asked(demo), stop: () => stopped(child, 'SIGINT') };
}

/**
 * As a team runs it: `hearback serve` behind a gateway, below `prefix`, for two businesses, `clinic` and `other`, that
 * share an account. Pages of `origins` may call it. The scripted calls are there, and none of them is fetched.
 */
export async function startService({ prefix, origins = [], settings = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'hearback-browsers-'));
  const gateway = await startGateway({ prefix });
  const [port, twiliosPort] = [await freePort(), await freePort()];
  const twilio_url = `http://127.0.0.1:${twiliosPort}`;
  const env = { ...process.env, ...settingsOf({ folder, port, twilio_url, gateway, origins }), ...settings };
  const command = async (...args) => (await promisify(execFile)(HEARBACK, args, { env })).stdout.trim();
  await addBusinesses(command, folder);

  let serving = await startServing();
  gateway.leadTo(`http://127.0.0.1:${port}`);
  const flags = ['simulate-twilio', '--listen', `127.0.0.1:${twiliosPort}`, '--webhooks-to', gateway.url];
  const twilio = started(HEARBACK, flags, { env, stdio: ['ignore', 'ignore', 'inherit'] });

  async function startServing() {
    const child = started(HEARBACK, ['serve'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await until(() => fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok), 'the service gets ready', START_MS);
    return child;
  }

  const [agent_token, operator_token, others_token] = await Promise.all(
    [['clinic', 'agent'], ['clinic', 'operator'], ['other', 'agent']].map(([business, role]) =>
      command('token', 'mint', '--business', business, '--role', role),
    ),
  );
  const service = { url: gateway.url, twilio_url, agent_token, operator_token, others_token, gateway };
  const asks = asked({ ...service, url: `http://127.0.0.1:${port}` });
  const calls = await asks.scripted();
  return {
    ...service,
    ...asks,
    calls,
    command,
    /** One more, with failures and counts of its own; what it leads to is signed for under `url` all the same. */
    openGateway: () => startGateway({ prefix, target: `http://127.0.0.1:${port}` }),
    /** Ends the process, as somebody does who installs the next version; `start` is that version's. */
    shutDown: () => stopped(serving, 'SIGINT'),
    start: async () => void (serving = await startServing()),
    async stop() {
      await gateway.close();
      await Promise.all([stopped(serving, 'SIGINT'), stopped(twilio, 'SIGINT')]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const settingsOf = ({ folder, port, twilio_url, gateway, origins }) => ({
  HEARBACK_DATA__DIR: folder,
  HEARBACK_SERVER__LISTEN: `127.0.0.1:${port}`,
  HEARBACK_SERVER__PUBLIC_URL: gateway.url,
  HEARBACK_SERVER__CORS_ORIGINS: origins.join(','),
  HEARBACK_SERVER__DRAIN_MS: '0',
  HEARBACK_TWILIO__BASE_URL: twilio_url,
  HEARBACK_TWILIO__REQUESTS_PER_SECOND: '100',
  HEARBACK_PLAY__PREFETCH: 'false',
  HEARBACK_LOG__FILTER: 'error',
  HEARBACK_SPEECH__PROVIDER: 'openai',
  HEARBACK_SPEECH__BASE_URL: twilio_url,
  HEARBACK_SPEECH__MODEL: 'stand-in',
  HEARBACK_LANGUAGE_MODEL__PROVIDER: 'openai',
  HEARBACK_LANGUAGE_MODEL__BASE_URL: twilio_url,
  HEARBACK_LANGUAGE_MODEL__MODEL: 'stand-in',
});

async function addBusinesses(command, folder) {
  const file = join(folder, 'token');
  await writeFile(file, AUTH_TOKEN);
  const account = ['--twilio-account-sid', ACCOUNT, '--twilio-auth-token-file', file];
  const [first, ...more] = CLINICS_NUMBERS;
  await command('business', 'add', '--id', 'clinic', '--name', 'Clinic', ...account, '--number', first);
  for (const number of more) await command('business', 'add-number', '--id', 'clinic', '--number', number);
  await command('business', 'add', '--id', 'other', '--name', 'Other', ...account, '--number', OTHERS_NUMBER);
  const services = ['--service', 'Repair at home', '--service', 'Eye examination'];
  await command('business', 'profile', '--id', 'clinic', ...services);
}

/** What a test asks of a service and its Twilio, by the service's own address: a gateway counts what pages ask. */
function asked({ url, twilio_url, agent_token, others_token }) {
  const twilio = (method, path, body) => ask(method, `${twilio_url}/simulator${path}`, body);
  const service = (method, path, body, token = agent_token) => ask(method, `${url}/api${path}`, body, token);
  const recordings = async (sid) => (await twilio('GET', '')).recordings.filter((one) => !sid || one.sid === sid);
  const status = (call, token) => service('GET', `/recordings/${call}/status`, undefined, token);
  const known = (call, token) =>
    until(() => status(call, token), `the service gets to know ${call}`, KNOWN_MS);

  async function place(planned, token) {
    const placed = await twilio('POST', '/calls', planned);
    await known(placed.call, token);
    return { call: placed.call, recording: placed.recordings[0] };
  }

  const isReady = (call) =>
    until(async () => (await status(call)).state === 'ready', `${call} is fetched`, START_MS);

  return {
    /** From now on, one for each request for the recording's audio; the last one repeats. */
    behave: (sid, behaviours) => twilio('PUT', `/recordings/${sid}/behaviour`, behaviours),
    /** How often audio to play was fetched from Twilio: of one recording, or of all. The WAV is for the pipeline. */
    async downloads(sid) {
      return (await recordings(sid)).reduce((sum, one) => sum + one.counters.gets - one.counters.wav_gets, 0);
    },
    /** Places a call of one recording, of which the service has heard, and that it has not fetched. */
    placeCall: (recording, call = {}) => place({ ...call, recordings: [recording] }),
    /** A call of the business `other`. */
    placeOthersCall: (recording) => place({ to: OTHERS_NUMBER, recordings: [recording] }, others_token),
    status,
    details: (call) => service('GET', `/calls/${call}`),
    list: (token) => service('GET', '/calls?limit=100', undefined, token),
    transcript: (call) => service('GET', `/calls/${call}/transcript`),
    /** Asked for, by nobody in a browser. */
    ordered: (call) => service('POST', `/recordings/${call}/prepare`).catch(() => null),
    isReady,
    /** The same, until it is here. */
    async fetched(call) {
      await service('POST', `/recordings/${call}/prepare`);
      await isReady(call);
    },
    /** Until all that is made of a recording is made: waveform, transcript, summary, facts. */
    understood: (call) =>
      until(
        async () => (await service('GET', `/calls/${call}`)).stages.every(({ state }) => state === 'done'),
        `${call} is understood`,
        UNDERSTOOD_MS,
      ),
    signedLink: async (call, ttl_seconds) => (await service('POST', `/recordings/${call}/link`, { ttl_seconds })).url,
    /** The calls that the simulator brings along, once the service knows them. */
    async scripted() {
      const placed = async () => {
        const { calls, scripts } = await twilio('GET', '');
        const sids = calls.filter(({ parent_call_sid }) => !parent_call_sid).map(({ sid }) => sid);
        return sids.length >= Object.keys(scripts).length && sids;
      };
      const sids = await until(placed, 'the scripted calls are placed', START_MS);
      for (const sid of sids) await known(sid);
      return sids;
    },
  };
}

async function ask(method, url, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

/** Asks again and again, until it is so; fails after so long. Who throws is asked again. */
export async function until(isSo, what, withinMs) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await isSo().catch(() => null);
    if (value) return value;
    assert.ok(Date.now() < deadline, `${what}: not within ${withinMs} ms`);
    await pause(PAUSE_MS);
  }
}
