// Asks again and again while the page is visible: one request at a time, given up when hidden, backing off when it fails.

const LONGEST_PAUSE_MS = 30_000;

/** `intervalMs()` is the pause before the next time; `ask(signal)` asks once; `failed(error)` hears of each failure and
 *  answers whether to go on. */
export function createPoller({ intervalMs, ask, failed }) {
  let wanted = false;
  let request = null;
  let timer = 0;
  let failures = 0;

  async function round() {
    const mine = new AbortController();
    request = mine;
    let pauseMs = 0;
    try {
      await ask(mine.signal);
      failures = 0;
      pauseMs = intervalMs();
    } catch (error) {
      if (mine.signal.aborted) return;
      failures += 1;
      if (!failed(error)) wanted = false;
      pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(error.retryAfterMs ?? 0, intervalMs() * 2 ** failures));
    }
    if (request !== mine) return;
    request = null;
    if (wanted && !document.hidden) timer = setTimeout(round, pauseMs);
  }

  function pause() {
    clearTimeout(timer);
    request?.abort();
    request = null;
  }

  /** Asks at once, whatever was under way. */
  function askNow() {
    pause();
    if (wanted && !document.hidden) round();
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? pause() : askNow()));

  return {
    askNow,
    start() {
      wanted = true;
      failures = 0;
      askNow();
    },
    stop() {
      wanted = false;
      pause();
    },
  };
}
