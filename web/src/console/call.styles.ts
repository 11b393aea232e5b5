// How a call's page looks around the player.

import { css } from 'lit';

export const callStyles = css`
  .ways {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 0.5rem;
    min-block-size: 2.25rem;
    margin-block: -0.5rem 0.75rem;
  }
  .back {
    min-inline-size: 0;
    margin-inline-start: -0.75rem;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .beside {
    display: flex;
    gap: 0.125rem;
  }
  .off {
    opacity: 0.35;
  }
  .off:hover {
    background: none;
  }
  header {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    column-gap: 0.875rem;
    row-gap: 0.4rem;
    padding-block-end: 1rem;
  }
  .direction {
    display: grid;
    place-items: center;
    align-self: center;
    inline-size: 2.75rem;
    block-size: 2.75rem;
    border-radius: 50%;
    background: var(--raised);
    color: var(--quiet);
    font-size: 1.125rem;
  }
  .direction.inbound {
    background: var(--tint);
    color: var(--accent);
  }
  .title {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.15rem 0.875rem;
  }
  h1 {
    font-size: clamp(1.375rem, 1.1rem + 1.4vw, 1.75rem);
    font-weight: 660;
    letter-spacing: -0.02em;
    line-height: 1.25;
  }
  .history {
    display: inline-flex;
    align-items: center;
    gap: 0.35rem;
    min-block-size: 1.75rem;
    font-weight: 500;
    text-decoration: none;
  }
  .history:hover {
    text-decoration: underline;
  }
  .facts {
    grid-column: 1 / -1;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.1rem 1.25rem;
    font-size: 0.875rem;
  }
  .sid {
    display: inline-flex;
    align-items: center;
    gap: 0.1rem;
    color: var(--quiet);
    font: 0.8125rem/1.5 var(--mono);
  }
  .sid .square {
    inline-size: 1.75rem;
    block-size: 1.75rem;
  }
  .one {
    display: flex;
    align-items: center;
    gap: 0.6rem;
    padding-block-end: 1rem;
  }
  .none {
    padding: 1.25rem;
  }
  .recordings {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
    gap: 0.625rem;
    padding-block-end: 1rem;
  }
  .recordings a {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: center;
    gap: 0.1rem 0.5rem;
    padding: 0.625rem 0.875rem;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
    color: inherit;
    text-decoration: none;
  }
  .recordings a:hover {
    border-color: var(--edge);
  }
  .recordings a[aria-current] {
    border-color: var(--accent);
    background: var(--tint);
  }
  .recordings strong {
    font-weight: 580;
  }
  .recordings .chip {
    grid-area: 1 / 2 / span 2;
  }
  .empty h1 {
    font-size: 1.125rem;
  }
  .empty .sid {
    max-inline-size: 100%;
    overflow-wrap: anywhere;
  }
  hearback-player {
    min-block-size: 12rem;
  }
`;
