// Tables that are drawn again and again: rows stay the same elements, and only what changed is written.
import { el, say } from '../dom.js';

export class Table {
  // columns: [{title, cell(row) → text or a node that stays, className, scope: true for the row's name}]
  constructor({ place, columns, caption, key }) {
    Object.assign(this, { columns, key });
    this.rows = new Map();
    this.body = el('tbody');
    place.append(el('table', {}, el('caption', { className: 'hidden' }, caption),
      el('thead', {}, el('tr', {}, ...columns.map(({ title, className = '' }) => el('th', { scope: 'col', className }, title)))), this.body));
  }

  draw(rows) {
    const seen = new Set();
    let before = null;
    for (const row of rows) {
      const key = this.key(row);
      seen.add(key);
      let drawn = this.rows.get(key);
      if (!drawn) {
        drawn = el('tr', {}, ...this.columns.map(({ scope, className = '' }) => el(scope ? 'th' : 'td', { className, ...(scope && { scope: 'row' }) })));
        drawn.dataset.key = key;
        this.rows.set(key, drawn);
      }
      this.columns.forEach(({ cell }, i) => {
        const value = cell(row), place = drawn.children[i];
        if (!(value instanceof Node)) {
          if (place.firstElementChild) { // a node was there before
            place.said = undefined;
          }
          say(place, String(value));
        } else if (place.firstChild !== value) {
          place.replaceChildren(value);
        }
      });
      const wanted = before ? before.nextSibling : this.body.firstChild;
      if (wanted !== drawn) {
        this.body.insertBefore(drawn, wanted);
      }
      before = drawn;
    }
    for (const [key, drawn] of this.rows) {
      if (!seen.has(key)) {
        drawn.remove();
        this.rows.delete(key);
      }
    }
  }
}
