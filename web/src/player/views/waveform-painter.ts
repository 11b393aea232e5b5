// Draws one lane on two canvases: all of it in a quiet tone, and what has been played in full colour above, of which
// the stylesheet shows as much as was played. Playing on therefore draws nothing.

import type { Span } from '../state.ts';
import { BAR_STEP, BAR_WIDTH, barsOf, isWithin, placeholderBars } from './waveform-geometry.ts';

export interface Picture {
  /** Null: not known yet. */
  readonly peaks: Float32Array | null;
  readonly full: number;
  readonly durationSeconds: number | null;
  readonly buffered: readonly Span[];
}

const ALPHA_TO_COME = 0.32;
const ALPHA_BUFFERED = 0.58;
const ALPHA_PLACEHOLDER = 0.22;
const BAR_HEIGHT_MIN = 2;

export class LanePainter {
  readonly #lane: HTMLElement;
  readonly #canvases: readonly HTMLCanvasElement[];
  /** What is on the canvases: the same again is not drawn again. */
  #drawn = '';
  #peaks: Float32Array | null = null;

  constructor(lane: HTMLElement) {
    this.#lane = lane;
    this.#canvases = [...lane.querySelectorAll('canvas')];
  }

  paint(picture: Picture): void {
    const [width, height] = [this.#lane.clientWidth, this.#lane.clientHeight];
    const colour = getComputedStyle(this.#lane).color;
    const buffered = picture.buffered.map(({ start, end }) => `${start.toFixed(1)}-${end.toFixed(1)}`).join();
    const drawn = [width, height, devicePixelRatio, colour, picture.durationSeconds, buffered].join();
    if (width === 0 || (drawn === this.#drawn && picture.peaks === this.#peaks)) return;
    this.#drawn = drawn;
    this.#peaks = picture.peaks;
    const count = Math.floor(width / BAR_STEP);
    const bars = picture.peaks ? barsOf(picture.peaks, count, picture.full) : placeholderBars(count);
    const [base, played] = this.#canvases;
    if (base) draw(base, width, height, colour, bars, (bar) => alphaOf(picture, (bar + 0.5) / count));
    if (played) draw(played, width, height, colour, bars, () => (picture.peaks ? 1 : ALPHA_BUFFERED));
  }
}

function alphaOf({ peaks, durationSeconds, buffered }: Picture, part: number): number {
  if (!peaks) return ALPHA_PLACEHOLDER;
  return isWithin(buffered, part * (durationSeconds ?? 0)) ? ALPHA_BUFFERED : ALPHA_TO_COME;
}

function draw(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  colour: string,
  bars: Float32Array,
  alphaOfBar: (bar: number) => number,
): void {
  const sharp = Math.max(1, devicePixelRatio);
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(sharp, sharp);
  context.fillStyle = colour;
  for (const [bar, loudness] of bars.entries()) {
    const size = Math.max(BAR_HEIGHT_MIN, loudness * height);
    context.globalAlpha = alphaOfBar(bar);
    context.beginPath();
    context.roundRect(bar * BAR_STEP, (height - size) / 2, BAR_WIDTH, size, BAR_WIDTH / 2);
    context.fill();
  }
}
