// Server-sent events over fetch, which unlike EventSource sends a token, tells a refusal's status, and can be aborted.
// Format: HTML standard, section "Server-sent events".

import { Problem } from './problem.ts';

export interface ServerEvent {
  /** `message` unless it has a name. */
  readonly name: string;
  readonly data: string;
  readonly id: string;
}

/** Longer than any event of ours; whoever sends more is not our service. */
const EVENT_CHARACTERS_MAX = 1_000_000;

/** How a stream ended: by itself, so that one may come back, or for good (204). */
export type StreamEnd = 'ended' | 'complete';

/**
 * Hands over each event as it arrives; returns at the stream's end.
 *
 * Throws a `Problem` where the answer is no stream of events or where it breaks off, what `heard` throws, and what
 * `fetch` throws at an abort. The connection is given back in any case.
 */
export async function readEvents(response: Response, heard: (event: ServerEvent) => void): Promise<StreamEnd> {
  if (response.status === 204) return 'complete';
  const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream') ?? false;
  if (response.status !== 200 || !isStream || response.body === null) throw await Problem.of(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = createParser(heard);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenOff);
      if (done) return 'ended';
      parser(value);
    }
  } finally {
    // What was read to its end, or was aborted, needs no end.
    await reader.cancel().catch(() => {});
  }
}

/** An abort stays one. */
function brokenOff(error: unknown): never {
  if (error instanceof DOMException && error.name === 'AbortError') throw error;
  throw new Problem(0, 'offline');
}

/** Takes text in whatever pieces it comes. */
export function createParser(heard: (event: ServerEvent) => void): (text: string) => void {
  let rest = '';
  let name = '';
  let id = '';
  let data: string[] = [];
  let characters = 0;

  function line(text: string): void {
    if (text === '') {
      if (data.length > 0) heard({ name: name || 'message', data: data.join('\n'), id });
      name = '';
      data = [];
      characters = 0;
      return;
    }
    characters += text.length;
    if (characters > EVENT_CHARACTERS_MAX) throw new Problem(200, 'unknown');
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
    if (field === 'id') id = value;
  }

  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const one of lines) line(one);
    if (rest.length > EVENT_CHARACTERS_MAX) throw new Problem(200, 'unknown');
  };
}
