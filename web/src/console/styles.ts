// What the console's elements have in common. Colours are custom properties of the page: see console.css.

import { css } from 'lit';

export const shared = css`
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  a {
    color: var(--accent);
    text-underline-offset: 0.2em;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
  }
  button {
    cursor: pointer;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  h1:focus,
  main:focus {
    outline: none;
  }
  .icon {
    inline-size: 1.25em;
    block-size: 1.25em;
    flex: none;
    fill: none;
    stroke: currentcolor;
    stroke-width: 1.7;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .turns:dir(rtl) {
    transform: scaleX(-1);
  }
  .unseen {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .quiet {
    color: var(--quiet);
  }
  .small {
    font-size: 0.8125rem;
  }
  .card {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.4rem;
    min-block-size: 2.25rem;
    padding: 0.25rem 0.8rem;
    border: 1px solid var(--edge);
    border-radius: 0.625rem;
    background: var(--surface);
    color: var(--ink);
    font-weight: 500;
    text-decoration: none;
    white-space: nowrap;
  }
  .button:hover {
    background: var(--raised);
  }
  .button:disabled {
    cursor: default;
    color: var(--quiet);
  }
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
    font-weight: 600;
  }
  .button.primary:hover {
    background: var(--accent-strong);
  }
  .plain {
    border-color: transparent;
    background: none;
    color: var(--quiet);
  }
  .plain:hover {
    color: var(--ink);
  }
  .square {
    display: inline-grid;
    place-items: center;
    inline-size: 2.25rem;
    block-size: 2.25rem;
    flex: none;
    padding: 0;
    border: 1px solid transparent;
    border-radius: 0.625rem;
    background: none;
    color: var(--quiet);
    text-decoration: none;
  }
  .square:hover {
    background: var(--raised);
    color: var(--ink);
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 0.3rem;
    padding: 0.1rem 0.55rem 0.1rem 0.4rem;
    border-radius: 99rem;
    border: 1px solid transparent;
    background: color-mix(in oklab, var(--tone) 11%, var(--surface));
    color: var(--tone);
    font-size: 0.8125rem;
    font-weight: 550;
    line-height: 1.45;
    white-space: nowrap;
  }
  .chip:dir(rtl) {
    padding: 0.1rem 0.4rem 0.1rem 0.55rem;
  }
  .chip .icon {
    inline-size: 0.95rem;
    block-size: 0.95rem;
    stroke-width: 2;
  }
  .chip.absent {
    --tone: var(--absent);
  }
  .chip.downloading {
    --tone: var(--downloading);
  }
  .chip.ready {
    --tone: var(--ready);
  }
  .chip.failed {
    --tone: var(--failed);
  }
  .chip.gone {
    --tone: var(--gone);
  }
  .tag {
    padding: 0.05rem 0.45rem;
    border: 1px solid var(--line);
    border-radius: 0.4rem;
    color: var(--quiet);
    font-size: 0.75rem;
    font-weight: 500;
    white-space: nowrap;
  }
  .empty {
    display: grid;
    justify-items: center;
    gap: 0.35rem;
    padding: clamp(2.5rem, 9vh, 5rem) 1.5rem;
    text-align: center;
    text-wrap: balance;
  }
  .empty > .icon {
    inline-size: 2.25rem;
    block-size: 2.25rem;
    margin-block-end: 0.5rem;
    color: var(--edge);
    stroke-width: 1.3;
  }
  .empty h2 {
    font-size: 1.0625rem;
    font-weight: 620;
  }
  .empty p {
    max-inline-size: 44ch;
    color: var(--quiet);
  }
  .empty .button {
    margin-block-start: 0.75rem;
  }
  @media (forced-colors: active) {
    .chip,
    .button {
      border-color: currentcolor;
    }
  }
`;
