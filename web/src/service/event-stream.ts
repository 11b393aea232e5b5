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

/**
 * Hands over each event as it arrives; returns at the stream's end.
 *
 * Throws a `Problem` where the answer is not 200 (204, which says to stop, is an end), and what `fetch` throws.
 */
export async function readEvents(response: Response, heard: (event: ServerEvent) => void): Promise<void> {
  if (response.status === 204) return;
  if (response.status !== 200 || response.body === null) throw await Problem.of(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = createParser(heard);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser(value);
  }
}

/** Takes text in whatever pieces it comes. */
export function createParser(heard: (event: ServerEvent) => void): (text: string) => void {
  let rest = '';
  let name = '';
  let id = '';
  let data: string[] = [];

  function line(text: string): void {
    if (text === '') {
      if (data.length > 0) heard({ name: name || 'message', data: data.join('\n'), id });
      name = '';
      data = [];
      return;
    }
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
    if (rest.length > EVENT_CHARACTERS_MAX) throw new Problem(200, 'unknown');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const one of lines) line(one);
  };
}
