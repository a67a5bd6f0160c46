// A local book, kept by the documented rule: buffer events, take a snapshot, drop what it holds already, then every event
// follows on the one before it. One that does not is a gap, and all begins again. Pure: no network, no page.
import { parse } from './decimal.js';

class Side {
  constructor(sign) {
    this.sign = sign; // 1: the lowest price is best
    this.clear();
  }

  clear() {
    this.prices = []; // best first
    this.quantities = new Map();
    this.edge = null; // the last price that is known, where a snapshot did not reach the end
  }

  // What lies beyond the edge is not known, so it must not look as if it were.
  beyond(price) {
    return this.edge !== null && (this.sign > 0 ? price > this.edge : price < this.edge);
  }

  set(price, quantity) {
    if (this.beyond(price)) {
      return;
    }
    const known = this.quantities.has(price);
    if (quantity) {
      this.quantities.set(price, quantity);
    } else {
      this.quantities.delete(price);
    }
    if (known !== Boolean(quantity)) {
      this.prices.splice(this.find(price), known ? 1 : 0, ...(known ? [] : [price]));
    }
  }

  find(price) {
    let low = 0, high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >> 1, before = this.sign > 0 ? this.prices[middle] < price : this.prices[middle] > price;
      [low, high] = before ? [middle + 1, high] : [low, middle];
    }
    return low;
  }
}

export class Book {
  // `levels`: how many of each side a snapshot has at most.
  constructor(levels = Infinity) {
    this.levels = levels;
    this.bids = new Side(-1);
    this.asks = new Side(1);
    this.begin();
  }

  // Nothing is known; events are kept until a snapshot comes.
  begin() {
    this.bids.clear();
    this.asks.clear();
    this.buffer = [];
    this.updateId = null;
  }

  get ready() {
    return this.updateId !== null;
  }

  // False: the snapshot is older than the first event that was kept; another one is needed.
  snapshot({ lastUpdateId, bids, asks }) {
    const first = this.buffer[0];
    if (first && lastUpdateId + 1 < first.U) {
      return false;
    }
    this.bids.clear();
    this.asks.clear();
    this.updateId = lastUpdateId;
    this.apply(bids, asks);
    for (const side of [this.bids, this.asks]) {
      side.edge = side.prices.length >= this.levels ? side.prices.at(-1) : null;
    }
    const kept = this.buffer;
    this.buffer = [];
    return kept.every((event) => this.event(event));
  }

  // False: an event is missing, and the book is not to be trusted any more.
  event(event) {
    if (!this.ready) {
      this.buffer.push(event);
      return true;
    }
    if (event.u <= this.updateId) {
      return true;
    }
    if (event.U > this.updateId + 1) {
      return false;
    }
    this.updateId = event.u;
    this.apply(event.b, event.a);
    return true;
  }

  // So much was taken off a side that one should look further: another snapshot is needed.
  get thin() {
    return [this.bids, this.asks].some((side) => side.edge !== null && side.prices.length < this.levels / 2);
  }

  apply(bids, asks) {
    for (const [price, quantity] of bids) {
      this.bids.set(parse(price), parse(quantity));
    }
    for (const [price, quantity] of asks) {
      this.asks.set(parse(price), parse(quantity));
    }
  }

  get bid() {
    return this.bids.prices[0];
  }

  get ask() {
    return this.asks.prices[0];
  }
}

const PAUSE_MAX_MS = 5000;

// Ties a book to its stream: snapshots when it becomes live, again after a gap. `changed` is called after every change.
export function follow(book, { streams, symbol, snapshot, changed }) {
  let turn = 0; // a snapshot of an earlier turn is not used
  async function sync() {
    const mine = ++turn;
    book.begin();
    changed();
    for (let pause = 100; mine === turn; pause = Math.min(pause * 2, PAUSE_MAX_MS)) {
      try {
        const taken = await snapshot();
        if (mine === turn && book.snapshot(taken)) {
          changed();
          return;
        }
        if (mine === turn && book.ready) { // a gap among what was kept
          book.begin();
        }
      } catch (error) { // not answered, or asked too often: once more after a pause
        pause = Math.max(pause, error.retryMs ?? 0);
      }
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  book.begin(); // it may be another symbol's
  changed();
  const leave = streams.want(`${symbol.toLowerCase()}@depth@100ms`, {
    live: sync,
    lost: () => {
      turn++;
      book.begin();
      changed();
    },
    event: (event) => {
      if (book.event(event) && !book.thin) {
        if (book.ready) {
          changed();
        }
      } else {
        sync();
      }
    },
  });
  return () => {
    turn++;
    leave();
  };
}
