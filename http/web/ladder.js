// The order book as a ladder: the best levels of each side, grouped, with bars for how much lies up to them.
import { $, el, say, soon } from './dom.js';
import { ceilTo, fixed, floorTo, grouped, plain } from './decimal.js';

const ROW_PX = 20, HEAD_PX = 22, SPREAD_PX = 32, ROWS_MIN = 5, ROWS_MAX = 60;

// The levels of a side in groups of `step`, best first, with sums: [{price, quantity, total}]. The group at the edge of what is known would
// be a part of one, and is left out.
export function groupsOf(side, step, most) {
  const groups = [];
  let total = 0n;
  for (const price of side.prices) {
    const group = side.sign > 0 ? ceilTo(price, step) : floorTo(price, step), quantity = side.quantities.get(price);
    if (groups.at(-1)?.price !== group) {
      if (groups.length === most) {
        return groups;
      }
      groups.push({ price: group, quantity: 0n, total });
    }
    groups.at(-1).quantity += quantity;
    groups.at(-1).total = total += quantity;
  }
  return side.edge === null || groups.length < 2 ? groups : groups.slice(0, -1);
}

export class Ladder {
  constructor({ book, picked, owns }) {
    this.book = book;
    this.owns = owns; // (): the prices of our open orders, by side: {BUY: [...], SELL: [...]}
    this.root = $('#ladder');
    this.sides = [['asks', $('#asks')], ['bids', $('#bids')]].map(([name, body]) => ({ name, body, rows: [] }));
    this.draw = () => this.drawNow();
    for (const side of this.sides) {
      side.body.addEventListener('click', (event) => {
        const row = event.target.closest('[data-price]');
        if (row) {
          picked(row.dataset.price);
        }
      });
    }
    $('#grouping').addEventListener('change', (event) => {
      this.step = BigInt(event.target.value);
      soon(this.draw);
    });
    new ResizeObserver(() => {
      this.fit();
      soon(this.draw);
    }).observe(this.root);
    this.fit();
  }

  fit() {
    const room = Math.max(this.root.clientHeight - HEAD_PX - SPREAD_PX, 0) / 2;
    this.count = Math.max(ROWS_MIN, Math.min(ROWS_MAX, Math.floor(room / ROW_PX)));
    this.root.style.setProperty('--row', `${Math.max(room / this.count, ROW_PX)}px`); // what is left over is shared out
    for (const side of this.sides) {
      while (side.rows.length < this.count) {
        const cells = ['price', 'quantity', 'total'].map((name) => el('span', { role: 'cell', className: name }));
        const bar = el('i', { className: 'bar', 'aria-hidden': 'true' });
        const row = el('div', { role: 'row', className: 'level' }, bar, ...cells);
        side.rows.push({ row, bar, cells });
        side.body.append(row);
      }
      while (side.rows.length > this.count) {
        side.rows.pop().row.remove();
      }
    }
  }

  show(market) {
    if (this.market !== market) {
      say($('#ladder-last'), '–'); // what comes first may be long in coming
      $('#ladder-last').className = '';
    }
    this.market = market;
    this.step = market.tick;
    $('#grouping').replaceChildren(...[1n, 10n, 100n, 1000n, 10000n].map((factor) => {
      const step = market.tick * factor;
      return el('option', { value: String(step) }, plain(step));
    }));
    say($('.ladder-head [data-of=price]'), `Price (${market.quote})`);
    say($('.ladder-head [data-of=quantity]'), `Amount (${market.base})`);
    say($('.ladder-head [data-of=total]'), `Total`);
    soon(this.draw);
  }

  drawNow() {
    const { book, market } = this;
    if (!market) {
      return;
    }
    const groups = { asks: groupsOf(book.asks, this.step, this.count), bids: groupsOf(book.bids, this.step, this.count) };
    const most = [groups.asks, groups.bids].reduce((sum, side) => (side.length && side.at(-1).total > sum ? side.at(-1).total : sum), 1n);
    this.root.dataset.ready = book.ready;
    this.own = this.owns();
    for (const side of this.sides) {
      side.rows.forEach((line, at) => this.drawRow(side, line, groups[side.name][at], most));
    }
    this.drawSpread();
    this.root.dataset.updateId = book.updateId ?? '';
  }

  drawRow(side, line, group, most) {
    const [price, quantity, total] = line.cells, { market } = this;
    line.row.hidden = !group;
    if (!group) {
      delete line.row.dataset.price;
      return;
    }
    const text = fixed(group.price, market.pricePlaces);
    if (line.row.dataset.price !== text) {
      line.row.dataset.price = text;
    }
    say(price, grouped(group.price, market.pricePlaces));
    say(quantity, fixed(group.quantity, market.quantityPlaces));
    say(total, fixed(group.total, market.quantityPlaces));
    line.bar.style.transform = `scaleX(${Number((group.total * 1000n) / most) / 1000})`;
    const low = side.name === 'asks' ? group.price - this.step + 1n : group.price;
    line.row.classList.toggle('mine', this.own[side.name === 'asks' ? 'SELL' : 'BUY'].some((own) => own >= low && own < low + this.step));
  }

  drawSpread() {
    const { bid, ask } = this.book, places = this.market.pricePlaces;
    if (bid === undefined || ask === undefined) {
      say($('#spread'), this.book.ready ? 'one side is empty' : 'waiting for the book');
      return;
    }
    const basis = Number(((ask - bid) * 2_000_000n) / (ask + bid)) / 100;
    say($('#spread'), `Spread ${grouped(ask - bid, places)} (${basis.toFixed(2)} bp)`);
  }

  last(price, up) {
    const node = $('#ladder-last');
    say(node, `${up ? '▲' : '▼'} ${grouped(price, this.market.pricePlaces)}`);
    node.className = up ? 'up' : 'down';
  }
}
