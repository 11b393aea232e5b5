// Icons as SVG, drawn with the colour of the text beside them. All are decoration: what they mean is said in words too.

import { html, svg, type TemplateResult } from 'lit';

const SHAPES = {
  inbound: svg`<path d="M14.5 5.5l-9 9M5.5 8v6.5H12"/>`,
  outbound: svg`<path d="M5.5 14.5l9-9M8 5.5h6.5V12"/>`,
  unknown: svg`<path d="M4 7h11M12.5 4L15.5 7l-3 3M16 13H5M7.5 10l-3 3 3 3"/>`,
  absent: svg`<circle cx="10" cy="10" r="5.5" stroke-dasharray="2.6 2.4"/>`,
  downloading: svg`<path d="M10 3.5v9M6 9l4 4 4-4M4.5 16.5h11"/>`,
  ready: svg`<path d="M4.5 10.5l3.7 3.7 7.3-8.2"/>`,
  failed: svg`<path d="M10 4.5v7M10 15v.3"/>`,
  gone: svg`<path d="M5.5 5.5l9 9M14.5 5.5l-9 9"/>`,
  play: svg`<path d="M7 4.8v10.4L15.2 10z" fill="currentcolor"/>`,
  search: svg`<circle cx="9" cy="9" r="5"/><path d="M12.8 12.8l3.7 3.7"/>`,
  filters: svg`<path d="M3.5 6h13M6 10h8M8.5 14h3"/>`,
  history: svg`<path d="M4 10a6 6 0 1 0 1.9-4.4M3.8 3.8v3.4h3.4M10 6.8V10l2.4 1.6"/>`,
  copy: svg`<rect x="7" y="7" width="9" height="9" rx="2"/><path d="M13 4.8A1.8 1.8 0 0 0 11.5 4H5.8A1.8 1.8 0 0 0 4 5.8v5.7c0 .7.3 1.2.8 1.5"/>`,
  check: svg`<path d="M4.5 10.5l3.7 3.7 7.3-8.2"/>`,
  back: svg`<path d="M15.5 10h-11M9 5l-5 5 5 5"/>`,
  up: svg`<path d="M5 12.5l5-5 5 5"/>`,
  down: svg`<path d="M5 7.5l5 5 5-5"/>`,
  forward: svg`<path d="M7.5 5l5 5-5 5"/>`,
  system: svg`<rect x="3" y="4" width="14" height="9.5" rx="1.8"/><path d="M7.5 16.5h5"/>`,
  light: svg`<circle cx="10" cy="10" r="3.2"/><path d="M10 2.8v1.6M10 15.6v1.6M2.8 10h1.6M15.6 10h1.6M4.9 4.9L6 6M14 14l1.1 1.1M4.9 15.1L6 14M14 6l1.1-1.1"/>`,
  dark: svg`<path d="M16.2 11.8A6.6 6.6 0 0 1 8.2 3.8a6.6 6.6 0 1 0 8 8z"/>`,
  leave: svg`<path d="M8 3.8H5.8A1.8 1.8 0 0 0 4 5.6v8.8a1.8 1.8 0 0 0 1.8 1.8H8M8.5 10h8M13.5 7l3 3-3 3"/>`,
  calendar: svg`<rect x="3.5" y="4.8" width="13" height="11.7" rx="2"/><path d="M3.5 8.8h13M7 3v3M13 3v3"/>`,
  phone: svg`<path d="M6.6 3.8l1.7 3.5-1.7 1.5a9.5 9.5 0 0 0 4.6 4.6l1.5-1.7 3.5 1.7v1.6c0 .9-.8 1.6-1.7 1.5A12 12 0 0 1 3.5 5.5c-.1-.9.6-1.7 1.5-1.7z"/>`,
  close: svg`<path d="M5.5 5.5l9 9M14.5 5.5l-9 9"/>`,
  alert: svg`<circle cx="10" cy="10" r="6.8"/><path d="M10 6.5v4.2M10 13.4v.2"/>`,
  mark: svg`<path d="M3 8v4M6.5 5v10M10 7.5v5M13.5 3.5v13M17 8v4"/>`,
} as const;

export type IconName = keyof typeof SHAPES;

/** Part of a line of text: as high as its letters. `turns`: points the other way where text runs from right to left. */
export function icon(name: IconName, turns = false): TemplateResult {
  return html`<svg class=${turns ? 'icon turns' : 'icon'} viewBox="0 0 20 20" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;
}
