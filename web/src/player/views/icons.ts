// The player's icons: strokes in the colour of the text around them.

import { html, type SVGTemplateResult, svg } from 'lit';

const shapes = {
  play: svg`<path class="solid" d="M8 5.2v13.6a.6.6 0 0 0 .92.5l10.6-6.8a.6.6 0 0 0 0-1L8.92 4.7A.6.6 0 0 0 8 5.2Z"/>`,
  pause: svg`<path class="solid" d="M7 5h3.4v14H7zM13.6 5H17v14h-3.4z"/>`,
  back: svg`<path d="M4.5 4v4.5H9"/><path d="M5 8.2A8 8 0 1 1 4 12"/>`,
  forward: svg`<path d="M19.5 4v4.5H15"/><path d="M19 8.2A8 8 0 1 0 20 12"/>`,
  loud: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z"/><path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"/>`,
  muted: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z"/><path d="m16 9.5 5 5m0-5-5 5"/>`,
  silence: svg`<path d="M3 9v6M6.5 6.5v11M17.5 6.5v11M21 9v6"/><path d="m9.5 9 2.5 3-2.5 3M13 9l2.5 3-2.5 3"/>`,
  link: svg`<path d="M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1"/><path d="M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1"/>`,
  download: svg`<path d="M12 4v11m-4.5-4L12 15.5 16.5 11M5 19.5h14"/>`,
  keys: svg`<rect x="3" y="6" width="18" height="12" rx="2"/><path d="M7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8.5 14h7"/>`,
  search: svg`<circle cx="11" cy="11" r="6"/><path d="m15.5 15.5 4.5 4.5"/>`,
  up: svg`<path d="m6 14.5 6-6 6 6"/>`,
  down: svg`<path d="m6 9.5 6 6 6-6"/>`,
  pencil: svg`<path d="m4.5 19.5.9-4L16 4.9a1.8 1.8 0 0 1 2.6 0l.5.5a1.8 1.8 0 0 1 0 2.6L8.5 18.6z"/><path d="m14 7 3 3"/>`,
  headphones: svg`<path d="M4.5 15v-2.5a7.5 7.5 0 0 1 15 0V15"/><path d="M4.5 14.5h3v5h-1.5a1.5 1.5 0 0 1-1.5-1.5zM19.5 14.5h-3v5h1.5a1.5 1.5 0 0 0 1.5-1.5z"/>`,
  close: svg`<path d="m6.5 6.5 11 11m0-11-11 11"/>`,
  notice: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 8v4.8M12 16h.01"/>`,
  follow: svg`<path d="M4 12h10m-4-4.5L14.5 12 10 16.5M19 6v12"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type Icon = keyof typeof shapes;

export function icon(name: Icon) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${shapes[name]}</svg>`;
}
