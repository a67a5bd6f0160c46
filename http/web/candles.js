// The candles of one symbol and interval: REST's, the stream's, and between its events, which come every two seconds, the trades
// that come after the last one that the stream's candle holds. Pure: no network, no page.
import { fixed, max, min, parse } from './decimal.js';

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
export const LENGTHS = { '1s': SECOND, '1m': MINUTE, '3m': 3 * MINUTE, '5m': 5 * MINUTE, '15m': 15 * MINUTE, '30m': 30 * MINUTE, '1h': HOUR,
  '2h': 2 * HOUR, '4h': 4 * HOUR, '6h': 6 * HOUR, '8h': 8 * HOUR, '12h': 12 * HOUR, '1d': DAY, '3d': 3 * DAY, '1w': 7 * DAY, '1M': null };
const FILL_MAX = 500; // flat candles at once; a longer silence is asked for anew

const same = (a, b) => ['open', 'high', 'low', 'close', 'volume'].every((name) => a[name] === b[name]);

export class Candles {
  constructor(interval) {
    this.length = LENGTHS[interval];
    this.all = [];
    this.lastTrade = null; // the newest trade in the last candle; null: not known
  }

  static ofRest([begin, open, high, low, close, volume]) {
    return { begin, open: parse(open), high: parse(high), low: parse(low), close: parse(close), volume: parse(volume) };
  }

  // All of them anew.
  load(rows) {
    this.all = rows.map(Candles.ofRest);
    this.lastTrade = null;
  }

  // Older ones, before those that are there.
  prepend(rows) {
    const first = this.all[0]?.begin ?? Infinity;
    this.all.unshift(...rows.map(Candles.ofRest).filter((candle) => candle.begin < first));
  }

  // The changed candles, in order.
  kline(k) {
    const candle = { begin: k.t, open: parse(k.o), high: parse(k.h), low: parse(k.l), close: parse(k.c), volume: parse(k.v) };
    const last = this.all.at(-1);
    if (!last || candle.begin >= last.begin) {
      if (this.lastTrade === null || last?.begin !== candle.begin || k.L >= this.lastTrade) {
        const changed = this.put(candle);
        this.lastTrade = Math.max(this.lastTrade ?? -1, k.L);
        return changed;
      }
      return []; // trades have come meanwhile that it does not hold
    }
    const at = this.all.findLastIndex((one) => one.begin === candle.begin);
    if (at < 0 || same(this.all[at], candle)) {
      return [];
    }
    this.all[at] = candle;
    return [candle];
  }

  trade({ t, p, q, T }) {
    const last = this.all.at(-1);
    if (!last || !this.length || this.lastTrade === null || t <= this.lastTrade || this.length > DAY) {
      return [];
    }
    const price = parse(p), quantity = parse(q), begin = Math.floor(T / this.length) * this.length;
    if (begin < last.begin) {
      return [];
    }
    this.lastTrade = t;
    if (begin > last.begin) {
      return this.put({ begin, open: price, high: price, low: price, close: price, volume: quantity });
    }
    return this.put({ ...last, high: max(last.high, price), low: min(last.low, price), close: price, volume: last.volume + quantity });
  }

  put(candle) {
    const last = this.all.at(-1), changed = [];
    if (last && this.length) { // where nothing was traded the last close stands
      const close = last.close;
      for (let begin = last.begin + this.length; begin < candle.begin && changed.length < FILL_MAX; begin += this.length) {
        changed.push({ begin, open: close, high: close, low: close, close, volume: 0n });
      }
      this.all.push(...changed);
    }
    if (this.all.at(-1)?.begin === candle.begin) {
      this.all[this.all.length - 1] = candle;
    } else {
      this.all.push(candle);
    }
    changed.push(candle);
    return changed;
  }
}

export const textOf = (candle, market) => ({ begin: candle.begin, open: fixed(candle.open, market.pricePlaces),
  high: fixed(candle.high, market.pricePlaces), low: fixed(candle.low, market.pricePlaces),
  close: fixed(candle.close, market.pricePlaces), volume: fixed(candle.volume, market.quantityPlaces) });
