// Where an element's attributes lead.

import { describe, expect, it } from 'vitest';
import { type Given, isSamePlace, secondInFragment, shareAddress, takenUp, targetOf } from './address.ts';

const PAGE = 'https://crm.example/leads/7';
const MODULE = 'https://calls.example/hearback/web/player.js';
const NOTHING: Given = { callSid: null, recordingSid: null, base: null, link: null, token: null };
const target = (given: Partial<Given>, module = MODULE) => targetOf({ ...NOTHING, ...given }, PAGE, module);

describe('targetOf', () => {
  it('finds the service beside its own module, under a path prefix', () => {
    expect(target({ callSid: 'CA1' })).toEqual({
      base: new URL('https://calls.example/hearback/'),
      call: 'CA1',
      recording: null,
      credentials: { kind: 'cookie' },
    });
  });

  it('takes the root of the module’s host where the module lies elsewhere', () => {
    expect(target({ callSid: 'CA1' }, 'http://127.0.0.1:5173/src/player/element.ts')?.base.href).toBe(
      'http://127.0.0.1:5173/',
    );
  });

  it('prefers what it is told, relative to the page, with or without a slash', () => {
    expect(target({ callSid: 'CA1', base: '/calls' })?.base.href).toBe('https://crm.example/calls/');
    expect(target({ callSid: 'CA1', base: 'https://x.example/a/?b#c' })?.base.href).toBe('https://x.example/a/');
    expect(target({ callSid: 'CA1', base: 'https://' })).toBeNull();
  });

  it('sends a token where it has one', () => {
    expect(target({ callSid: 'CA1', recordingSid: 'RE1', token: 'abc' })).toMatchObject({
      recording: 'RE1',
      credentials: { kind: 'token', token: 'abc' },
    });
  });

  it('takes everything from a signed link, whatever else it is told', () => {
    const link = 'https://calls.example/hearback/api/recordings/file/CA9?recording=RE9&link=AW_-z';
    const of = { call: 'CA9', recording: 'RE9', credentials: { kind: 'link', query: 'recording=RE9&link=AW_-z' } };
    expect(target({ link, callSid: 'CA1', token: 'abc' })).toEqual({
      base: new URL('https://calls.example/hearback/'),
      ...of,
    });
    expect(target({ link: link.replace('file/CA9', 'CA9/stream') })).toMatchObject(of);
    expect(target({ link, base: '/proxy' })?.base.href).toBe('https://crm.example/proxy/');
  });

  it('does not know where to go without a call, or by a link that is none', () => {
    for (const link of ['https://calls.example/', 'https://calls.example/api/recordings/file/CA9', ':'])
      expect(target({ link })).toBeNull();
    expect(target({})).toBeNull();
    expect(target({ callSid: '' })).toBeNull();
  });

  it('knows a place by service, call and recording', () => {
    const one = target({ callSid: 'CA1', token: 'a' });
    const again = target({ callSid: 'CA1', token: 'b' });
    const other = target({ callSid: 'CA2', token: 'a' });
    if (!one || !again || !other) throw new Error('all are complete');
    expect(isSamePlace(one, again)).toBe(true);
    expect(isSamePlace(one, other)).toBe(false);
  });
});

describe('a player that comes back', () => {
  const left = target({ callSid: 'CA1', token: 'a' });
  const again = target({ callSid: 'CA1', token: 'b' });
  if (!left || !again) throw new Error('all are complete');

  it('goes on in the recording that was heard, whichever is the primary by now', () => {
    const at17 = { target: left, second: 17, recording: 'RE1' };
    expect(takenUp(at17, again)).toEqual({ second: 17, recording: 'RE1' });
  });

  it('that nobody heard begins with what is the primary by now', () => {
    expect(takenUp({ target: left, second: 0, recording: 'RE1' }, again)).toEqual({ second: 0, recording: null });
  });

  it('for something else begins anew', () => {
    const other = target({ callSid: 'CA1', recordingSid: 'RE2' });
    if (!other) throw new Error('it is complete');
    expect(takenUp({ target: left, second: 17, recording: 'RE1' }, other)).toBeNull();
    expect(takenUp(null, again)).toBeNull();
  });
});

describe('shareAddress', () => {
  it('fills the second into what the page gave', () => {
    expect(shareAddress('https://crm.example/calls/7?at={t}', PAGE, 83.9)).toBe('https://crm.example/calls/7?at=83');
    expect(shareAddress('/calls/7#{t}', PAGE, 0)).toBe('https://crm.example/calls/7#0');
  });

  it('adds a fragment to the page’s address, or replaces its own', () => {
    expect(shareAddress(null, PAGE, 83.9)).toBe(`${PAGE}#t=83`);
    expect(shareAddress(null, `${PAGE}#t=12`, 83)).toBe(`${PAGE}#t=83`);
  });

  it('leaves a fragment of the page alone', () => {
    expect(shareAddress(null, `${PAGE}#/route`, 83)).toBeNull();
  });

  it('is read again', () => {
    expect(secondInFragment('#t=83')).toBe(83);
    for (const hash of ['', '#', '#t=', '#t=-1', '#t=1.5', '#tt=1', '#x&t=1'])
      expect(secondInFragment(hash)).toBeNull();
  });
});
