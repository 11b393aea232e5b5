// The few things done to the document: build, change only what differs, keep lists by key.
//
// Invariant: a node that holds playing audio is never moved, since moving a media element stops it.

const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children);
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  svg.append(use);
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  setAttribute(svg.firstElementChild, 'href', `#icon-${name}`);
}

/** Null or empty text hides the node. */
export function setText(node, text) {
  const shown = text ?? '';
  if (node.textContent !== shown) node.textContent = shown;
  if (node.hidden !== (shown === '')) node.hidden = shown === '';
}

/** Null or false removes the attribute, true sets it empty. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

const HIGHLIGHT_MS = 2400;
const highlights = new WeakMap();

/** Draws attention for a moment; a second call while it lasts begins anew. */
export function highlight(node) {
  clearTimeout(highlights.get(node));
  node.classList.remove('changed');
  void node.offsetWidth;
  node.classList.add('changed');
  highlights.set(node, setTimeout(() => node.classList.remove('changed'), HIGHLIGHT_MS));
}

const viewsOf = new WeakMap();

/** Makes the children of `parent` show `models` in order. `create(model)` answers `{node, update(model)}`. */
export function reconcile(parent, models, create) {
  const known = viewsOf.get(parent) ?? new Map();
  const views = new Map();
  for (const model of models) views.set(model.key, known.get(model.key) ?? create(model));
  for (const [key, view] of known) if (!views.has(key)) view.node.remove();
  viewsOf.set(parent, views);

  let next = parent.firstChild;
  for (const { node } of views.values()) {
    if (node === next) {
      next = next.nextSibling;
    } else if (node.parentNode === parent && isPlaying(node)) {
      while (next !== node) {
        const behind = next;
        next = next.nextSibling;
        parent.append(behind);
      }
      next = node.nextSibling;
    } else {
      parent.insertBefore(node, next);
    }
  }
  for (const model of models) views.get(model.key).update(model);
}

function isPlaying(node) {
  return [...node.querySelectorAll('audio')].some((audio) => !audio.paused);
}
