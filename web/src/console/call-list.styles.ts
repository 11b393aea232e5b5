// How rows of calls look: a table's columns where there is room, two lines each where there is not.

import { css } from 'lit';

export const listStyles = css`
  :host {
    container: calls / inline-size;
  }
  .rows {
    overflow: clip;
    overflow-anchor: none;
  }
  .row {
    position: relative;
    display: grid;
    grid-template: "direction who who actions" auto "direction meta states actions" auto / auto minmax(0, 1fr) auto auto;
    align-items: center;
    column-gap: 0.75rem;
    padding: 0.8rem 0.875rem;
  }
  .row + .row {
    border-block-start: 1px solid var(--line);
  }
  .row:hover {
    background: color-mix(in oklab, var(--raised) 55%, var(--surface));
  }
  .row:has(.open:focus-visible) {
    background: var(--tint);
    box-shadow: inset 0.1875rem 0 0 var(--accent);
  }
  .row:has(.open:focus-visible):dir(rtl) {
    box-shadow: inset -0.1875rem 0 0 var(--accent);
  }
  .direction {
    grid-area: direction;
    display: grid;
    place-items: center;
    inline-size: 2.25rem;
    block-size: 2.25rem;
    border-radius: 50%;
    background: var(--raised);
    color: var(--quiet);
  }
  .direction.inbound {
    background: var(--tint);
    color: var(--accent);
  }
  .who {
    grid-area: who;
    min-inline-size: 0;
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    column-gap: 0.5rem;
  }
  .open {
    color: inherit;
    font-weight: 580;
    text-decoration: none;
    overflow-wrap: anywhere;
  }
  .open:focus-visible {
    outline: none;
  }
  /* The whole row opens its call; what else can be pressed lies above. */
  .open::after {
    content: "";
    position: absolute;
    inset: 0;
  }
  .open:focus-visible::after {
    outline: 2px solid var(--accent);
    outline-offset: -2px;
    border-radius: inherit;
  }
  .meta {
    grid-area: meta;
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    column-gap: 0.4rem;
    min-inline-size: 0;
  }
  .when + .length::before {
    content: "· ";
    color: var(--quiet);
  }
  /* The arrow and the link's name tell the direction. */
  .sides,
  .moment,
  .history {
    display: none;
  }
  .states {
    grid-area: states;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: end;
    gap: 0.25rem 0.4rem;
  }
  .actions {
    grid-area: actions;
    display: flex;
    align-items: center;
    gap: 0.125rem;
  }
  .actions a,
  .actions button {
    position: relative;
    z-index: 1;
  }
  .play {
    inline-size: 2.5rem;
    block-size: 2.5rem;
    border-radius: 50%;
    border-color: color-mix(in oklab, var(--accent) 35%, transparent);
    color: var(--accent);
  }
  .play .icon {
    inline-size: 1.125rem;
    block-size: 1.125rem;
  }
  .play:hover,
  .row:has(.open:focus-visible) .play {
    background: var(--accent);
    color: var(--on-accent);
  }
  :host([kind="number"]) .row {
    grid-template: "direction who actions" auto "direction states actions" auto / auto minmax(0, 1fr) auto;
    row-gap: 0.35rem;
  }
  :host([kind="number"]) .direction {
    align-self: start;
  }
  :host([kind="number"]) .who {
    display: grid;
    row-gap: 0.1rem;
  }
  :host([kind="number"]) .states {
    justify-content: start;
  }
  :host([kind="number"]) .meta {
    grid-area: states;
    justify-self: end;
  }
  .about-when {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    column-gap: 0.5rem;
  }
  .topic,
  .outcome {
    overflow-wrap: anywhere;
    text-align: match-parent;
  }
  .more {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 0.25rem 0.75rem;
    padding-block-start: 1rem;
  }
  .failed-text {
    color: var(--failed);
  }
  .failed-text:empty {
    display: none;
  }
  .keys {
    padding-block-start: 0.875rem;
    text-align: center;
  }
  @media (pointer: coarse) {
    .keys {
      display: none;
    }
  }
  @container calls (min-width: 46rem) {
    .row {
      grid-template: "direction who when length states actions" auto "direction sides when length states actions" auto /
        auto minmax(12rem, 1.3fr) minmax(9rem, 1fr) 3.5rem minmax(9rem, 0.9fr) auto;
      column-gap: 1.125rem;
      padding: 0.7rem 1.125rem;
    }
    .who {
      align-self: end;
    }
    .meta {
      display: contents;
    }
    .when + .length::before {
      display: none;
    }
    .sides {
      grid-area: sides;
      align-self: start;
      display: block;
    }
    .when {
      grid-area: when;
      display: grid;
      font-size: 0.875rem;
    }
    .moment {
      display: inline;
    }
    .history {
      display: inline-grid;
    }
    .length {
      grid-area: length;
      justify-self: end;
      font-size: 0.875rem;
    }
    .states {
      justify-content: start;
    }
    :host([kind="number"]) .row {
      grid-template: "direction who length states actions" auto / auto minmax(12rem, 1fr) 3.5rem minmax(9rem, auto) auto;
    }
    :host([kind="number"]) .direction,
    :host([kind="number"]) .who {
      align-self: center;
    }
    :host([kind="number"]) .meta {
      grid-area: length;
    }
  }
  @media (forced-colors: active) {
    .row:has(.open:focus-visible) {
      outline: 2px solid Highlight;
      outline-offset: -2px;
    }
    .play {
      border-color: currentcolor;
    }
  }
`;
