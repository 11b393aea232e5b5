// How the player looks: its colours, which a page may set, and what all parts share.

import { css } from 'lit';

/** The page's own colours first; light or dark as the page is, by `color-scheme`. */
export const themeStyles = css`
  :host {
    --accent: var(--hearback-accent, light-dark(#0b6b5d, #5cc9b4));
    --surface: var(--hearback-surface, light-dark(#ffffff, #181b1e));
    --ink: var(--hearback-ink, light-dark(#1a1d1f, #eceeed));
    --quiet: var(--hearback-quiet, light-dark(#596067, #a6adb4));
    --line: var(--hearback-line, light-dark(#e3e5e4, #2d3236));
    --caller: var(--hearback-caller, light-dark(#9a4d1c, #f0a878));
    --agent: var(--hearback-agent, light-dark(#0b6b5d, #5cc9b4));
    --font: var(--hearback-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans Hebrew', sans-serif);
    --on-accent: var(--hearback-on-accent, light-dark(#ffffff, #06231e));
    --accent-strong: color-mix(in oklab, var(--accent) 88%, var(--ink));
    --edge: color-mix(in oklab, var(--quiet) 70%, var(--surface));
    --hover: color-mix(in oklab, var(--ink) 6%, var(--surface));
    --raised: color-mix(in oklab, var(--ink) 2.5%, var(--surface));
    --tint: color-mix(in oklab, var(--accent) 11%, var(--surface));
    --now: color-mix(in oklab, var(--accent) 28%, var(--surface));
    --tint-edge: color-mix(in oklab, var(--accent) 30%, var(--surface));
    --warn: light-dark(#8a4b00, #f2b866);
    --warn-tint: color-mix(in oklab, var(--warn) 9%, var(--surface));
    --mark: light-dark(#ffe08a, #6a5310);
    display: block;
    min-inline-size: min(100%, 17.5rem);
    container-type: inline-size;
    color: var(--ink);
    font: 400 0.9375rem/1.5 var(--font);
    text-align: start;
  }
  :host([hidden]) { display: none; }
  *, ::before, ::after { box-sizing: border-box; }
  p, h3 { margin: 0; }
  h3 { font-size: 0.9375rem; font-weight: 640; letter-spacing: -0.005em; }
  button, input, textarea { font: inherit; color: inherit; }
  button, a { cursor: pointer; -webkit-tap-highlight-color: transparent; }
  button:disabled { cursor: default; opacity: 0.6; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  .player:focus { outline: none; }
  .icon { display: block; inline-size: 1em; block-size: 1em; flex: none; fill: none; stroke: currentcolor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
  .icon .solid { fill: currentcolor; stroke: none; }
  .unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .quiet, .coming { color: var(--quiet); }
  .icon-button.small { min-inline-size: 1.75rem; block-size: 1.75rem; font-size: 1rem; }
  .action { min-block-size: 2.25rem; padding: 0.375rem 1rem; border: 1px solid var(--accent); border-radius: 0.625rem; background: var(--accent); color: var(--on-accent); font-size: 0.875rem; font-weight: 600; font-variant-numeric: tabular-nums; }
  .action:not(:disabled):hover { background: var(--accent-strong); }
  .action.is-plain { border-color: var(--edge); background: none; color: var(--ink); }
  .action.is-plain:not(:disabled):hover { background: var(--hover); }
  input[type='datetime-local'] { min-block-size: 2.25rem; padding: 0.25rem 0.625rem; border: 1px solid var(--edge); border-radius: 0.625rem; background: var(--surface); color: var(--ink); }
  @media (prefers-reduced-motion: reduce) { *, ::before, ::after { transition: none !important; } }
  @media (forced-colors: active) {
    .player .play, .action, .player .icon-button[aria-pressed='true'], .player .solo[aria-pressed='true'] { border: 2px solid ButtonText; }
  }
`;

export const layoutStyles = css`
  .panel-head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; min-block-size: 2.25rem; }
  .player { position: relative; display: grid; border: 1px solid var(--line); border-radius: var(--hearback-radius, 1rem); background: var(--surface); }
  .head { display: grid; gap: 1rem; padding: 1.25rem 1.25rem 1rem; }
  .panels { display: grid; grid-template-columns: minmax(0, 1fr); border-block-start: 1px solid var(--line); }
  .panels:not(:has(.panel)) { display: none; }
  .panel { padding: 1rem 1.25rem 1.25rem; }
  hearback-summary:has(.panel) { display: block; border-block-start: 1px solid var(--line); }
  .panels > hearback-summary:first-child { border-block-start: 0; }
  .copied { position: absolute; z-index: 2; inset-block-start: 0.75rem; inset-inline: 0.75rem; display: grid; justify-items: center; pointer-events: none; }
  .copied > p { display: grid; gap: 0.375rem; max-inline-size: 100%; padding: 0.5rem 0.875rem; border-radius: 0.625rem; background: var(--ink); color: var(--surface); font-size: 0.8125rem; font-weight: 550; pointer-events: auto; }
  .copied input { inline-size: 18rem; max-inline-size: 100%; padding: 0.25rem 0.5rem; border: 0; border-radius: 0.375rem; background: var(--surface); color: var(--ink); }
  @container (min-width: 44rem) {
    .head { padding: 1.5rem 1.5rem 1.125rem; gap: 1.25rem; }
    .panel { padding: 1.125rem 1.5rem 1.5rem; }
    .panels:has(.summary):has(.transcript) { grid-template-columns: minmax(0, 1.7fr) minmax(15rem, 1fr); }
    .panels:has(.summary) hearback-transcript { display: grid; }
    .panels:has(.summary) .scroller { min-block-size: var(--hearback-transcript-height, 24rem); }
    .panels:has(.summary) .lines { position: absolute; inset: 0; max-block-size: none; }
    .panels:has(.transcript) hearback-summary:has(.panel) { border-block-start: 0; border-inline-start: 1px solid var(--line); }
  }
  @container (max-width: 22rem) {
    .head { padding: 1rem 1rem 0.75rem; }
    .panel { padding: 0.875rem 1rem 1rem; }
  }
`;
