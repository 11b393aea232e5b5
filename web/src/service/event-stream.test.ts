// Server-sent events in whatever pieces they come, and what is none of ours.

import { describe, expect, test } from 'vitest';
import { createParser, readEvents, type ServerEvent } from './event-stream.ts';
import { Problem } from './problem.ts';

function parsed(...pieces: readonly string[]): readonly ServerEvent[] {
  const events: ServerEvent[] = [];
  const parse = createParser((event) => events.push(event));
  for (const piece of pieces) parse(piece);
  return events;
}

describe('the parser', () => {
  const WHOLE = 'id: ready\nevent: stages\ndata: {"a":\ndata: 1}\n\n: heartbeat\n\ndata:x\n\n';
  const EVENTS = [
    { name: 'stages', data: '{"a":\n1}', id: 'ready' },
    { name: 'message', data: 'x', id: 'ready' },
  ];

  test('reads names, lines of data, ids that stay, and comments', () => {
    expect(parsed(WHOLE)).toEqual(EVENTS);
  });

  test.each(['\n', '\r\n', '\r'])('takes pieces of any length, with %j at the end of lines', (end) => {
    const text = `${WHOLE.replaceAll('\n', end)}${end}`;
    for (let length = 1; length < text.length; length++) {
      const pieces = Array.from({ length: Math.ceil(text.length / length) }, (_, index) =>
        text.slice(index * length, (index + 1) * length),
      );
      // The last carriage return may be half of a line's end.
      expect(parsed(...pieces, ' ')).toEqual(EVENTS);
    }
  });

  test('an event without data is none, and one that does not end is not told', () => {
    expect(parsed('event: x\n\ndata: 1\n')).toEqual([]);
  });

  test('what never ends is given up, in one line or in many', () => {
    const line = 'data: '.padEnd(100_000, 'x');
    expect(() => parsed(...Array(11).fill(line))).toThrow(Problem);
    expect(() => parsed(...Array(11).fill(`${line}\n`))).toThrow(Problem);
    expect(parsed(...Array(20).fill(`${line}\n\n`)).length).toBe(20);
  });
});

describe('a stream', () => {
  const EVENT_STREAM = { 'Content-Type': 'text/event-stream' };

  test('ends, or is complete', async () => {
    const events: ServerEvent[] = [];
    const response = new Response('data: ü\n\n', { headers: EVENT_STREAM });
    expect(await readEvents(response, (event) => events.push(event))).toBe('ended');
    expect(events.map(({ data }) => data)).toEqual(['ü']);
    expect(await readEvents(new Response(null, { status: 204 }), () => {})).toBe('complete');
  });

  test('is nothing else: not a page of some proxy', async () => {
    const page = new Response('<html>', { headers: { 'Content-Type': 'text/html' } });
    await expect(readEvents(page, () => {})).rejects.toMatchObject({ status: 200, code: 'unknown' });
  });

  test('that breaks off is no answer', async () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('network error')) });
    await expect(readEvents(new Response(body, { headers: EVENT_STREAM }), () => {})).rejects.toMatchObject({
      code: 'offline',
    });
  });

  test('gives its connection back where somebody cannot bear what is told', async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
      cancel: () => {
        isCancelled = true;
      },
    });
    const failing = readEvents(new Response(body, { headers: EVENT_STREAM }), () => {
      throw new Error('unbearable');
    });
    await expect(failing).rejects.toThrow('unbearable');
    expect(isCancelled).toBe(true);
  });
});
