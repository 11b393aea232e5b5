// The call as one lane for each channel: what was, what is loaded, what is to come; a click or a drag goes there.
//
// Drawn on canvases of our own and not by wavesurfer.js, which writes <style> elements that a strict content security
// policy refuses, knows no buffered part and no lanes with solo, and alone takes 16 of our 60 KB.

import { css, html, nothing, type PropertyValues } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { playingTime } from '../../words/formats.ts';
import type { Peaks } from '../peaks.ts';
import type { Finding, Sound, Timeline } from '../state.ts';
import { icon } from './icons.ts';
import type { LaneName } from './lanes.ts';
import { Pace } from './pace.ts';
import { define, View } from './view.ts';
import { loudestOf, secondAt, share } from './waveform-geometry.ts';
import { LanePainter } from './waveform-painter.ts';

export class WaveformView extends View {
  @property({ attribute: false }) waveform: Finding<Peaks> = { kind: 'unknown' };
  @property({ attribute: false }) timeline: Timeline | null = null;
  @property({ attribute: false }) sound: Sound | null = null;
  /** One for each lane; a single lane needs no name. */
  @property({ attribute: false }) lanes: readonly LaneName[] = [];
  @property({ attribute: false }) isRunning = false;
  /** Where the pointer is, in seconds; null while it is elsewhere. */
  @state() private hovered: number | null = null;
  @state() private isDragging = false;
  @query('.stage') private stage!: HTMLElement | null;

  #painters: LanePainter[] = [];
  readonly #pace = new Pace(this, (second) => this.#moveTo(second));
  readonly #sizes = new ResizeObserver(() => this.#paint());
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  readonly #contrast = matchMedia('(forced-colors: active)');
  readonly #repaint = () => this.#paint();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#scheme.addEventListener('change', this.#repaint);
    this.#contrast.addEventListener('change', this.#repaint);
    if (this.hasUpdated && this.stage) this.#sizes.observe(this.stage);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sizes.disconnect();
    this.#scheme.removeEventListener('change', this.#repaint);
    this.#contrast.removeEventListener('change', this.#repaint);
  }

  override render() {
    const { words, sound } = this;
    const isNamed = this.lanes.length > 1;
    return html`<div class="waveform ${isNamed ? 'is-named' : ''}" part="waveform">
      ${
        isNamed
          ? html`<div class="lane-names">${this.lanes.map((lane, channel) => this.#label(lane, channel, sound))}</div>`
          : nothing
      }
      <div class="stage" role="slider" tabindex="0" dir="ltr" aria-label=${words.say('position')} aria-orientation="horizontal"
        aria-valuemin="0" aria-valuemax=${Math.floor(this.#duration ?? 0)}
        aria-valuenow=${Math.floor(this.#position)} aria-valuetext=${this.#said()}
        @pointerdown=${this.#press} @pointermove=${this.#hover} @pointerup=${this.#release}
        @pointercancel=${this.#leave} @pointerleave=${this.#leave} @transitionend=${this.#repaint}>
        ${this.lanes.map(
          (
            { role },
            channel,
          ) => html`<div class="lane ${this.#isSilent(channel) ? 'is-silent' : ''}" data-role=${role ?? 'none'}>
            <canvas aria-hidden="true"></canvas><canvas class="played" aria-hidden="true"></canvas>
          </div>`,
        )}
        <div class="playhead" aria-hidden="true"></div>
        <div class="pointer ${this.hovered === null ? '' : 'is-shown'}" aria-hidden="true"><span>${
          this.hovered === null ? '' : playingTime(this.hovered)
        }</span></div>
      </div>
    </div>`;
  }

  protected override firstUpdated(): void {
    if (this.stage) this.#sizes.observe(this.stage);
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('lanes')) {
      const lanes = [...this.querySelectorAll<HTMLElement>('.lane')];
      this.#painters = lanes.map((lane) => new LanePainter(lane));
    }
    // It sees for itself whether anything is to be drawn.
    this.#paint();
    const { second } = this.timeline ?? { second: 0 };
    this.#pace.tell({ second, isRunning: this.isRunning, rate: this.sound?.rate ?? 1 });
  }

  #label({ name, role }: LaneName, channel: number, sound: Sound | null) {
    const isSolo = sound?.soloChannel === channel;
    const label = this.words.say('solo', { name });
    return html`<div class="lane-name" data-role=${role ?? 'none'}>
      <button type="button" class="solo" part="button" aria-pressed=${isSolo ? 'true' : 'false'} aria-label=${label} title=${label}
        @click=${() => this.send({ type: 'solo', channel: isSolo ? null : channel })}>
        <span class="dot"></span><bdi>${name}</bdi>${icon('headphones')}
      </button>
    </div>`;
  }

  get #duration(): number | null {
    const peaks = this.waveform.kind === 'found' ? this.waveform.value.durationSeconds : null;
    return this.timeline?.durationSeconds ?? peaks;
  }

  /** While somebody drags, it is where the pointer is: sound follows once it is let go. */
  get #position(): number {
    return this.isDragging && this.hovered !== null ? this.hovered : (this.timeline?.second ?? 0);
  }

  #said(): string {
    const time = playingTime(this.#position);
    const duration = this.#duration;
    if (duration === null) return this.words.say('position_unknown', { time });
    return this.words.say('position_value', { time, duration: playingTime(duration) });
  }

  #isSilent(channel: number): boolean {
    const solo = this.sound?.soloChannel ?? null;
    return solo !== null && solo !== channel;
  }

  #paint(): void {
    const peaks = this.waveform.kind === 'found' ? this.waveform.value : null;
    const full = peaks ? loudestOf(peaks.lanes) : 1;
    const buffered = this.timeline?.buffered ?? [];
    for (const [channel, painter] of this.#painters.entries())
      painter.paint({ peaks: peaks?.lanes[channel] ?? null, full, durationSeconds: this.#duration, buffered });
  }

  /** With every frame: only a custom property changes, nothing is drawn. */
  #moveTo(second: number): void {
    if (this.isDragging) return;
    this.#place('--played', second);
  }

  #place(property: '--played' | '--pointer', second: number): void {
    const part = share(second, this.#duration ?? 0);
    this.stage?.style.setProperty(property, `${(part * 100).toFixed(3)}%`);
  }

  #secondOf(event: PointerEvent): number | null {
    const bounds = this.stage?.getBoundingClientRect();
    const duration = this.#duration;
    if (!bounds || duration === null) return null;
    return secondAt(event.clientX - bounds.left, bounds.width, duration);
  }

  #press(event: PointerEvent): void {
    const second = event.button === 0 ? this.#secondOf(event) : null;
    if (second === null) return;
    this.stage?.setPointerCapture(event.pointerId);
    this.isDragging = true;
    this.#point(second);
  }

  #hover(event: PointerEvent): void {
    const second = this.#secondOf(event);
    if (second !== null) this.#point(second);
  }

  #point(second: number): void {
    this.hovered = second;
    this.#place('--pointer', second);
    if (this.isDragging) this.#place('--played', second);
  }

  #release(event: PointerEvent): void {
    if (!this.isDragging) return;
    const second = this.#secondOf(event);
    this.isDragging = false;
    if (event.pointerType !== 'mouse') this.hovered = null;
    if (second !== null) this.send({ type: 'seek', second });
  }

  #leave(event: PointerEvent): void {
    if (event.type === 'pointerleave' && this.isDragging) return;
    this.isDragging = false;
    this.hovered = null;
  }
}

define('hearback-waveform', WaveformView);

export const waveformStyles = css`
  .waveform { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
  .waveform.is-named { grid-template-columns: auto minmax(0, 1fr); }
  .lane-names, .stage { display: grid; grid-auto-rows: 2.75rem; gap: 0.25rem; }
  /* As high as two, so that nothing moves when it becomes known how many there are. */
  .waveform:not(.is-named) .stage { grid-auto-rows: 5.75rem; }
  .lane-name { display: flex; align-items: center; }
  [data-role='caller'] { --lane: var(--caller); }
  [data-role='agent'] { --lane: var(--agent); }
  [data-role='none'] { --lane: var(--accent); }
  .solo {
    display: flex; align-items: center; gap: 0.5rem; max-inline-size: 8.5rem; min-block-size: 1.75rem; padding: 0.25rem 0.5rem;
    border: 1px solid transparent; border-radius: 0.625rem; background: none; color: var(--ink); font-size: 0.8125rem; font-weight: 550;
  }
  .solo bdi { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .solo .icon { color: var(--quiet); font-size: 1rem; opacity: 0.55; }
  .solo:hover { background: var(--hover); }
  .solo:hover .icon { opacity: 1; }
  .solo[aria-pressed='true'] { background: var(--tint); border-color: var(--tint-edge); }
  .solo[aria-pressed='true'] .icon { color: var(--accent); opacity: 1; }
  .dot { flex: none; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--lane); forced-color-adjust: none; }
  .stage { position: relative; cursor: pointer; touch-action: pan-y; border-radius: 0.5rem; -webkit-user-select: none; user-select: none; }
  /* Its end tells that a page has changed its colours, which nothing else does. */
  .lane { position: relative; color: var(--lane); transition: color 1ms !important; }
  .lane.is-silent { opacity: 0.3; }
  .lane canvas { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; }
  .lane .played { clip-path: inset(0 calc(100% - var(--played, 0%)) 0 0); }
  .playhead, .pointer { position: absolute; inset-block: -0.125rem; inline-size: 2px; margin-left: -1px; border-radius: 1px; pointer-events: none; }
  .playhead { left: var(--played, 0%); background: var(--ink); }
  .pointer { left: var(--pointer, 0%); background: var(--quiet); opacity: 0; }
  .pointer.is-shown { opacity: 1; }
  .pointer span {
    position: absolute; inset-block-end: calc(100% + 0.125rem); left: 50%; transform: translateX(-50%);
    padding: 0 0.375rem; border-radius: 0.25rem; background: var(--ink); color: var(--surface);
    font-size: 0.6875rem; line-height: 1.0625rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap;
  }
  @media (forced-colors: active) {
    .playhead { background: Highlight; }
    .pointer { background: CanvasText; }
    .lane { color: CanvasText; }
  }
  @container (max-width: 30rem) {
    .waveform.is-named { grid-template-columns: minmax(0, 1fr); gap: 0.375rem; }
    .waveform.is-named .lane-names { grid-auto-flow: column; grid-auto-rows: auto; justify-content: start; gap: 0.25rem; }
    .lane-names .solo { margin-inline-start: -0.5rem; margin-inline-end: 0.5rem; }
  }
`;
