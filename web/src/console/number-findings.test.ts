// Findings are asked for one at a time, once each, and of no more calls than fit on a screen.

import { expect, it, vi } from 'vitest';
import { Problem } from '../service/problem.ts';
import type { Call, CallDetails } from '../service/shapes.ts';
import { NumberFindings, SUMMARIES_MAX } from './number-findings.ts';

const call = (sid: string, recordings = 1) =>
  ({ call_sid: sid, recordings: Array.from({ length: recordings }, () => ({})) }) as unknown as Call;

function finding() {
  let atOnce = 0;
  let most = 0;
  const details = vi.fn(async (sid: string) => {
    most = Math.max(most, ++atOnce);
    await Promise.resolve();
    atOnce--;
    return { summary: { topic: sid, outcome: null, next_step: null } } as unknown as CallDetails;
  });
  const json = vi.fn(async () => ({ appointments: [] }));
  const found = vi.fn();
  const service = { call: details, json } as unknown as ConstructorParameters<typeof NumberFindings>[0];
  const findings = new NumberFindings(service, { summaries: found, appointments: () => {} });
  return { findings, details, json, found, most: () => most };
}

it('asks about the first calls that have a recording', async () => {
  const { findings, details, json, found, most } = finding();
  const calls = Array.from({ length: SUMMARIES_MAX + 5 }, (_, index) => call(`CA${index}`, index === 0 ? 0 : 1));
  findings.want(calls);
  await vi.waitFor(() => expect(details).toHaveBeenCalledTimes(SUMMARIES_MAX));
  findings.want(calls);
  await new Promise((done) => setTimeout(done, 20));
  expect(details).toHaveBeenCalledTimes(SUMMARIES_MAX);
  expect(details.mock.calls[0]?.[0]).toBe('CA1');
  expect(json).toHaveBeenCalledTimes(1);
  expect(most()).toBe(1);
  expect(found.mock.lastCall?.[0].get('CA1')).toMatchObject({ topic: 'CA1' });
});

it('asks nothing more once nobody looks', async () => {
  const { findings, details } = finding();
  findings.dispose();
  findings.want([call('CA1')]);
  await new Promise((done) => setTimeout(done, 20));
  expect(details).not.toHaveBeenCalled();
});

it('is not asked for ever for what the service does not answer', async () => {
  const { findings, details, json } = finding();
  json.mockRejectedValue(new Problem(500, 'internal'));
  for (let answer = 0; answer < 10; answer++) {
    findings.want([call('CA1')]);
    await new Promise((done) => setTimeout(done, 1));
  }
  expect(json).toHaveBeenCalledTimes(3);
  expect(details).not.toHaveBeenCalled();
});
