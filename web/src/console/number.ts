// `<hearback-number>`: everything that was said with one number, as whoever is about to call it wants to know.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { Service } from '../service/service.ts';
import type { Appointment, Summary } from '../service/shapes.ts';
import { instant, phone, playingTime } from '../words/formats.ts';
import type { CallList } from './call-list.ts';
import './call-list.ts';
import { historyOf, type UpcomingAppointment, upcomingOf } from './history.ts';
import { icon } from './icons.ts';
import { EMPTY, type ListState } from './list-state.ts';
import { numberStyles } from './number.styles.ts';
import { NumberFindings } from './number-findings.ts';
import { callOf, formatRoute } from './router.ts';
import { skeleton } from './skeleton.ts';
import { shared } from './styles.ts';
import { consoleWords } from './words/words.ts';

@customElement('hearback-number')
export class NumberPage extends LitElement {
  static override styles = [shared, numberStyles];

  @property({ attribute: false }) words = consoleWords('en');
  @property({ attribute: false }) service!: Service;
  @property({ attribute: false }) number = '';
  @property({ attribute: false }) list: ListState = EMPTY;
  @property({ attribute: false }) nowMs = 0;
  @property({ type: Boolean }) isTroubled = false;

  @state() private summaries: ReadonlyMap<string, Summary | null> = new Map();
  @state() private appointments: readonly Appointment[] = [];
  @query('h1') private heading!: HTMLElement;
  @query('hearback-call-list') private rows!: CallList | null;
  #findings: NumberFindings | null = null;

  arrive(call: string | null): void {
    if (call !== null && this.rows !== null) this.rows.focusCall(call);
    else this.heading.focus({ preventScroll: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#findings?.dispose();
    this.#findings = null;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has('list') || this.list.calls === null || this.list.calls.length === 0) return;
    this.#findings ??= new NumberFindings(this.service, {
      summaries: (found) => {
        this.summaries = found;
      },
      appointments: (found) => {
        this.appointments = found;
      },
    });
    this.#findings.want(this.list.calls);
  }

  override render() {
    const { say } = this.words;
    const calls = this.list.calls ?? [];
    return html`
      <a class="button plain back" href="#/calls">${icon('back', true)}${say('back_to_calls')}</a>
      <h1 tabindex="-1"><bdi dir="ltr">${phone(this.number)}</bdi></h1>
      ${calls.length > 0 ? this.#history() : nothing}
      <section aria-labelledby="history">
        <h2 id="history" class=${calls.length > 0 ? '' : 'unseen'}>${say('number_history')}</h2>
        ${this.#results()}
      </section>
    `;
  }

  #results(): TemplateResult {
    const { say } = this.words;
    const { calls } = this.list;
    if (calls === null && !this.isTroubled) return skeleton(say('loading'));
    if (calls !== null && calls.length > 0) {
      return html`<hearback-call-list kind="number" .words=${this.words} .list=${this.list} .nowMs=${this.nowMs} .summaries=${this.summaries}></hearback-call-list>`;
    }
    return html`<div class="card empty">
      ${icon('phone')}
      <h2>${say(calls === null ? 'calls_unreachable' : 'no_calls_with')}</h2>
      ${calls === null ? nothing : html`<p>${say('no_calls_with_hint')}</p>`}
    </div>`;
  }

  #history(): TemplateResult {
    const { say, formats } = this.words;
    const history = historyOf(this.list.calls ?? []);
    const isAll = this.list.cursor === null;
    const count = (value: number) =>
      isAll ? formats.number(value) : say('at_least', { count: formats.number(value) });
    const lastMs = instant(history.lastContact);
    const upcoming = upcomingOf(this.appointments, this.list.calls ?? [], this.nowMs);
    return html`
      <dl class="card stats">
        ${this.#stat(say('calls_count'), count(history.calls))}
        ${this.#stat(say('inbound'), count(history.inbound))}
        ${this.#stat(say('outbound'), count(history.outbound))}
        ${this.#stat(say('talk_time'), isAll ? playingTime(history.talkSeconds) : say('at_least', { count: playingTime(history.talkSeconds) }))}
        ${this.#stat(
          say('last_contact'),
          lastMs === null
            ? say('never')
            : html`<time datetime=${history.lastContact ?? ''} title=${formats.exact(lastMs)}>${formats.relative(history.lastContact, this.nowMs)}</time>`,
        )}
      </dl>
      ${upcoming.length > 0 ? html`<section aria-labelledby="upcoming"><h2 id="upcoming">${say('upcoming')}</h2><ul class="upcoming">${upcoming.map((one) => this.#appointment(one))}</ul></section>` : nothing}
    `;
  }

  #stat(name: string, value: string | TemplateResult): TemplateResult {
    return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  }

  #appointment({ appointment, call }: UpcomingAppointment): TemplateResult {
    const { say, formats } = this.words;
    const { starts_at: starts, subject, customer_name: name, status } = appointment;
    const ms = instant(starts);
    return html`<li class="card">
      <span class="date">${icon('calendar')}</span>
      <p class="what">
        <strong><time datetime=${starts}>${ms === null ? starts : formats.moment(starts, this.nowMs)}</time></strong>
        <span class="tag">${say(status === 'confirmed' ? 'appointment_confirmed' : 'appointment_proposed')}</span>
      </p>
      <p class="quiet small about"><span dir="auto">${[subject, name].filter((text) => text !== null).join(' · ')}</span></p>
      <a class="small" href=${formatRoute(callOf(call))}>${say('appointment_call')}</a>
    </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-number': NumberPage;
  }
}
