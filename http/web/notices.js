// What the page says by itself: a banner, news that go by, and a question before something that cannot be undone.
import { $, el, say } from './dom.js';

const NEWS_MS = 6000, NEWS_MAX = 4;

export function banner(text) {
  $('#banner').hidden = !text;
  say($('#banner'), text);
}

let ticking;

// The exchange wants to be left alone until then.
export function tooMuch(until) {
  clearInterval(ticking);
  const tell = () => {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    banner(seconds > 0 ? `The exchange was asked too much: it answers again in ${seconds} s.` : '');
    if (seconds <= 0) {
      clearInterval(ticking);
    }
  };
  ticking = setInterval(tell, 1000);
  tell();
}

// News about the same order take each other's place.
export function news(text, good = true, about = '') {
  const all = $('#news'), line = el('p', { className: good ? '' : 'bad', 'data-about': about }, text);
  const before = about && [...all.children].find((one) => one.dataset.about === about);
  if (before) {
    before.replaceWith(line);
  } else {
    all.append(line);
  }
  while (all.children.length > NEWS_MAX) {
    all.firstChild.remove();
  }
  setTimeout(() => line.remove(), NEWS_MS);
}

// Whether the answer to `question` is `yes`, a button's text; Escape is no.
export function ask(question, yes) {
  const dialog = $('#ask');
  say($('#ask-text'), question);
  say($('#ask-yes'), yes);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true }));
}

for (const [id, answer] of [['#ask-yes', 'yes'], ['#ask-no', 'no']]) {
  $(id).addEventListener('click', () => $('#ask').close(answer));
}
