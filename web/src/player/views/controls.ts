// The row of buttons.

import { css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { playingTime } from '../../words/formats.ts';
import { JUMP_SECONDS, nextRate } from '../keyboard.ts';
import type { Playback, Sound, Timeline } from '../state.ts';
import { type Icon, icon } from './icons.ts';
import { define, View } from './view.ts';

export class ControlsView extends View {
  @property({ attribute: false }) playback: Playback = { name: 'idle' };
  /** Whether there is sound, or will be as soon as there can be: what the button then does is to stop that. */
  @property({ attribute: false }) wantsSound = false;
  @property({ attribute: false }) timeline: Timeline | null = null;
  @property({ attribute: false }) sound: Sound | null = null;
  /** Null: it may not be downloaded. */
  @property({ attribute: false }) downloadUrl: string | null = null;
  /** Hears of the press, and may see to it in another way. */
  @property({ attribute: false }) download: (press: Event) => void = () => {};
  @property({ attribute: false }) canShare = false;
  @property({ attribute: false }) copy: () => void = () => {};
  @property({ attribute: false }) showKeys: () => void = () => {};

  override render() {
    if (this.timeline === null || this.sound === null) return nothing;
    const { words, sound } = this;
    return html`<div class="controls" part="controls" role="group" aria-label=${words.say('controls')}>
      <div class="transport">
        ${this.#play()}
        <div class="jumps" dir="ltr">${this.#jump('back', -JUMP_SECONDS)}${this.#jump('forward', JUMP_SECONDS)}</div>
        ${this.#time(this.timeline)}
      </div>
      <div class="settings">
        <button type="button" class="quiet-button rate" part="button" aria-label=${words.say('speed_said', { rate: sound.rate })}
          title=${words.say('speed')}
          @click=${() => this.send({ type: 'rate', rate: nextRate(sound.rate) })}>
          <span dir="ltr">${words.say('speed_value', { rate: sound.rate })}</span>
        </button>
        ${this.#toggle('silence', words.say('skip_silence'), sound.skipsSilence, () =>
          this.send({ type: 'skip_silence', skips: !sound.skipsSilence }),
        )}
        ${this.#volume(sound)}
        <span class="spread"></span>
        ${this.canShare ? this.#button('link', words.say('copy'), this.copy) : nothing}
        ${this.downloadUrl === null ? nothing : this.#download(this.downloadUrl)}
        ${this.#button('keys', words.say('keys'), this.showKeys, 'keys-button')}
      </div>
    </div>`;
  }

  #play() {
    const { wantsSound } = this;
    const label = this.words.say(wantsSound ? 'pause' : 'play');
    return html`<button type="button" class="play" part="play" aria-label=${label} title=${label}
      ?disabled=${isDeadEnd(this.playback)} @click=${() => this.send({ type: 'toggle' })}>${icon(wantsSound ? 'pause' : 'play')}</button>`;
  }

  #jump(name: 'back' | 'forward', seconds: number) {
    const label = this.words.say(name);
    return html`<button type="button" class="icon-button jump" part="button" aria-label=${label} title=${label}
      @click=${() => this.send({ type: 'seek_by', seconds })}>${icon(name)}<span aria-hidden="true">${JUMP_SECONDS}</span></button>`;
  }

  #time({ second, durationSeconds }: Timeline) {
    const length = durationSeconds === null ? '–:––' : playingTime(durationSeconds);
    return html`<div class="time" part="time" dir="ltr"><span class="now">${playingTime(second)}</span
      ><span class="of"> / ${length}</span></div>`;
  }

  #volume({ isMuted, volume }: Sound) {
    const label = this.words.say(isMuted ? 'unmute' : 'mute');
    return html`<div class="volume">
      ${this.#button(isMuted || volume === 0 ? 'muted' : 'loud', label, () => this.send({ type: 'mute', isMuted: !isMuted }))}
      <input type="range" min="0" max="100" step="5" aria-label=${this.words.say('volume')}
        .value=${String(isMuted ? 0 : Math.round(volume * 100))}
        @input=${(event: Event) => {
          if (event.target instanceof HTMLInputElement) this.#setVolume(event.target.valueAsNumber / 100, isMuted);
        }}>
    </div>`;
  }

  #setVolume(volume: number, isMuted: boolean): void {
    if (isMuted) this.send({ type: 'mute', isMuted: false });
    this.send({ type: 'volume', volume });
  }

  #button(name: Icon, label: string, pressed: () => void, more = '') {
    return html`<button type="button" class="icon-button ${more}" part="button" aria-label=${label} title=${label} @click=${pressed}>
      ${icon(name)}
    </button>`;
  }

  #toggle(name: Icon, label: string, isOn: boolean, pressed: () => void) {
    return html`<button type="button" class="icon-button" part="button" aria-label=${label} title=${label}
      aria-pressed=${isOn ? 'true' : 'false'} @click=${pressed}>${icon(name)}<span class="label">${label}</span></button>`;
  }

  #download(url: string) {
    const label = this.words.say('download');
    return html`<a class="icon-button" part="button" href=${url} download aria-label=${label} title=${label}
      @click=${this.download}>${icon('download')}</a>`;
  }
}

/** Nothing that anybody does here, or signing in, would make it play. */
function isDeadEnd(playback: Playback): boolean {
  if (playback.name !== 'stopped' || playback.retry !== 'never') return false;
  return playback.why !== 'signed_out' && playback.why !== 'link_expired';
}

define('hearback-controls', ControlsView);

export const controlsStyles = css`
  .controls { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; }
  .transport { display: flex; align-items: center; gap: 0.375rem; }
  .settings { display: flex; align-items: center; gap: 0.25rem; flex: 1 1 15rem; }
  .spread { flex: 1; }
  .play {
    display: grid; place-items: center; flex: none; inline-size: 3.25rem; block-size: 3.25rem; margin-inline-end: 0.25rem;
    border: 0; border-radius: 50%; background: var(--accent); color: var(--on-accent); font-size: 1.625rem;
    transition: background-color 120ms, transform 120ms;
  }
  .play:disabled { background: var(--hover); color: var(--quiet); opacity: 1; }
  .play:not(:disabled):hover { background: var(--accent-strong); }
  .play:not(:disabled):active { transform: scale(0.96); }
  .icon-button, .quiet-button {
    display: inline-grid; place-items: center; flex: none; min-inline-size: 2.25rem; block-size: 2.25rem; padding: 0;
    border: 1px solid transparent; border-radius: 0.625rem; background: none; color: var(--quiet); font-size: 1.25rem;
    text-decoration: none; transition: background-color 120ms, color 120ms;
  }
  .icon-button:hover, .quiet-button:hover { background: var(--hover); color: var(--ink); }
  .icon-button[aria-pressed='true'] { background: var(--tint); color: var(--accent); border-color: var(--tint-edge); }
  .quiet-button { font-size: 0.875rem; font-weight: 600; padding-inline: 0.375rem; }
  .rate { min-inline-size: 3.25rem; color: var(--ink); font-variant-numeric: tabular-nums; }
  .jump { position: relative; font-size: 1.875rem; inline-size: 2.75rem; block-size: 2.75rem; border-radius: 50%; }
  .jump .icon { stroke-width: 1.4; }
  .jump span { position: absolute; inset: 0; display: grid; place-items: center; padding-block-start: 0.1rem; font-size: 0.625rem; font-weight: 700; }
  .time { margin-inline-start: 0.5rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
  .time .now { font-size: 1.125rem; font-weight: 600; letter-spacing: -0.01em; }
  .time .of { color: var(--quiet); font-size: 0.875rem; }
  .jumps { display: flex; gap: 0.125rem; }
  .icon-button .label { display: none; }
  .volume { display: flex; align-items: center; gap: 0.125rem; }
  .volume input { inline-size: 5.5rem; min-block-size: 1.5rem; margin: 0; accent-color: var(--accent); }
  @container (min-width: 52rem) {
    .icon-button[aria-pressed] { display: inline-flex; align-items: center; gap: 0.375rem; padding-inline: 0.5rem 0.625rem; }
    .icon-button .label { display: inline; font-size: 0.8125rem; font-weight: 550; }
  }
  @container (max-width: 30rem) {
    .volume input { inline-size: 3.5rem; }
    .keys-button { display: none; }
  }
  @container (max-width: 22rem) {
    .volume input { display: none; }
    .jump { inline-size: 2.5rem; }
    .time { margin-inline-start: 0.125rem; }
  }
`;
