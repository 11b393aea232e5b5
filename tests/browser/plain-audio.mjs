// What is run inside the page, one function at a time: a plain audio element, and a log of what it goes through.
// Nothing outside a function's own braces exists there.

/** The page's own cookie, from the token that the team's web application would hand it. */
export async function signIn(token) {
  const answer = await fetch('/api/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  if (!answer.ok) throw new Error(`signing in: ${answer.status}`);
}

/** Instead of whatever the page shows: an audio element, and a button that plays it. */
export function show(source) {
  const audio = document.createElement('audio');
  Object.assign(audio, { id: 'audio', controls: true, preload: 'none', src: source });
  const button = document.createElement('button');
  Object.assign(button, { id: 'play', textContent: 'Play' });
  const seen = { pressedMs: 0, errors: [], sinceMs: () => Math.round(performance.now() - seen.pressedMs) };
  button.addEventListener('click', () => {
    seen.pressedMs = performance.now();
    audio.play().catch((error) => seen.errors.push(String(error)));
  });
  audio.addEventListener('error', () => seen.errors.push(`${audio.error.code}: ${audio.error.message}`));
  window.seen = seen;
  document.body.replaceChildren(audio, button);
}

/** Resolves once it plays at `second` or later. */
export function untilAt({ second, withinMs }) {
  const audio = document.querySelector('#audio');
  return new Promise((resolve, reject) => {
    const check = () => audio.currentTime >= second && resolve({ atMs: seen.sinceMs() });
    audio.addEventListener('timeupdate', check);
    const stuck = () => reject(new Error(`still at ${audio.currentTime} s after ${withinMs} ms; ${seen.errors}`));
    setTimeout(stuck, withinMs);
    check();
  });
}

export function untilEnded({ withinMs }) {
  const audio = document.querySelector('#audio');
  return new Promise((resolve, reject) => {
    const end = () => ({ atMs: seen.sinceMs(), second: audio.currentTime, duration: audio.duration, errors: seen.errors });
    const check = () => audio.ended && resolve(end());
    audio.addEventListener('ended', check);
    const stuck = () => reject(new Error(`at ${audio.currentTime} s after ${withinMs} ms; ${seen.errors}`));
    setTimeout(stuck, withinMs);
    check();
  });
}

/** Resolves once it has landed and plays on from there. A busy page hears of it late: `unseenSeconds` at most. */
export function seek({ second, withinMs }) {
  const audio = document.querySelector('#audio');
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    let lookedMs = beganMs;
    const watching = setInterval(() => (lookedMs = performance.now()), 20);
    let landed = null;
    const land = () => {
      landed = { landed: audio.currentTime, unseenSeconds: (performance.now() - lookedMs) / 1_000 };
    };
    audio.addEventListener('seeked', land, { once: true });
    const check = () => {
      if (landed === null || (audio.currentTime < landed.landed + 0.3 && !audio.ended)) return;
      clearInterval(watching);
      resolve({ ...landed, tookMs: Math.round(performance.now() - beganMs) });
    };
    for (const type of ['timeupdate', 'ended']) audio.addEventListener(type, check);
    setTimeout(() => reject(new Error(`the seek to ${second} s does not land in ${withinMs} ms`)), withinMs);
    audio.currentTime = second;
  });
}
