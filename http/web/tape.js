// The trades as they happen: the newest on top, each once, none missing after a lost connection.
import { $, clockTime, el, say, soon } from './dom.js';
import { fixed, grouped, parse } from './decimal.js';

const KEPT = 60;

export class Tape {
  constructor({ traded }) {
    this.traded = traded; // (price, up): of the newest
    this.body = $('#tape');
    this.draw = () => this.drawNow();
  }

  show(market) {
    this.market = market;
    this.trades = []; // newest first: {id, price, quantity, ms, maker}
    this.drawn = []; // the trades of the rows, newest first
    soon(this.draw);
  }

  // Begins with the symbol that is shown; returns what ends it.
  follow({ market, streams, recent }) {
    let ended = false;
    const leave = streams.want(`${market.symbol.toLowerCase()}@trade`, {
      live: async () => {
        const known = await recent().catch(() => []);
        if (!ended) {
          this.add(known.map((one) => ({ id: one.id, price: one.price, quantity: one.qty, ms: one.time, maker: one.isBuyerMaker })));
        }
      },
      event: (one) => this.add([{ id: one.t, price: one.p, quantity: one.q, ms: one.T, maker: one.m }]),
    });
    return () => {
      ended = true;
      leave();
    };
  }

  add(trades) {
    const newest = this.trades[0]?.id ?? -1;
    if (trades.length === 1 && trades[0].id > newest) {
      this.trades.unshift(trades[0]);
    } else {
      const known = new Set(this.trades.map((one) => one.id));
      this.trades.push(...trades.filter((one) => !known.has(one.id)));
      this.trades.sort((a, b) => b.id - a.id);
    }
    this.trades.length = Math.min(this.trades.length, KEPT);
    if (this.trades.length && this.trades[0].id !== newest) {
      this.traded(parse(this.trades[0].price), this.up);
    }
    soon(this.draw);
  }

  // Whether the price rose to what it is now; while it never was another, whether it was bought.
  get up() {
    const [newest, ...before] = this.trades, price = parse(newest.price), other = before.find((one) => parse(one.price) !== price);
    return other ? parse(other.price) < price : !newest.maker;
  }

  // New trades come on top of the rows that are there; only when something came in between all rows are made anew.
  drawNow() {
    const { body, trades, drawn } = this, fresh = drawn.length ? trades.indexOf(drawn[0]) : -1;
    if (fresh >= 0 && trades.slice(fresh).every((trade, at) => trade === drawn[at])) {
      for (const trade of trades.slice(0, fresh).reverse()) {
        body.prepend(this.rowOf(trade, body.children.length >= KEPT ? body.lastChild : this.newRow()));
      }
    } else {
      body.replaceChildren(...trades.map((trade) => this.rowOf(trade, this.newRow())));
    }
    this.drawn = [...trades];
  }

  newRow() {
    return el('div', { role: 'row' }, ...['price', 'quantity', 'time'].map((name) => el('span', { role: 'cell', className: name })));
  }

  rowOf(trade, row) {
    const [price, quantity, time] = row.children;
    row.className = trade.maker ? 'down' : 'up';
    say(price, `${trade.maker ? '▼' : '▲'} ${grouped(parse(trade.price), this.market.pricePlaces)}`);
    say(quantity, fixed(parse(trade.quantity), this.market.quantityPlaces));
    say(time, clockTime(trade.ms));
    return row;
  }
}
