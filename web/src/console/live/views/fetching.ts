// The pool that fetches, its queues, each account's pace, and how full the vault is.

import { html, nothing, svg } from 'lit';
import { shortSid } from '../../../words/formats.ts';
import { poolOf, queuesOf, slotsOf, vaultOf } from '../models.ts';
import type { Account, Pool, VaultDetail } from '../shapes.ts';
import type { View } from '../view.ts';
import { type Part, status, told } from './pieces.ts';

export function fetching(view: View): Part {
  const pool = poolOf(view.board);
  const vault = vaultOf(view.board);
  return html`
    <section class="card fetching" aria-labelledby="fetching">
      <header><h2 id="fetching" tabindex="-1">${view.words.say('fetching')}</h2></header>
      ${pool === null ? nothing : poolPart(view, pool)} ${vault === null ? nothing : vaultPart(view, vault)}
    </section>
  `;
}

function poolPart(view: View, pool: Pool): Part {
  const { say, formats } = view.words;
  const text = say('slots', { running: formats.number(pool.running), max: formats.number(pool.parallel_max) });
  return html`
    <div class="slots" aria-hidden="true">
      ${slotsOf(pool).map((busy) => html`<span data-busy=${busy}></span>`)}
    </div>
    <p class="quiet">${text}</p>
    <h3>${say('queues')}</h3>
    <dl class="queues">
      ${queuesOf(pool).map(
        ({ intent, count, share }) => html`
          <div data-idle=${count === 0}>
            <dt>${say(`intent_${intent}`)} <span class="quiet">${say(`intentHint_${intent}`)}</span></dt>
            <dd>
              <svg class="queue" aria-hidden="true" focusable="false">
                ${svg`<rect class="ground" width="100%" height="100%" rx="3"></rect><rect class="fill" width="${share * 100}%" height="100%" rx="3"></rect>`}
              </svg>
              <span class="figure">${formats.number(count)}</span>
            </dd>
          </div>
        `,
      )}
    </dl>
    <h3>${say('governor')}</h3>
    ${
      pool.accounts.length === 0
        ? html`<p class="quiet">${say('noAccounts')}</p>`
        : html`<ul class="accounts" role="list">
            ${pool.accounts.map((account) => accountRow(view, account))}
          </ul>`
    }
  `;
}

function accountRow(view: View, account: Account): Part {
  const { say, formats } = view.words;
  const { requests_per_second: rate, paused_for_seconds: paused, probed_in_seconds: probed } = account;
  const tone = account.breaker === 'open' ? 'bad' : paused === null ? 'good' : 'waiting';
  const word =
    account.breaker === 'open'
      ? say('breakerOpen')
      : paused === null
        ? say('breakerClosed')
        : say('pausedFor', { time: formats.span(Math.ceil(paused)) });
  const facts = [
    rate === null ? null : say('perSecond', { rate: formats.number(rate) }),
    probed === null ? null : say('probedIn', { time: formats.span(Math.ceil(probed)) }),
    account.worked_at === null ? null : say('worked', { when: formats.relative(account.worked_at, view.nowMs) ?? '' }),
  ].filter((fact) => fact !== null);
  return html`
    <li>
      <div class="head">
        <bdi class="sid" dir="ltr" title=${account.account}>${shortSid(account.account)}</bdi>
        ${status(tone, word)}
      </div>
      <p class="quiet">${facts.join(' · ')}</p>
      ${tone === 'good' ? nothing : html`<p class=${tone === 'bad' ? 'bad' : 'quiet'}>${told(account.next)}</p>`}
    </li>
  `;
}

function vaultPart(view: View, vault: VaultDetail): Part {
  const { say, formats } = view.words;
  const text = say('vaultUsed', { used: formats.bytes(vault.bytes), limit: formats.bytes(vault.limit_bytes) });
  return html`
    <h3>${say('vault')}</h3>
    <meter class="bar" min="0" max="1" aria-label=${say('vault')} .value=${vault.bytes / Math.max(1, vault.limit_bytes)}></meter>
    <p class="quiet">${text} · ${say('vaultCopies', { count: formats.number(vault.copies) })}</p>
  `;
}
