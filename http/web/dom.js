// Small helpers for elements: no markup is ever made of text that came from elsewhere.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// An element with properties and children; names with a dash are attributes.
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role') {
      made.setAttribute(key, value);
    } else if (key === 'on') {
      for (const [event, listener] of Object.entries(value)) {
        made.addEventListener(event, listener);
      }
    } else {
      made[key] = value;
    }
  }
  made.append(...children);
  return made;
}

// Writes only what is another text than before: most of a ladder is the same from frame to frame.
export function say(node, text) {
  if (node.said !== text) {
    node.said = text;
    node.textContent = text;
  }
}

const SPACING_MS = 60; // faster than that nobody reads figures: what comes more often costs nothing more
const due = new Set();
let drawnAt = 0;

function drawAll(now) {
  const all = [...due];
  due.clear();
  drawnAt = now;
  for (const draw of all) {
    draw();
  }
}

// Calls `draw` once in one of the next frames, however often it is asked for until then.
export function soon(draw) {
  if (due.size === 0) {
    const wait = drawnAt + SPACING_MS - performance.now();
    if (wait <= 0) {
      requestAnimationFrame(drawAll);
    } else {
      setTimeout(() => requestAnimationFrame(drawAll), wait);
    }
  }
  due.add(draw);
}

export const clockTime = (ms) => new Date(ms).toLocaleTimeString('en-GB');
// "2026-01-31 12:00:00", of this year without it.
export const shortTime = (ms) => (new Date(ms).getFullYear() === new Date().getFullYear() ? dayTime(ms).slice(5) : dayTime(ms));
export const dayTime = (ms) => {
  const date = new Date(ms);
  const two = (number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(ms)}`;
};
