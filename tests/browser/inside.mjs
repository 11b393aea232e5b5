// What is put into each page, so that a test can look at it as a person does: through shadow roots, by role and name.
// Nothing outside the function's own braces exists there.

/** Defines `window.looking`, once for each document. */
export function install() {
  if (window.looking) return;
  const IMPLICIT = {
    A: (one) => (one.hasAttribute('href') ? 'link' : null),
    BUTTON: () => 'button',
    SUMMARY: () => 'button',
    SELECT: () => 'combobox',
    TEXTAREA: () => 'textbox',
    INPUT: (one) => INPUTS[one.type] ?? 'textbox',
    H1: () => 'heading',
    H2: () => 'heading',
    H3: () => 'heading',
    H4: () => 'heading',
    LI: () => 'listitem',
    UL: () => 'list',
    OL: () => 'list',
    TR: () => 'row',
    TABLE: () => 'table',
    NAV: () => 'navigation',
    MAIN: () => 'main',
    DIALOG: () => 'dialog',
    PROGRESS: () => 'progressbar',
    IMG: () => 'img',
  };
  const INPUTS = {
    button: 'button',
    submit: 'button',
    checkbox: 'checkbox',
    radio: 'radio',
    range: 'slider',
    search: 'searchbox',
    number: 'spinbutton',
    hidden: 'none',
  };
  const NAMED_BY_CONTENT = ['button', 'link', 'heading', 'tab', 'option', 'menuitem', 'menuitemradio', 'row', 'cell'];
  const OUTLINE_CHARACTERS_MAX = 2_500;
  /** What has not moved for so long is pressed. */
  const STILL_FRAMES = 8;
  const media = new Set();
  let pressedMs = 0;
  let pressedSecond = null;

  // An audio element need not be in the page; each is known from its first play on.
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    media.add(this);
    return play.call(this);
  };
  /** When somebody pressed, and where it was then, before the page acts upon it. */
  function pressed(event) {
    if (!event.isTrusted) return;
    pressedMs = performance.now();
    pressedSecond = playing()?.currentTime ?? null;
  }
  for (const type of ['pointerdown', 'keydown']) addEventListener(type, pressed, true);

  /** Without what only tells directions apart. */
  const plain = (text) => (text ?? '').replace(/[\u200e\u200f\u2066-\u2069]/g, '').replace(/\s+/g, ' ').trim();
  const display = (one) => getComputedStyle(one).display;

  /** The nodes below one as they are shown, slots filled in. */
  function shownBelow(one) {
    const below = one.shadowRoot ?? one;
    if (one.tagName !== 'SLOT') return [...below.childNodes];
    const assigned = one.assignedNodes();
    return assigned.length > 0 ? assigned : [...one.childNodes];
  }

  /** All elements that are there for everybody, in the order in which they are shown. */
  function* elements(root = document.body) {
    if (root.ariaHidden === 'true' || root.inert || display(root) === 'none') return;
    yield root;
    for (const node of shownBelow(root)) if (node.nodeType === 1) yield* elements(node);
  }

  function textOf(node) {
    if (node.nodeType === 3) return node.data;
    if (node.nodeType !== 1 || ['STYLE', 'SCRIPT', 'NOSCRIPT'].includes(node.tagName)) return '';
    if (node.ariaHidden === 'true' || display(node) === 'none') return '';
    const label = node.tagName === 'IMG' ? node.alt : node.role === 'img' ? node.ariaLabel : null;
    const text = label ?? shownBelow(node).map(textOf).join('');
    return display(node).startsWith('inline') && display(node) === 'inline' ? text : ` ${text} `;
  }

  const roleOf = (one) => one.getAttribute('role') ?? IMPLICIT[one.tagName]?.(one) ?? null;

  function nameOf(one) {
    const by = one.getAttribute('aria-labelledby');
    const root = one.getRootNode();
    if (by) return plain(by.split(/\s+/).map((id) => textOf(root.getElementById(id) ?? new Text())).join(' '));
    if (one.ariaLabel) return plain(one.ariaLabel);
    if (one.labels?.length > 0) return plain([...one.labels].map(textOf).join(' '));
    const content = NAMED_BY_CONTENT.includes(roleOf(one)) ? plain(textOf(one)) : '';
    return content || plain(one.title || one.placeholder);
  }

  const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0;
  const isDisabled = (one) => one.matches(':disabled') || one.ariaDisabled === 'true';
  const fits = (text, wanted) =>
    typeof wanted === 'string' ? text === wanted : new RegExp(wanted.source, wanted.flags).test(text);

  /** `target`: a selector, or `{ role, name, text, selector, within }`; a name is exact, or `{ source, flags }`. */
  function all(target) {
    const { role, name, text, selector, within } = typeof target === 'string' ? { selector: target } : target;
    const roots = within === undefined ? [document.body] : all(within);
    const fitting = (one) =>
      (selector === undefined || one.matches(selector)) &&
      (role === undefined || roleOf(one) === role) &&
      (name === undefined || fits(nameOf(one), name)) &&
      (text === undefined || fits(plain(textOf(one)), text)) &&
      isShown(one);
    return roots.flatMap((root) => [...elements(root)].filter(fitting));
  }

  const first = (target) => all(target)[target.nth ?? 0] ?? null;

  /** Whatever is on top at a point, through shadow roots. */
  function topAt(x, y) {
    let top = document.elementFromPoint(x, y);
    while (top?.shadowRoot) {
      const inner = top.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === top) break;
      top = inner;
    }
    return top;
  }

  /** Where keys go, through shadow roots; null: nowhere. */
  function focused() {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active;
  }

  function isWithin(inner, outer) {
    for (let one = inner; one; one = one.assignedSlot ?? one.parentNode ?? one.host) if (one === outer) return true;
    return false;
  }

  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

  /** Where to press: null while there is nothing to press, or it moves, or something is in front of it. */
  async function place(target, share = { x: 0.5, y: 0.5 }) {
    const one = first(target);
    if (!one || isDisabled(one)) return null;
    one.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
    const before = one.getBoundingClientRect();
    for (let frame = 0; frame < STILL_FRAMES; frame++) await nextFrame();
    const { left, top, width, height } = one.getBoundingClientRect();
    if (!one.isConnected || left !== before.left || top !== before.top) return null;
    const [x, y] = [left + width * share.x, top + height * share.y];
    return isWithin(topAt(x, y), one) ? { x, y, left, top, width, height } : null;
  }

  /** What there is to read and to press, for whoever reads an error. */
  function outline() {
    const lines = [location.href];
    for (const one of elements()) {
      const role = roleOf(one);
      const state = one.getAttribute('state');
      if (role && isShown(one)) lines.push(`${role} "${nameOf(one).slice(0, 80)}"${isDisabled(one) ? ' disabled' : ''}`);
      else if (state) lines.push(`${one.localName} state=${state}`);
    }
    const sounds = [...media].map((one) => `sound at ${one.currentTime} s${one.paused ? ', paused' : ''}`);
    return [...lines, ...sounds, plain(textOf(document.body))].join('\n').slice(0, OUTLINE_CHARACTERS_MAX);
  }

  /** The first one that plays, or else the last one that did. */
  function playing() {
    const known = [...media];
    return known.find((each) => !each.paused) ?? known.at(-1) ?? null;
  }

  function sound() {
    const one = playing();
    if (!one) return null;
    const { currentTime, paused, duration, playbackRate, volume } = one;
    const sincePressMs = performance.now() - pressedMs;
    return { second: currentTime, isPaused: paused, duration, rate: playbackRate, volume, sincePressMs, pressedSecond };
  }

  window.looking = {
    all,
    first,
    focused,
    place,
    outline,
    sound,
    media,
    roleOf,
    nameOf,
    textOf: (one) => plain(textOf(one)),
    text: (target) => plain(textOf(target === undefined ? document.body : (first(target) ?? new Text()))),
  };
}
