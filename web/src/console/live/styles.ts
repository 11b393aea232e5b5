// How the operators' page looks: one set of names for colours, light and dark, and the few shapes that its parts share.

import { css } from 'lit';

export const styles = css`
  :host {
    --ground: light-dark(#f6f7f6, #101314);
    --surface: light-dark(#ffffff, #181c1e);
    --raised: light-dark(#eef1f0, #22282b);
    --ink: light-dark(#17201e, #e8eceb);
    --quiet: light-dark(#56615e, #a2adaa);
    --edge: light-dark(#dfe5e3, #2b3235);
    --strong-edge: light-dark(#7d8a86, #717d7a);
    --accent: light-dark(#0b6b5d, #5cc9b4);
    --on-accent: light-dark(#ffffff, #06231e);
    --good: light-dark(#14693c, #7bd6a1);
    --moving: light-dark(#1a5fb4, #8ab8ff);
    --wait: light-dark(#7f4c00, #f0b866);
    --bad: light-dark(#b3261e, #ff9d94);
    --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, monospace;
    display: block;
    container: live / inline-size;
    color: var(--ink);
    font: 400 0.9375rem / 1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans Hebrew', sans-serif;
    font-variant-numeric: tabular-nums;
  }
  *, ::before, ::after { box-sizing: border-box; }
  h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  a { color: var(--accent); text-underline-offset: 0.2em; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 0.375rem; }
  h1 { font-size: 1.625rem; font-weight: 680; letter-spacing: -0.022em; line-height: 1.2; }
  h2 { font-size: 1.0625rem; font-weight: 650; letter-spacing: -0.012em; }
  h2:focus { outline: none; }
  .row:focus { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 0.375rem; }
  .row:focus:not(:focus-visible) { outline: none; }
  h3 { font-size: 0.8125rem; font-weight: 600; color: var(--quiet); padding-block: 0.875rem 0.375rem; }
  .quiet { color: var(--quiet); font-size: 0.8125rem; }
  .bad { color: var(--bad); font-size: 0.8125rem; }
  .unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

  .top { display: flex; flex-wrap: wrap; align-items: end; justify-content: space-between; gap: 0.75rem 1.5rem; padding-block-end: 1rem; }
  .link { display: inline-flex; align-items: center; gap: 0.625rem; font-size: 0.875rem; }
  .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1px; margin-block-end: 1rem; background: var(--edge); border: 1px solid var(--edge); border-radius: 0.875rem; overflow: clip; }
  .figures > div { background: var(--surface); padding: 0.75rem 1rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
  .figures dt { color: var(--quiet); font-size: 0.8125rem; }
  .figures dd { font-size: 1.5rem; font-weight: 620; letter-spacing: -0.02em; line-height: 1.2; }
  .figures dd small { font-size: 0.875rem; font-weight: 400; color: var(--quiet); letter-spacing: 0; }
  .figures [data-bad='true'] dd { color: var(--bad); }
  .notice { padding: 0.75rem 1rem; margin-block-end: 1rem; border: 1px solid var(--edge); border-radius: 0.875rem; background: var(--surface); color: var(--wait); display: flex; gap: 1rem; align-items: center; justify-content: space-between; }

  .columns { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
  .column { display: grid; gap: 1rem; align-content: start; grid-template-columns: minmax(0, 1fr); }
  @container live (min-width: 62rem) {
    .columns { grid-template-columns: minmax(0, 1.7fr) minmax(21rem, 1fr); }
  }
  .card { background: var(--surface); border: 1px solid var(--edge); border-radius: 0.875rem; padding: 1rem 1.125rem; min-inline-size: 0; }
  .card > header { display: flex; align-items: center; justify-content: space-between; gap: 0.75rem; min-block-size: 2rem; padding-block-end: 0.25rem; }
  .empty { color: var(--quiet); padding-block: 0.75rem; text-wrap: balance; font-size: 0.875rem; }
  .foot { padding-block-start: 0.75rem; display: flex; gap: 0.75rem; align-items: center; border-block-start: 1px solid var(--edge); }

  .row { padding-block: 0.5625rem; border-block-start: 1px solid var(--edge); display: grid; gap: 0.3125rem; grid-template-columns: minmax(0, 1fr); }
  .row[data-rests='true'] { opacity: 0.7; }
  .head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.625rem; min-block-size: 1.75rem; }
  .head .age { margin-inline-start: auto; white-space: nowrap; }
  .orders { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; font-size: 0.8125rem; }
  .calls .orders, .failures .age { margin-inline-start: auto; }
  .jobs .row { padding-block: 0.25rem; }
  .recording { display: grid; gap: 0.25rem; grid-template-columns: minmax(0, 1fr); }
  .recording + .recording { padding-block-start: 0.375rem; }
  .line { font-size: 0.8125rem; overflow-wrap: anywhere; display: grid; grid-template-columns: 4.75rem minmax(0, 1fr); column-gap: 0.5rem; text-align: start; }
  .line .label { color: var(--quiet); }
  .line strong { font-weight: 600; white-space: nowrap; }
  bdi[lang='en'] { unicode-bidi: isolate; }
  .sid { font: 0.8125rem/1.4 var(--mono); white-space: nowrap; }
  .tag { font-size: 0.75rem; line-height: 1.4; padding: 0 0.4375rem; border: 1px solid var(--edge); border-radius: 1rem; color: var(--quiet); white-space: nowrap; }
  .warn { color: var(--wait); border-color: currentcolor; }
  .status { --tone: var(--quiet); display: inline-flex; align-items: center; gap: 0.375rem; font-size: 0.8125rem; font-weight: 550; white-space: nowrap; color: var(--tone); }
  .dot { inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--tone, var(--quiet)); flex: none; }
  [data-tone='good'] { --tone: var(--good); }
  [data-tone='moving'] { --tone: var(--moving); }
  [data-tone='waiting'] { --tone: var(--wait); }
  [data-tone='bad'] { --tone: var(--bad); }
  [data-tone='quiet'] { --tone: var(--quiet); }
  .status[data-tone='moving'] .dot, .link [data-tone='good'] .dot { animation: pulse 1.8s ease-in-out infinite; }
  @keyframes pulse { 50% { box-shadow: 0 0 0 4px color-mix(in srgb, var(--tone) 22%, transparent); } }

  .progress { display: flex; flex-wrap: wrap; align-items: center; gap: 0.125rem 0.75rem; }
  .figure { font-size: 0.8125rem; color: var(--quiet); white-space: nowrap; }
  .bar { appearance: none; flex: 1 1 8rem; inline-size: 100%; min-inline-size: 5rem; block-size: 0.375rem; border: 0; border-radius: 1rem; background: var(--raised); overflow: hidden; display: block; }
  .bar::-webkit-progress-bar, .bar::-webkit-meter-bar { background: var(--raised); border: 0; border-radius: 1rem; block-size: 0.375rem; }
  .bar::-webkit-meter-inner-element { display: block; block-size: 0.375rem; }
  .bar::-webkit-progress-value { background: var(--moving); border-radius: 1rem; transition: inline-size 0.3s linear; }
  .bar::-webkit-meter-optimum-value { background: var(--accent); border-radius: 1rem; }
  .bar::-moz-progress-bar { background: var(--moving); border-radius: 1rem; }
  .bar::-moz-meter-bar { background: var(--accent); border-radius: 1rem; }
  progress.bar:indeterminate { background: repeating-linear-gradient(90deg, var(--moving) 0 0.5rem, var(--raised) 0.5rem 1rem); }
  progress.bar:indeterminate::-webkit-progress-bar { background: transparent; }
  progress.bar:indeterminate::-moz-progress-bar { background: transparent; }

  button, select { font: inherit; color: inherit; }
  button { cursor: pointer; border-radius: 0.5rem; border: 1px solid var(--strong-edge); background: var(--surface); padding: 0.375rem 0.875rem; }
  button:hover, select:hover { border-color: var(--ink); }
  button[aria-disabled='true'] { opacity: 0.55; cursor: default; }
  button.small { font-size: 0.8125rem; padding: 0.125rem 0.625rem; min-block-size: 1.75rem; }
  button.danger { background: var(--bad); border-color: var(--bad); color: light-dark(#ffffff, #2a0a07); font-weight: 600; }
  .choice { display: inline-flex; align-items: center; gap: 0.5rem; font-size: 0.8125rem; color: var(--quiet); }
  select { font-size: 0.8125rem; color: var(--ink); background: var(--surface); border: 1px solid var(--strong-edge); border-radius: 0.5rem; min-block-size: 1.875rem; padding: 0.125rem 0.375rem; }

  .slots { display: flex; gap: 3px; padding-block: 0.375rem; }
  .slots span { flex: 1; block-size: 0.625rem; border-radius: 3px; background: var(--raised); transition: background-color 0.3s; }
  .slots [data-busy='true'] { background: var(--moving); }
  .queues { display: grid; gap: 0.375rem; }
  .queues > div { display: grid; grid-template-columns: minmax(0, 11rem) minmax(0, 1fr); gap: 0.75rem; align-items: center; font-size: 0.875rem; }
  .queues dd { display: flex; align-items: center; gap: 0.75rem; }
  .queues .figure { min-inline-size: 2.25rem; text-align: end; color: var(--ink); }
  [data-idle='true'] .figure { color: var(--quiet); }
  .queue { flex: 1; block-size: 0.375rem; min-inline-size: 0; inline-size: 100%; }
  .queue .ground { fill: var(--raised); }
  .queue .fill { fill: var(--wait); }
  :host([dir='rtl']) .queue { transform: scaleX(-1); }
  .accounts { display: grid; gap: 0.5rem; }
  .accounts .status { margin-inline-start: auto; }

  .tree { padding-block-start: 0.5rem; }
  .tree ul { margin-inline-start: 0.375rem; padding-inline-start: 0.875rem; border-inline-start: 1px solid var(--edge); }
  .node { display: flex; flex-wrap: wrap; align-items: center; gap: 0.0625rem 0.5rem; min-block-size: 1.875rem; padding-block: 0.1875rem; }
  .node .age { margin-inline-start: auto; }
  summary.node { cursor: pointer; list-style: none; }
  summary.node::-webkit-details-marker { display: none; }
  summary.node::before { content: ''; inline-size: 0.375rem; block-size: 0.375rem; border: solid var(--quiet); border-width: 0 1.5px 1.5px 0; rotate: -45deg; flex: none; }
  :host([dir='rtl']) summary.node::before { rotate: 135deg; }
  details[open] > summary.node::before { rotate: 45deg; }
  .name { font-weight: 600; font-size: 0.875rem; }
  .leaf .name { font-weight: 500; }
  .leaf .status { margin-inline-start: auto; }
  .inside { padding-block: 0.125rem 0.5rem; padding-inline-start: 0.875rem; }
  .facts { font-size: 0.8125rem; }
  dl.facts { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; padding-block-start: 0.25rem; }
  dl.facts > div { display: inline-flex; gap: 0.3125rem; }
  dl.facts dt { color: var(--quiet); }
  dl.facts dd { font-weight: 600; }
  dl.facts [data-idle='true'] dd { font-weight: 400; color: var(--quiet); }

  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; inline-size: 100%; font-size: 0.875rem; }
  th, td { padding: 0.3125rem 0.75rem; text-align: end; white-space: nowrap; }
  th:first-child { padding-inline-start: 0; text-align: start; font-weight: 550; }
  thead th { color: var(--quiet); font-weight: 500; font-size: 0.8125rem; }
  tbody tr { border-block-start: 1px solid var(--edge); }
  td.wide, th.wide { text-align: start; inline-size: 45%; white-space: normal; min-inline-size: 12rem; overflow-wrap: anywhere; }
  td[data-idle='true'] { color: var(--quiet); }
  td[data-bad='true'] { color: var(--bad); font-weight: 650; }

  .stream { max-block-size: 24rem; overflow-y: auto; overscroll-behavior: contain; margin-inline: -0.375rem; padding-inline: 0.375rem; }
  .stream li { display: grid; grid-template-columns: auto auto minmax(0, 1fr); gap: 0.5rem; padding-block: 0.375rem; border-block-start: 1px solid var(--edge); font-size: 0.8125rem; align-items: start; }
  .stream .dot { margin-block-start: 0.4375rem; }
  .stream .what { overflow-wrap: anywhere; }
  .stream .tag { margin-inline: 0.375rem; }
  .stream .why { display: block; color: var(--quiet); }

  dialog { border: 1px solid var(--edge); border-radius: 1rem; background: var(--surface); color: var(--ink); padding: 1.5rem; inline-size: min(28rem, calc(100vw - 2rem)); }
  dialog::backdrop { background: rgb(0 0 0 / 0.45); }
  dialog h2 { padding-block-end: 0.5rem; }
  dialog .actions { display: flex; gap: 0.75rem; justify-content: flex-end; padding-block-start: 1.25rem; }

  @container live (max-width: 36rem) {
    .card { padding: 0.875rem; }
    .figures { grid-template-columns: repeat(3, minmax(0, 1fr)); }
    .figures > div { padding: 0.625rem 0.75rem; }
    .figures dd { font-size: 1.25rem; }
    .line { display: block; }
    .line .label { margin-inline-end: 0.375rem; }
    .queues > div { grid-template-columns: minmax(0, 8.5rem) minmax(0, 1fr); }
    th, td { padding-inline: 0.375rem; }
    button.small, select { min-block-size: 2.25rem; }
  }
  @media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation: none !important; transition: none !important; }
  }
  @media (forced-colors: active) {
    .dot, .slots span, .bar { border: 1px solid CanvasText; }
    .slots [data-busy='true'], [data-tone='bad'] .dot { background: Highlight; forced-color-adjust: none; }
    .queue .fill { fill: CanvasText; }
  }
`;
