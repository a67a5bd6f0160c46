// Which symbols there are, and whether they trade: asked at the start, again each minute, and every few seconds of one that does not
// trade. Symbols may be listed, halted and given other filters while the page is open. A market stays the same object.
import { get } from './api.js';
import { marketOf } from './market.js';

const LEARN_MS = 60000, LEAST_MS = 5000;

export class Listing {
  // changed(market): told of each market whose decimals are others now. learned(): told when all has been taken over.
  constructor({ markets, changed, learned }) {
    Object.assign(this, { markets, changed, learned });
    this.after = 0; // not asked again before then
  }

  async learn(params) {
    for (const info of (await get('exchangeInfo', params)).symbols) {
      const known = this.markets.get(info.symbol), now = marketOf(info);
      if (!known) {
        this.markets.set(info.symbol, now);
        continue;
      }
      const other = known.tick !== now.tick || known.step !== now.step;
      Object.assign(known, now);
      if (other) {
        this.changed(known);
      }
    }
    this.learned();
  }

  // Until there are symbols; tell(text) says why there are none yet.
  async begin(tell) {
    while (!this.markets.size) {
      let wait = LEAST_MS;
      try {
        await this.learn();
        tell(this.markets.size ? '' : 'This exchange has no symbols yet. They are shown as soon as there are some.');
      } catch (error) {
        tell(`${error.message} Trying again …`);
        wait = Math.max(2000, error.retryMs ?? 0);
      }
      if (!this.markets.size) {
        await new Promise((done) => setTimeout(done, wait));
      }
    }
    setInterval(() => this.again(), LEARN_MS);
  }

  // All of it; no more often than that, and later where the exchange wants to be left alone.
  async again() {
    if (Date.now() < this.after) {
      return;
    }
    this.after = Infinity;
    let wait = LEAST_MS;
    try {
      await this.learn();
    } catch (error) {
      wait = Math.max(wait, error.retryMs ?? 0);
    }
    this.after = Date.now() + wait;
  }

  // One symbol, now. What is not answered is asked again soon enough.
  look({ symbol }) {
    return this.learn({ symbol }).catch(() => {});
  }

  // Looks at the market that is chosen for as long as it does not trade.
  watch(chosen) {
    setInterval(() => chosen()?.status !== 'TRADING' && chosen() && this.look(chosen()), LEAST_MS);
  }
}
