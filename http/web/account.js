// What belongs to the holder of the keys: balances, orders, trades, kept by user data events on top of snapshots by REST.
//
// The subscription comes first and the snapshot after it, so nothing falls between. Every event says all of its order or balance,
// so those that the snapshot holds already change nothing in the end.
import { insist, setClock } from './api.js';
import { Socket } from './socket.js';
import { fixed, over, parse } from './decimal.js';

const OPEN = ['NEW', 'PARTIALLY_FILLED', 'PENDING_NEW'], KEPT = 500;
const PAST_MS = 5 * 60000; // events keep it true for longer, but a page forgets orders that are many

export const isOpen = (order) => OPEN.includes(order.status);

const ofRest = (order) => ({ symbol: order.symbol, id: order.orderId, list: order.orderListId, side: order.side, type: order.type,
  tif: order.timeInForce, price: order.price, stop: order.stopPrice, quantity: order.origQty, filled: order.executedQty,
  turnover: order.cummulativeQuoteQty, status: order.status, working: order.isWorking, ms: order.time, updated: order.updateTime });

const ofEvent = (e) => ({ symbol: e.s, id: e.i, list: e.g, side: e.S, type: e.o, tif: e.f, price: e.p, stop: e.P, quantity: e.q, filled: e.z,
  turnover: e.Z, status: e.X, working: e.w, ms: e.O, updated: e.T });

const tradeOfRest = (trade) => ({ symbol: trade.symbol, id: trade.id, order: trade.orderId, side: trade.isBuyer ? 'BUY' : 'SELL', price: trade.price,
  quantity: trade.qty, turnover: trade.quoteQty, fee: trade.commission, feeAsset: trade.commissionAsset, maker: trade.isMaker, ms: trade.time });

const tradeOfEvent = (e) => ({ symbol: e.s, id: e.t, order: e.i, side: e.S, price: e.L, quantity: e.l, turnover: e.Y, fee: e.n, feeAsset: e.N,
  maker: e.m, ms: e.T });

export class Account {
  constructor({ changed, news, state }) {
    Object.assign(this, { changed, news, state });
    this.clear();
  }

  clear() {
    this.signed = false;
    this.keys = null;
    this.balances = new Map(); // asset: {free, locked}
    this.orders = new Map(); // "SYMBOL id": order
    this.trades = new Map(); // "SYMBOL id": trade
    this.commission = new Map(); // symbol: {maker, taker}
    this.pastAt = new Map(); // symbol: when its past was asked for on this connection
    this.symbol = null;
  }

  free(asset) {
    return this.balances.get(asset)?.free ?? 0n;
  }

  rates(symbol) {
    return this.commission.get(symbol);
  }

  get open() {
    return [...this.orders.values()].filter(isOpen);
  }

  // Takes keys into use, once the exchange has accepted them.
  async sign(keys, symbol) {
    const account = await keys.rest('GET', 'account', { omitZeroBalances: true });
    this.end();
    this.keys = keys;
    this.signed = true;
    this.takeBalances(account);
    this.symbol = symbol; // what is past comes with the first refresh
    this.socket = new Socket('/ws-api/v3', 'ping', {
      opened: () => this.begin(),
      lost: () => this.state('lost'),
      latency: () => {},
      message: ({ event }) => event && this.take(event),
    });
    this.changed();
  }

  end() {
    this.socket?.end();
    this.socket = null;
    this.clear();
    this.state('none');
    this.changed();
  }

  async begin() {
    const { socket, keys } = this;
    const { ws } = socket;
    this.kept = []; // events that come before the snapshot does
    try {
      await socket.request('userDataStream.subscribe.signature', await keys.params());
      await this.refresh();
      if (socket === this.socket) {
        socket.settled();
        this.state('live');
      }
    } catch (error) {
      if (socket === this.socket && [-2014, -2015, -1022].includes(error.code)) {
        this.end();
        this.news(`The exchange does not take these keys any more: ${error.message}`, false);
        return;
      }
      if (error.code === -1021) {
        await setClock().catch(() => {});
      }
      if (ws === socket.ws) { // not lost meanwhile
        socket.drop(error.retryMs); // and from the beginning, after a pause
      }
    }
  }

  // All of it anew, by REST.
  async refresh() {
    const { keys } = this, kept = this.kept ??= [];
    const [account, open] = await Promise.all([keys.rest('GET', 'account', { omitZeroBalances: true }), keys.rest('GET', 'openOrders')]);
    if (keys !== this.keys) {
      return;
    }
    this.balances.clear();
    this.takeBalances(account);
    for (const [name, order] of this.orders) {
      if (isOpen(order)) {
        this.orders.delete(name); // what became of it is in the history
      }
    }
    for (const order of open) {
      this.put(ofRest(order));
    }
    this.kept = null;
    for (const event of kept) {
      this.take(event, true);
    }
    this.pastAt.clear();
    this.past();
    this.changed();
  }

  // Orders and trades of the chosen symbol that are over, and what it costs to trade it.
  choose(symbol) {
    this.symbol = symbol;
    if (this.signed) {
      this.past();
    }
  }

  async past() {
    const { keys, symbol } = this, mine = () => keys === this.keys;
    if (Date.now() - this.pastAt.get(symbol) < PAST_MS) {
      return;
    }
    this.pastAt.set(symbol, Date.now());
    const ask = (path, params) => insist(() => keys.rest('GET', path, { symbol, ...params }), () => mine() && symbol === this.symbol);
    const [orders, trades, commission] = await Promise.all([ask('allOrders', { limit: 200 }), ask('myTrades', { limit: 200 }),
      this.commission.has(symbol) ? null : ask('account/commission')]);
    if (!mine()) {
      return;
    }
    for (const order of orders ?? []) {
      this.put(ofRest(order), true);
    }
    for (const trade of trades ?? []) {
      this.trades.set(`${symbol} ${trade.id}`, tradeOfRest(trade));
    }
    if (commission) {
      const sum = (name) => ['standardCommission', 'specialCommission', 'taxCommission'].reduce((all, kind) => all + parse(commission[kind][name]), 0n);
      this.commission.set(symbol, { maker: sum('maker'), taker: sum('taker') });
    }
    if (!orders || !trades || !this.commission.has(symbol)) { // given up when another symbol was chosen
      this.pastAt.delete(symbol);
      if (symbol === this.symbol) { // and this one again
        this.past();
      }
    }
    this.changed();
  }

  takeBalances({ balances }) {
    for (const { asset, free, locked } of balances) {
      this.balances.set(asset, { free: parse(free), locked: parse(locked) });
    }
  }

  // An answer may be older than what an event has told: then it is not taken.
  put(order, answered = false) {
    const name = `${order.symbol} ${order.id}`, known = this.orders.get(name);
    if (!(answered && known && (known.updated > order.updated || parse(known.filled) > parse(order.filled) || !isOpen(known)))) {
      this.orders.set(name, order);
    }
  }

  take(event, again = false) {
    if (this.kept) {
      this.kept.push(event);
      return;
    }
    if (event.e === 'executionReport' && event.i >= 0) {
      this.put(ofEvent(event));
      if (event.x === 'TRADE' && event.t >= 0) {
        this.trades.set(`${event.s} ${event.t}`, tradeOfEvent(event));
      }
      if (!again) {
        this.tell(event);
      }
    } else if (event.e === 'outboundAccountPosition') {
      for (const { a, f, l } of event.B) {
        this.balances.set(a, { free: parse(f), locked: parse(l) });
      }
    } else if (event.e === 'eventStreamTerminated') {
      this.end();
      this.news('The exchange ended this session: the key does not serve any more.', false);
      return;
    }
    this.trim(this.orders, isOpen);
    this.trim(this.trades, () => false);
    this.changed();
  }

  // A page that is open for days must not grow.
  trim(all, keep) {
    for (const [name, one] of all.size > 2 * KEPT ? all : []) {
      if (all.size > KEPT && !keep(one)) {
        all.delete(name);
      }
    }
  }

  // The fills of one order are one piece of news, which grows.
  tell({ x, X, S, s, i, q, z, Z, L, eR }) {
    const side = S === 'BUY' ? 'Bought' : 'Sold', short = (text) => text.replace(/\.?0+$/, ''), about = `${s} ${i}`;
    if (x === 'TRADE') {
      const places = Math.max(short(L).split('.')[1]?.length ?? 0, 2), average = short(fixed(over(parse(Z), parse(z)), places));
      this.news(X === 'FILLED' ? `${side} ${short(z)} ${s} at ${average}; the order is filled` : `${side} ${short(z)} of ${short(q)} ${s} at ${average}`, true, about);
    } else if (x === 'CANCELED') {
      this.news(`Cancelled: ${S.toLowerCase()} order of ${s}`, true);
    } else if (x === 'EXPIRED' && eR !== 'OCO_TRIGGER') {
      this.news(`Expired: ${S.toLowerCase()} order of ${s}`, true);
    }
  }

  // An order of a list goes with the whole list.
  cancel(order) {
    return order.list >= 0 ? this.keys.rest('DELETE', 'orderList', { symbol: order.symbol, orderListId: order.list })
      : this.keys.rest('DELETE', 'order', { symbol: order.symbol, orderId: order.id });
  }

  cancelAll(symbol) {
    return this.keys.rest('DELETE', 'openOrders', { symbol });
  }
}
