// A table of the account that is drawn again and again: a row stays the same element for as long as its key is there, so that a click
// that began on it ends on it, and the keyboard and the scroll stay where they were.
import { el, say } from './dom.js';

export class Rows {
  constructor(heads) {
    this.heads = heads;
    this.body = el('tbody');
    this.table = el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((text) => el('th', { scope: 'col' }, text)))), this.body);
    this.rows = new Map();
  }

  // rows: [[key, cell...]...]; a cell is a text, [text, class], or {text, label} of a button.
  draw(rows) {
    this.keep(new Set(rows.map(([key]) => key)));
    let place = this.body.firstChild;
    for (const [key, ...cells] of rows) {
      const row = this.rows.get(key) ?? this.add(key, cells);
      cells.forEach((cell, at) => this.write(row.children[at], cell));
      if (row === place) {
        place = place.nextSibling;
      } else {
        this.body.insertBefore(row, place);
      }
    }
  }

  // What is gone goes first: so the others need not be moved, which would take the keyboard from them.
  keep(keys) {
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) {
        row.remove();
        this.rows.delete(key);
      }
    }
  }

  add(key, cells) {
    const row = el('tr', { 'data-key': key }, ...cells.map((cell, at) => el('td', { 'data-name': this.heads[at] }, ...(cell.label ? [el('button', { type: 'button', className: 'quiet' })] : []))));
    this.rows.set(key, row);
    return row;
  }

  write(place, cell) {
    if (cell.label) {
      say(place.firstChild, cell.text);
      place.firstChild.setAttribute('aria-label', cell.label);
      return;
    }
    const [text, className] = Array.isArray(cell) ? cell : [cell, ''];
    say(place, text);
    if (place.className !== className) {
      place.className = className;
    }
  }
}
