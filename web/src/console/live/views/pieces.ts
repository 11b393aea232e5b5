// The small parts that several of the page's lists are made of.

import { html, nothing, type TemplateResult } from 'lit';
import { instant, percentOf, sentence, shortSid } from '../../../words/formats.ts';
import type { Words } from '../../../words/words.ts';
import type { Tone } from '../models.ts';
import type { LiveRecording } from '../shapes.ts';
import { type Order, type Outcome, orderKey, type View } from '../view.ts';
import type { LiveKey } from '../words/en.ts';

export type Part = TemplateResult | typeof nothing;

/** A dot and a word: colour is never all there is to see. */
export function status(tone: Tone, word: string): Part {
  return html`<span class="status" data-tone=${tone}><span class="dot" aria-hidden="true"></span>${word}</span>`;
}

/** A call by its SID: a link where `/api` would show it. */
export function callName(view: View, call: { business: string; call_sid: string }): Part {
  const sid = html`<bdi dir="ltr">${shortSid(call.call_sid)}</bdi>`;
  const name =
    view.business === call.business
      ? html`<a class="sid" href="#/calls/${call.call_sid}" title=${call.call_sid}>${sid}</a>`
      : html`<span class="sid" title=${call.call_sid}>${sid}</span>`;
  return html`${name}<span class="tag"><bdi>${call.business}</bdi></span>`;
}

/** What the service says in its own words, which are English. */
export function told(text: string): Part {
  return html`<bdi lang="en" dir="ltr">${sentence(text)}</bdi>`;
}

export function line(label: string, content: unknown, className = ''): Part {
  return html`<p class="line ${className}"><span class="label">${label}</span> <span>${content}</span></p>`;
}

/** How long from now, or that it is now. */
export function inTime(view: View, at: string | null): string | null {
  const ms = instant(at);
  if (ms === null) return null;
  const seconds = Math.ceil((ms - view.nowMs) / 1000);
  return seconds > 0 ? view.words.say('inTime', { time: view.words.formats.span(seconds) }) : view.words.say('now');
}

export function age(view: View, since: string): Part {
  const { formats, say } = view.words;
  const elapsed = formats.elapsed(since, view.nowMs);
  const ms = instant(since);
  if (elapsed === null || ms === null) return nothing;
  return html`<time class="quiet age" datetime=${since} title=${formats.exact(ms)}>${say('forTime', { time: elapsed })}</time>`;
}

export function relative(view: View, at: string): Part {
  const { formats } = view.words;
  const ms = instant(at);
  if (ms === null) return nothing;
  return html`<time class="quiet age" datetime=${at} title=${formats.exact(ms)}>${formats.relative(at, view.nowMs)}</time>`;
}

/** `share` is from 0 to 1; without one it is under way, nobody knows how far. */
export function bar(label: string, share: number | null): Part {
  return share === null
    ? html`<progress class="bar" aria-label=${label}></progress>`
    : html`<progress class="bar" aria-label=${label} max="1" .value=${share}></progress>`;
}

/** Bytes of how many, in words. */
export function bytesText(view: View, recording: LiveRecording): string {
  const { formats, say } = view.words;
  const received = recording.received_bytes ?? 0;
  if (recording.total_bytes === null) return formats.bytes(received);
  const percent = percentOf(received, recording.total_bytes) ?? 0;
  const text = say('bytesOf', { received: formats.bytes(received), total: formats.bytes(recording.total_bytes) });
  return `${text} · ${formats.percent(percent)}`;
}

/** A button that gives an order; `name` says of what, for who does not see where it is. */
export function orderButton(view: View, order: Order, text: string, name: string): Part {
  const give = () => {
    if (view.outcomes.get(orderKey(order)) !== 'pending') view.act({ kind: 'order', order });
  };
  const pending = view.outcomes.get(orderKey(order)) === 'pending';
  return html`<button class="small" type="button" aria-label=${name} aria-disabled=${pending} @click=${give}>${text}</button>`;
}

export function outcome(view: View, key: string): Part {
  const said = view.outcomes.get(key);
  if (said === undefined) return nothing;
  const isBad = said !== 'pending' && said !== 'done';
  return html`<span class=${isBad ? 'bad' : 'quiet'}>${said === 'done' ? '✓ ' : nothing}${outcomeText(view.words, said)}</span>`;
}

export function outcomeText(words: Words<LiveKey>, said: Outcome | undefined): string {
  switch (said) {
    case undefined:
      return '';
    case 'pending':
      return words.say('orderPending');
    case 'done':
      return words.say('orderDone');
    case 'conflict':
      return words.say('orderConflict');
    case 'gone':
      return words.say('orderGone');
    case 'failed':
      return words.say('orderFailed');
  }
}

/** A row of choices of which one is taken. */
export function choice<T extends string>(
  label: string,
  name: string,
  options: readonly (readonly [value: T, text: string])[],
  taken: T,
  choose: (value: T) => void,
): Part {
  return html`<label class="choice"
    ><span>${label}</span>
    <select name=${name} @change=${(event: Event) => chosen(event, options, choose)}>
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === taken}>${text}</option>`)}
    </select></label
  >`;
}

function chosen<T extends string>(
  event: Event,
  options: readonly (readonly [T, string])[],
  choose: (value: T) => void,
): void {
  if (!(event.target instanceof HTMLSelectElement)) return;
  const { value } = event.target;
  const option = options.find(([known]) => known === value);
  if (option) choose(option[0]);
}
