// How a number's history looks.

import { css } from 'lit';

export const numberStyles = css`
  .back {
    margin-block: -0.5rem 0.75rem;
    margin-inline-start: -0.75rem;
  }
  h1 {
    font-size: clamp(1.5rem, 1.2rem + 1.4vw, 2rem);
    font-weight: 660;
    letter-spacing: -0.02em;
    line-height: 1.25;
    padding-block-end: 1rem;
  }
  h2 {
    font-size: 1.0625rem;
    font-weight: 640;
    padding-block: 1.5rem 0.625rem;
  }
  .stats {
    display: grid;
    grid-template-columns: repeat(5, auto);
    overflow: clip;
  }
  .stats > div {
    padding: 0.875rem 1.125rem;
  }
  .stats > div + div {
    border-inline-start: 1px solid var(--line);
  }
  dt {
    color: var(--quiet);
    font-size: 0.8125rem;
  }
  dd {
    font-size: 1.25rem;
    font-weight: 620;
    letter-spacing: -0.01em;
  }
  .upcoming {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr));
    gap: 0.625rem;
  }
  .upcoming li {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    align-items: start;
    gap: 0.1rem 0.875rem;
    padding: 0.875rem 1.125rem;
  }
  .date {
    grid-row: 1 / span 3;
    display: grid;
    place-items: center;
    inline-size: 2.25rem;
    block-size: 2.25rem;
    border-radius: 0.625rem;
    background: var(--tint);
    color: var(--accent);
  }
  .what {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.1rem 0.5rem;
  }
  .about {
    overflow-wrap: anywhere;
  }
  .upcoming a {
    justify-self: start;
    min-block-size: 1.5rem;
  }
  @media (max-width: 40rem) {
    .stats {
      grid-template-columns: repeat(6, minmax(0, 1fr));
    }
    .stats > div {
      grid-column: span 2;
      padding: 0.7rem 0.875rem;
    }
    .stats > div:nth-child(n + 4) {
      grid-column: span 3;
      border-block-start: 1px solid var(--line);
    }
    .stats > div:nth-child(4) {
      border-inline-start: 0;
    }
    dd {
      font-size: 1.125rem;
    }
  }
`;
