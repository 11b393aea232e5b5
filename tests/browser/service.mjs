// The demo that browsers are pointed at: the service, and the Twilio that it fetches from.
//
// HEARBACK: the binary.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { firstLine, stopped } from './processes.mjs';

const { HEARBACK } = process.env;
const START_MS = 20_000;
const KNOWN_MS = 10_000;
const PAUSE_MS = 50;

/** What `hearback demo` says of itself, and what a test asks of it. */
export async function startDemo() {
  const child = spawn(HEARBACK, ['demo', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const demo = JSON.parse(await firstLine(child, child.stdout, START_MS));
  const twilio = (method, path, body) => ask(method, `${demo.twilio_url}/simulator${path}`, body);
  const service = (method, path, body) => ask(method, `${demo.url}/api${path}`, body, demo.agent_token);

  const recordings = async (sid) => (await twilio('GET', '')).recordings.filter((one) => !sid || one.sid === sid);
  const status = (call) => service('GET', `/recordings/${call}/status`);
  return {
    ...demo,
    stop: () => stopped(child, 'SIGINT'),
    /** From now on, one for each request for the recording's audio; the last one repeats. */
    behave: (sid, behaviours) => twilio('PUT', `/recordings/${sid}/behaviour`, behaviours),
    /** How often audio to play was fetched from Twilio: of one recording, or of all. The WAV is for the pipeline. */
    async downloads(sid) {
      return (await recordings(sid)).reduce((sum, one) => sum + one.counters.gets - one.counters.wav_gets, 0);
    },
    /** Places a call of one recording, of which the service has heard, and that it has not fetched. */
    async placeCall(recording) {
      const placed = await twilio('POST', '/calls', { recordings: [recording] });
      const deadline = Date.now() + KNOWN_MS;
      while (!(await status(placed.call).catch(() => null))) {
        assert.ok(Date.now() < deadline, `the service does not get to know ${placed.call}`);
        await pause(PAUSE_MS);
      }
      return { call: placed.call, recording: placed.recordings[0] };
    },
    status,
    signedLink: async (call) => (await service('POST', `/recordings/${call}/link`, {})).url,
  };
}

async function ask(method, url, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}
