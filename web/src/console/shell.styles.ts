// How the page is laid out around what it shows.

import { css } from 'lit';

export const shellStyles = css`
  :host {
    min-block-size: 100dvh;
  }
  .skip {
    position: absolute;
    inset-block-start: 0.5rem;
    inset-inline-start: 0.5rem;
    z-index: 3;
    padding: 0.625rem 1rem;
    border-radius: 0.625rem;
    background: var(--accent);
    color: var(--on-accent);
    font-weight: 600;
    transform: translateY(-200%);
  }
  .skip:focus {
    transform: none;
  }
  .top {
    background: var(--surface);
    border-block-end: 1px solid var(--line);
  }
  .demo {
    max-inline-size: 76rem;
    margin-inline: auto;
    padding: 0 1.25rem 0.75rem;
    color: var(--quiet);
    font-size: 0.875rem;
  }
  .banner-place {
    position: sticky;
    inset-block-start: 0;
    z-index: 2;
  }
  .banner {
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    padding: 0.5rem 1rem;
    background: color-mix(in oklab, var(--warn) 13%, var(--surface));
    color: var(--warn);
    font-size: 0.875rem;
    font-weight: 500;
  }
  .page {
    max-inline-size: 76rem;
    margin-inline: auto;
    padding: 1.75rem 1.25rem 4rem;
  }
  @media (max-width: 46rem) {
    .demo {
      padding-inline: 0.875rem;
    }
    .page {
      padding: 1.25rem 0.875rem 3rem;
    }
  }
`;
