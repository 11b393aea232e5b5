// What a call came to: summary, facts, and the appointment that was made in it.

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import type { Appointment, CallDetails, Fact, Stage, StageName } from '../../service/shapes.ts';
import { instant } from '../../words/formats.ts';
import type { Change } from '../state.ts';
import { confidenceKey, localInput, momentOf } from './summary-text.ts';
import { define, View } from './view.ts';

export class SummaryView extends View {
  @property({ attribute: false }) details: CallDetails | null = null;
  @property({ attribute: false }) stages: readonly Stage[] = [];
  @property({ attribute: false }) change: Change | null = null;
  @property({ attribute: false }) mayDecide = false;
  @state() private isMoving = false;
  #hadFocus = false;

  override render() {
    if (this.details === null) return nothing;
    const { summary, facts, appointment } = this.details;
    if (!summary && !facts && !appointment && !this.#isComing('summarise')) return nothing;
    const { say } = this.words;
    return html`<section class="panel summary" part="summary" aria-label=${say('summary')}>
      <div class="panel-head"><h3>${say('summary')}</h3></div>
      ${this.#isComing('summarise') ? html`<p class="coming" role="status">${say('summary_coming')}</p>` : nothing}
      <dl class="said">
        ${this.#row('topic', summary?.topic)} ${this.#row('outcome', summary?.outcome)} ${this.#row('next_step', summary?.next_step)}
      </dl>
      <dl class="facts">
        ${this.#fact('customer', facts?.customer_name)} ${this.#fact('city', facts?.city)} ${this.#fact('service', facts?.service)}
      </dl>
      ${appointment === null ? nothing : this.#appointment(appointment)}
    </section>`;
  }

  /** What was asked for has happened: the form is not needed any more. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    const was = changed.get('change');
    const isDecided = was?.kind === 'decision' && was.outcome === 'under_way';
    if (isDecided && this.change === null) this.isMoving = false;
    if (this.change?.outcome === 'under_way') this.#hadFocus ||= this.#hasFocus;
  }

  /** What was pressed is disabled meanwhile, or gone: the keyboard stays where it was. */
  protected override updated(): void {
    if (!this.#hadFocus || this.#isBusy) return;
    this.#hadFocus = false;
    if (rootOf(this).activeElement === null)
      this.querySelector<HTMLElement>('.actions button, .actions input')?.focus();
  }

  #isComing(name: StageName): boolean {
    return this.stages.some(({ stage, state }) => stage === name && (state === 'waiting' || state === 'running'));
  }

  #row(key: 'topic' | 'outcome' | 'next_step', text: string | null | undefined) {
    if (!text) return nothing;
    return html`<div><dt>${this.words.say(key)}</dt><dd dir="auto">${text}</dd></div>`;
  }

  #fact(key: 'customer' | 'city' | 'service', fact: Fact | null | undefined) {
    if (!fact) return nothing;
    return html`<div><dt>${this.words.say(key)}</dt><dd><bdi>${fact.label ?? fact.value}</bdi> ${this.#confidence(fact.confidence)}</dd></div>`;
  }

  #confidence(confidence: number): TemplateResult {
    const word = this.words.say(confidenceKey(confidence));
    const percent = this.words.formats.percent(Math.round(confidence * 100));
    return html`<span class="confidence">${this.words.say('confidence', { word, percent })}</span>`;
  }

  #appointment(appointment: Appointment) {
    const { say } = this.words;
    const { subject, customer_name: customer, status, confidence } = appointment;
    const label = appointment.label && appointment.label !== status ? appointment.label : say(`appointment_${status}`);
    return html`<div class="appointment" part="appointment" data-status=${status} role="group" aria-label=${say('appointment')}>
      <p class="appointment-head">
        <span class="label">${say('appointment')}</span> <span class="status"><bdi>${label}</bdi></span>
      </p>
      <p class="when">${momentOf(appointment.starts_at, this.words.language, Date.now())}</p>
      ${subject ? html`<p dir="auto">${subject}</p>` : nothing}
      <p class="quiet">${customer ? html`<bdi>${customer}</bdi> ` : nothing}${status === 'proposed' ? this.#confidence(confidence) : nothing}</p>
      ${this.mayDecide ? (this.isMoving ? this.#move(appointment) : this.#decide(appointment)) : nothing}
      ${this.#outcome()}
    </div>`;
  }

  #decide({ id, status }: Appointment) {
    const { say } = this.words;
    const decide = (status: 'confirmed' | 'dismissed') => () =>
      this.send({ type: 'decide', appointment: id, change: { status } });
    const isBusy = this.#isBusy;
    return html`<div class="actions">
      ${
        status === 'confirmed'
          ? nothing
          : html`<button type="button" class="action" part="button" ?disabled=${isBusy} @click=${decide('confirmed')}>${say('confirm')}</button>`
      }
      <button type="button" class="action is-plain" part="button" ?disabled=${isBusy} @click=${this.#beginMove}>${say('move')}</button>
      ${
        status === 'dismissed'
          ? nothing
          : html`<button type="button" class="action is-plain" part="button" ?disabled=${isBusy} @click=${decide('dismissed')}>${say('dismiss')}</button>`
      }
    </div>`;
  }

  #move({ id, starts_at }: Appointment) {
    const { say } = this.words;
    return html`<form class="actions" @submit=${(event: SubmitEvent) => this.#submitMove(event, id)}>
      <label>${say('new_time')} <input type="datetime-local" name="time" required dir="ltr" .value=${localInput(instant(starts_at) ?? 0)}></label>
      <button type="submit" class="action" part="button" ?disabled=${this.#isBusy}>${say('save')}</button>
      <button type="button" class="action is-plain" part="button" @click=${this.#endMove}>${say('cancel')}</button>
    </form>`;
  }

  #submitMove(event: SubmitEvent, appointment: number): void {
    event.preventDefault();
    const input = this.querySelector<HTMLInputElement>('input[name="time"]');
    const time = new Date(input?.value ?? '');
    if (Number.isNaN(time.getTime())) return;
    this.send({ type: 'decide', appointment, change: { starts_at: time.toISOString() } });
  }

  async #beginMove(): Promise<void> {
    this.isMoving = true;
    await this.updateComplete;
    this.querySelector<HTMLElement>('input[name="time"]')?.focus();
  }

  async #endMove(): Promise<void> {
    this.isMoving = false;
    await this.updateComplete;
    this.querySelector<HTMLElement>('.actions button')?.focus();
  }

  get #hasFocus(): boolean {
    const { activeElement } = rootOf(this);
    return activeElement !== null && this.contains(activeElement);
  }

  get #isBusy(): boolean {
    return this.change?.outcome === 'under_way';
  }

  #outcome() {
    const { change } = this;
    const text =
      change?.kind !== 'decision'
        ? ''
        : this.words.say(change.outcome === 'under_way' ? 'saving' : `change_${change.outcome}`);
    return html`<p class="outcome" role="status">${text}</p>`;
  }
}

/** Where the focus within the player is told; in the document itself it is its body where there is none. */
function rootOf(view: SummaryView): { readonly activeElement: Element | null } {
  const root = view.getRootNode();
  return root instanceof ShadowRoot ? root : { activeElement: null };
}

define('hearback-summary', SummaryView);

export const summaryStyles = css`
  .summary { display: grid; gap: 0.625rem; align-content: start; }
  .summary dl { display: grid; gap: 0.75rem; margin: 0 0 0.375rem; }
  .summary dl:not(:has(div)) { display: none; }
  .summary dt, .appointment .label { color: var(--quiet); font-size: 0.75rem; font-weight: 550; letter-spacing: 0.01em; }
  .summary dd { margin: 0; overflow-wrap: anywhere; text-align: match-parent; text-align: -webkit-match-parent; }
  .summary .facts { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); padding-block-start: 1rem; border-block-start: 1px solid var(--line); }
  .facts dd bdi { font-weight: 550; }
  .confidence { color: var(--quiet); font-size: 0.75rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
  .facts .confidence { display: block; }
  .appointment { display: grid; gap: 0.25rem; padding: 0.875rem 1rem 1rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--raised); }
  .appointment-head { display: flex; justify-content: space-between; align-items: center; gap: 0.5rem; }
  .appointment .status { padding: 0.125rem 0.5rem; border-radius: 1rem; background: var(--tint); color: var(--accent); font-size: 0.75rem; font-weight: 600; }
  .appointment[data-status='dismissed'] .status { background: var(--hover); color: var(--quiet); }
  .appointment[data-status='dismissed'] .when { text-decoration: line-through; }
  .appointment p:not(.when) { font-size: 0.875rem; }
  .appointment .when { font-size: 1rem; font-weight: 620; }
  .actions { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: end; margin-block-start: 0.5rem; }
  .actions label { display: grid; gap: 0.25rem; flex: 1 1 100%; font-size: 0.8125rem; color: var(--quiet); }
  .outcome { color: var(--warn); font-size: 0.8125rem; }
  .outcome:empty { display: none; }
`;
