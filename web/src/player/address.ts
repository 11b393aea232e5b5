// Where the service is and what is to be played, from an element's attributes; and the address to share. Pure.

import type { Credentials } from '../service/service.ts';

/** As the element was given them: empty is as good as missing. */
export interface Given {
  readonly callSid: string | null;
  readonly recordingSid: string | null;
  readonly base: string | null;
  readonly link: string | null;
  readonly token: string | null;
}

export interface Target {
  /** With a slash at its end. */
  readonly base: URL;
  readonly call: string;
  /** Null: the call's primary. */
  readonly recording: string | null;
  readonly credentials: Credentials;
}

/** `…/api/recordings/file/CA…` or its alias `…/api/recordings/CA…/stream`. */
const LINK_PATH = /^(.*\/)api\/recordings\/(?:file\/([^/]+)|([^/]+)\/stream)$/;

/**
 * Null where there is no telling which call is meant, or where.
 *
 * A link says everything itself; `base` may say that the service is reached under another address than it signs for.
 */
export function targetOf(given: Given, page: string, module: string): Target | null {
  if (given.link) return targetOfLink(given.link, given.base, page);
  if (!given.callSid) return null;
  const base = given.base ? baseOf(given.base, page) : baseOfModule(module);
  if (base === null) return null;
  const credentials: Credentials = given.token ? { kind: 'token', token: given.token } : { kind: 'cookie' };
  return { base, call: given.callSid, recording: given.recordingSid || null, credentials };
}

export function targetOfLink(link: string, base: string | null, page: string): Target | null {
  const url = parsed(link, page);
  const [, prefix, file, stream] = LINK_PATH.exec(url?.pathname ?? '') ?? [];
  const call = file ?? stream;
  if (!url || prefix === undefined || !call || !url.searchParams.has('link')) return null;
  const from = base ? baseOf(base, page) : new URL(prefix, url);
  if (from === null) return null;
  const credentials = { kind: 'link', query: url.search.slice(1) } as const;
  return { base: from, call, recording: url.searchParams.get('recording'), credentials };
}

export function isSamePlace(a: Target, b: Target): boolean {
  return a.base.href === b.base.href && a.call === b.call && a.recording === b.recording;
}

/** Where a player had come to that was taken out of its page, for its coming back. */
export interface Left {
  readonly target: Target;
  readonly second: number;
  /** The one that it played; null: nothing had named it. */
  readonly recording: string | null;
}

/** Null for what is to begin as `target` says. A second is one of the recording that was heard, and of no other. */
export function takenUp(left: Left | null, target: Target): Pick<Left, 'second' | 'recording'> | null {
  if (left === null || !isSamePlace(left.target, target)) return null;
  return { second: left.second, recording: left.second > 0 ? left.recording : target.recording };
}

export function isSameCredentials(a: Credentials, b: Credentials): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The address that leads to this second: `template` with its `{t}` replaced, else the page's with `#t=…`.
 *
 * Null where the page's address has a fragment of its own, which we must not overwrite.
 */
export function shareAddress(template: string | null, page: string, second: number): string | null {
  const whole = String(Math.max(0, Math.floor(second)));
  if (template) return parsed(template.replaceAll('{t}', whole), page)?.href ?? null;
  const url = new URL(page);
  if (url.hash !== '' && secondInFragment(url.hash) === null) return null;
  url.hash = `t=${whole}`;
  return url.href;
}

/** `#t=83` → 83: what `shareAddress` wrote. */
export function secondInFragment(hash: string): number | null {
  const digits = /^#t=(\d{1,6})$/.exec(hash)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The module is served as `{base}/web/player.js`; in development it lies elsewhere, below the page's root. */
function baseOfModule(module: string): URL | null {
  const url = parsed(module, module);
  if (!url) return null;
  const [, prefix] = /^(.*\/)web\/[^/]+$/.exec(url.pathname) ?? [];
  return new URL(prefix ?? '/', url);
}

function baseOf(base: string, page: string): URL | null {
  const url = parsed(base, page);
  if (!url) return null;
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function parsed(text: string, base: string): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}
