// binance_session.mjs - the package `binance` as it comes from npm: REST, market streams, the WebSocket API and user data.
//
// Goal: what this client asks is answered as it knows it from Binance, and what it hears is what REST shows.
// Method: two funded users; each check begins with empty books, listens, lets something happen by REST or by the
// WebSocket API, and compares. Default options but for URLs, keys, and how soon it connects again. Amounts in units of 1e-8.
import assert from 'node:assert/strict';
import { MainClient, WebsocketAPIClient, WebsocketClient } from 'binance';
import { atoms, check, DONE, eq, facts, feeOf, holdOf, OPEN, OTHERS, overTls, pairOf, pending, pendingKinds, quoteOf, run, statusOf,
  STOPS, workingOf } from './checks.mjs';

const SYMBOL = 'BTCUSDT', SECONDS = 20; // a deadline for what must come, never a measure
const WS_API = 'mainWSAPI', STREAMS = 'main'; // as the client calls its connections
const wsUrl = (overTls ? 'wss://' : 'ws://') + new URL(facts.base).host;
const quiet = { trace() {}, info() {}, error() {} }; // what goes wrong is an answer, or what did not come

const rest = (keys) => new MainClient({ baseUrl: facts.base, ...(keys && { api_key: keys.key, api_secret: keys.secret }) });

const alice = rest(facts.alice), bob = rest(facts.bob), anyone = rest();

const socketApi = (keys) => new WebsocketAPIClient({ wsUrl, api_key: keys.key, api_secret: keys.secret,
  reconnectTimeout: 10, attachEventListeners: false, muteLatencyWarning: true }, quiet);

// ---- what the checks are made of ----

// Every event that a connection of the client tells, and what waits for some of them.
class Ear {
  constructor(socket) {
    this.events = [];
    this.waiting = new Set();
    socket.on('message', (event) => this.take(event));
    socket.on('response', (answer) => this.take({ answer }));
    socket.on('reconnected', () => this.take({ back: true }));
  }

  take(event) {
    this.events.push(event);
    for (const look of this.waiting) {
      look();
    }
  }

  // The result of found() once it is true; it is asked again whenever something has come.
  async until(found, what) {
    let look, timer;
    try {
      return await new Promise((resolve, reject) => {
        look = () => {
          const value = found(this.events);
          if (value) {
            resolve(value);
          }
        };
        timer = setTimeout(() => reject(new Error(`nothing came: ${what}`)), SECONDS * 1000);
        this.waiting.add(look);
        look();
      });
    } finally {
      this.waiting.delete(look);
      clearTimeout(timer);
    }
  }

  of(kind) {
    return this.events.filter((event) => event.e === kind || event.streamName?.endsWith(`@${kind}`));
  }
}

// The client with an ear on it, subscribed: what happens from now on is told.
async function listen(...subscriptions) {
  const socket = new WebsocketClient({ wsUrl, reconnectTimeout: 10 }, quiet);
  const ear = new Ear(socket);
  for (const [index, subscribe] of subscriptions.entries()) {
    await subscribe(socket);
    await ear.until((events) => events.filter((event) => event.answer).length > index, 'the answer to SUBSCRIBE');
  }
  return { socket, ear, close: () => socket.closeAll(true) };
}

const limit = (side, price, quantity, more) =>
  ({ symbol: SYMBOL, side, type: 'LIMIT', timeInForce: 'GTC', price, quantity, ...more });
const sell = (client, price, quantity) => client.submitNewOrder(limit('SELL', price, quantity));
const buy = (client, price, quantity) => client.submitNewOrder(limit('BUY', price, quantity));

async function trade(price, quantity) {
  await sell(bob, price, quantity);
  return buy(alice, price, quantity);
}

const balancesOf = (account) => Object.fromEntries(account.balances.map(({ asset, free, locked }) =>
  [asset, [atoms(free), atoms(locked)]]));

// REST refuses with an object that has the code and the text; returns it.
async function refused(code, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    const said = error.error ?? error; // the WebSocket API's is an answer with status and error
    eq(said.code, code, `refusal (${said.msg ?? said.message})`);
    return error;
  }
  return assert.fail(`accepted what had to be refused: ${JSON.stringify(answer)}`);
}

async function clear() {
  for (const client of [alice, bob]) {
    if ((await client.getOpenOrders({ symbol: SYMBOL })).length) {
      await client.cancelAllSymbolOrders({ symbol: SYMBOL });
    }
  }
}

// ---- REST ----

check('markets and filters are told', async () => {
  eq(await anyone.testConnectivity(), {}, 'ping');
  const { symbols: [symbol], timezone } = await anyone.getExchangeInfo({ symbol: SYMBOL });
  eq([timezone, symbol.symbol, symbol.status, symbol.baseAsset, symbol.quoteAsset],
    ['UTC', SYMBOL, 'TRADING', 'BTC', 'USDT'], 'the symbol');
  const filters = Object.fromEntries(symbol.filters.map((filter) => [filter.filterType, filter]));
  eq([atoms(filters.PRICE_FILTER.tickSize), atoms(filters.LOT_SIZE.stepSize)], [atoms('0.01'), atoms('0.00001')], 'filters');
  eq((await anyone.getExchangeInfo({ symbols: [SYMBOL, 'ETHUSDT'] })).symbols.map((one) => one.symbol).sort(),
    [SYMBOL, 'ETHUSDT'], 'two symbols');
});

check('an account shows its balances and commissions', async () => {
  const account = await alice.getAccountInformation();
  eq([account.canTrade, account.accountType, account.permissions], [true, 'SPOT', ['SPOT']], 'the account');
  for (const [asset, amount] of Object.entries(facts.funds)) {
    eq(balancesOf(account)[asset], [atoms(amount), 0n], asset);
  }
  const { symbol, standardCommission } = await alice.getCommissionRates({ symbol: SYMBOL });
  eq([symbol, standardCommission.maker, standardCommission.taker], [SYMBOL, '0.00100000', '0.00100000'], 'commissions');
});

check('a limit order holds funds, is found and cancelled', async () => {
  const before = balancesOf(await alice.getAccountInformation());
  const placed = await buy(alice, 19000.01, 0.01);
  eq([placed.status, atoms(placed.price), atoms(placed.origQty)], ['NEW', atoms('19000.01'), atoms('0.01')], 'placed');
  assert(placed.clientOrderId.startsWith(alice.getOrderIdPrefix()), `the client's own id: ${placed.clientOrderId}`);
  const hold = holdOf(atoms('19000.01'), atoms('0.01'));
  const held = balancesOf(await alice.getAccountInformation());
  eq(held.USDT, [before.USDT[0] - hold, before.USDT[1] + hold], 'held');
  eq((await alice.getOpenOrders({ symbol: SYMBOL })).map((order) => order.orderId), [placed.orderId], 'open orders');
  eq((await alice.getOrder({ symbol: SYMBOL, origClientOrderId: placed.clientOrderId })).orderId, placed.orderId, 'found');
  eq((await alice.cancelOrder({ symbol: SYMBOL, orderId: placed.orderId })).status, 'CANCELED', 'cancelled');
  eq(balancesOf(await alice.getAccountInformation()), before, 'released');
  eq((await alice.getAllOrders({ symbol: SYMBOL })).at(-1).status, 'CANCELED', 'among all orders');
});

check('a market order fills, and both sides see the trade', async () => {
  await sell(bob, 20000, 0.02);
  const filled = await alice.submitNewOrder({ symbol: SYMBOL, side: 'BUY', type: 'MARKET', quantity: 0.01,
    newOrderRespType: 'FULL' });
  const quote = quoteOf(atoms('20000.0'), atoms('0.01'));
  eq([filled.status, atoms(filled.executedQty), atoms(filled.cummulativeQuoteQty)],
    ['FILLED', atoms('0.01'), quote], 'filled');
  eq([filled.fills.length, atoms(filled.fills[0].commission), filled.fills[0].commissionAsset],
    [1, feeOf(atoms('0.01')), 'BTC'], 'its fill');
  const mine = (await alice.getAccountTradeList({ symbol: SYMBOL })).at(-1);
  const his = (await bob.getAccountTradeList({ symbol: SYMBOL })).at(-1);
  eq([mine.id, mine.orderId, mine.isBuyer, mine.isMaker], [filled.fills[0].tradeId, filled.orderId, true, false], 'taker');
  eq([his.id, his.price, his.isBuyer, his.isMaker, atoms(his.commission), his.commissionAsset],
    [mine.id, mine.price, false, true, feeOf(quote), 'USDT'], 'maker');
  const shown = (await anyone.getRecentTrades({ symbol: SYMBOL, limit: 1 }))[0];
  eq([shown.id, shown.price, shown.qty, shown.isBuyerMaker], [mine.id, mine.price, mine.qty, false], 'to everybody');
  eq((await anyone.getAggregateTrades({ symbol: SYMBOL, limit: 1 }))[0].l, mine.id, 'aggregated');
  eq(atoms((await anyone.getKlines({ symbol: SYMBOL, interval: '1m', limit: 1 }))[0][4]), atoms('20000.0'), 'a candle');
});

check('an order is replaced, and a test moves nothing', async () => {
  const placed = await buy(alice, 19000, 0.01);
  const answer = await alice.replaceOrder(limit('BUY', 18999, 0.02,
    { cancelReplaceMode: 'STOP_ON_FAILURE', cancelOrderId: placed.orderId }));
  eq([answer.cancelResult, answer.newOrderResult, atoms(answer.newOrderResponse.origQty)],
    ['SUCCESS', 'SUCCESS', atoms('0.02')], 'replaced');
  eq(await alice.testNewOrder(limit('BUY', 18999, 0.02)), {}, 'a test');
  eq((await alice.getOpenOrders({ symbol: SYMBOL })).map((order) => order.orderId),
    [answer.newOrderResponse.orderId], 'open orders');
});

check('stops wait, fire, and are cancelled', async () => {
  await trade(20000, 0.01);
  const stop = (side, type, more) => alice.submitNewOrder({ symbol: SYMBOL, side, type, quantity: 0.01,
    newOrderRespType: 'RESULT', ...more });
  for (const [side, type, more] of [
    ['SELL', 'STOP_LOSS', { stopPrice: 19000 }],
    ['SELL', 'TAKE_PROFIT_LIMIT', { stopPrice: 21000, price: 20900, timeInForce: 'GTC' }],
    ['BUY', 'TAKE_PROFIT', { stopPrice: 19000 }],
    ['BUY', 'STOP_LOSS_LIMIT', { trailingDelta: 500, price: 21500, timeInForce: 'GTC' }],
  ]) {
    const order = await stop(side, type, more);
    eq([order.status, order.type, atoms(order.stopPrice ?? '0')], ['NEW', type, atoms(String(more.stopPrice ?? 0))], type);
    const { isWorking } = await alice.getOrder({ symbol: SYMBOL, orderId: order.orderId });
    const gone = await alice.cancelOrder({ symbol: SYMBOL, orderId: order.orderId });
    eq([isWorking, gone.status], [false, 'CANCELED'], 'cancelled');
  }
  const order = await stop('SELL', 'STOP_LOSS_LIMIT', { stopPrice: 19500, price: 19400, timeInForce: 'GTC' });
  await sell(bob, 19500, 0.01);
  await buy(bob, 19500, 0.01);
  const fired = await alice.getOrder({ symbol: SYMBOL, orderId: order.orderId });
  eq([fired.status, fired.isWorking], ['NEW', true], 'fired');
  const iceberg = await alice.submitNewOrder(limit('SELL', 30000, 1, { icebergQty: 0.1 }));
  eq(iceberg.icebergQty, '0.10000000', 'an iceberg');
  await refused(-2010, stop('SELL', 'STOP_LOSS', { stopPrice: 25000 }));
});

check('what is refused has its code and text', async () => {
  eq((await refused(-2010, buy(alice, 20000, 8000))).message,
    'Account has insufficient balance for requested action.', 'funds');
  eq((await refused(-1013, buy(alice, 20000.001, 1))).message, 'Filter failure: PRICE_FILTER', 'a filter');
  eq((await refused(-2011, alice.cancelOrder({ symbol: SYMBOL, orderId: 999999999 }))).message,
    'Unknown order sent.', 'cancel');
  await refused(-2013, alice.getOrder({ symbol: SYMBOL, orderId: 999999999 }));
  await refused(-1121, anyone.getOrderBook({ symbol: 'NOTHING' }));
  await refused(-1022, rest({ ...facts.bob, secret: facts.alice.secret }).getAccountInformation());
  const late = await refused(-2014, rest({ key: 'nobody', secret: 'x' }).getAccountInformation());
  eq([late.body.code, late.requestUrl.startsWith(facts.base)], [-2014, true], 'what the client keeps of it');
});

check('limits that answers tell are tracked', async () => {
  await buy(alice, 19000, 0.01);
  const limits = alice.getRateLimitStates();
  assert(limits['x-mbx-used-weight-1m'] > 0 && limits['x-mbx-order-count-1d'] > 0, JSON.stringify(limits));
});

// ---- streams ----

check('trades, best prices and candles are heard as they are by REST', async () => {
  const { socket, ear, close } = await listen(
    (client) => client.subscribeSpotTrades(SYMBOL), (client) => client.subscribeSpotAggregateTrades(SYMBOL),
    (client) => client.subscribeSpotSymbolBookTicker(SYMBOL), (client) => client.subscribeSpotKline(SYMBOL, '1m'),
    (client) => client.subscribeSpotSymbolMini24hrTicker(SYMBOL));
  try {
    await buy(alice, 19990, 0.5);
    await trade(20000, 0.003);
    await trade(20001, 0.004);
    const told = await ear.until(() => ear.of('trade').length === 2 && ear.of('trade'), 'two trades');
    eq(told.map(({ t, p, q, T, m }) => ({ id: t, price: p, qty: q, time: T, isBuyerMaker: m })),
      (await anyone.getRecentTrades({ symbol: SYMBOL, limit: 2 })).map(({ id, price, qty, time, isBuyerMaker }) =>
        ({ id, price, qty, time, isBuyerMaker })), 'trades');
    const joined = await ear.until(() => ear.of('aggTrade').length === 2 && ear.of('aggTrade'), 'aggregate trades');
    eq(joined.map(({ a, f, l }) => [a, f, l]), (await anyone.getAggregateTrades({ symbol: SYMBOL, limit: 2 })).map(
      ({ a, f, l }) => [a, f, l]), 'aggregate trades');
    const best = await anyone.getSymbolOrderBookTicker({ symbol: SYMBOL });
    await ear.until(() => ear.of('bookTicker').some(({ b, B, a, A }) => [b, B, a, A].join() ===
      [best.bidPrice, best.bidQty, best.askPrice, best.askQty].join()), 'the best prices of REST');
    const candle = await ear.until(() => ear.of('kline').find(({ k }) => atoms(k.c) === atoms('20001.0')), 'a candle');
    eq([candle.k.i, candle.k.L, candle.k.h], ['1m', told[1].t, '20001.00000000'], 'the candle');
    await ear.until(() => ear.of('24hrMiniTicker').find((mini) => atoms(mini.c) === atoms('20001.0')), 'a ticker');
  } finally {
    close();
  }
});

// A book kept as the public rule says: events first, then the snapshot, then what is newer.
class Book {
  constructor(ear, snapshot) {
    Object.assign(this, { ear, id: snapshot.lastUpdateId, at: 0 });
    this.sides = { b: new Map(snapshot.bids), a: new Map(snapshot.asks) };
  }

  follow() {
    const events = this.ear.of('depthUpdate');
    for (; this.at < events.length; this.at++) {
      const { U, u } = events[this.at];
      if (u > this.id) {
        assert(U <= this.id + 1, `a gap: have ${this.id}, got ${U}`);
        for (const side of ['b', 'a']) {
          for (const [price, quantity] of events[this.at][side]) {
            atoms(quantity) ? this.sides[side].set(price, quantity) : this.sides[side].delete(price);
          }
        }
        this.id = u;
      }
    }
    return this.id;
  }

  rows() {
    const rows = (side, sign) => [...this.sides[side]].sort(([x], [y]) => (atoms(x) < atoms(y) ? -sign : sign));
    return { bids: rows('b', -1), asks: rows('a', 1) };
  }
}

check('a book kept from events is the book of REST, at both speeds', async () => {
  for (const speed of [100, undefined]) { // undefined: the client asks for @1000ms
    const { ear, close } = await listen((client) => client.subscribeSpotDiffBookDepth(SYMBOL, speed));
    try {
      await buy(alice, 19000, 0.01);
      await ear.until(() => ear.of('depthUpdate').length, 'the first event');
      const book = new Book(ear, await anyone.getOrderBook({ symbol: SYMBOL, limit: 5000 }));
      for (let i = 1; i <= 20; i++) {
        await buy(alice, 18000 - i, (i / 1000).toFixed(3));
        await sell(bob, 21000 + (i % 7), (i / 1000).toFixed(3));
        if (i % 6 === 0) {
          await alice.cancelAllSymbolOrders({ symbol: SYMBOL });
        }
      }
      const { lastUpdateId, bids, asks } = await anyone.getOrderBook({ symbol: SYMBOL, limit: 5000 });
      await ear.until(() => book.follow() >= lastUpdateId, 'the last change');
      eq([book.id, book.rows()], [lastUpdateId, { bids, asks }], 'the book');
    } finally {
      close();
    }
    await clear();
  }
});

check('partial depth is heard at the speed the client asks for by default', async () => {
  const { ear, close } = await listen((client) => client.subscribeSpotPartialBookDepth(SYMBOL, 5));
  try {
    await buy(alice, 19000, 0.01);
    const shown = await anyone.getOrderBook({ symbol: SYMBOL, limit: 5 });
    const told = await ear.until(() => ear.events.find((event) => event.lastUpdateId === shown.lastUpdateId), 'the book');
    eq([told.bids, told.asks], [shown.bids, shown.asks], 'its levels');
  } finally {
    close();
  }
});

check('who is cut off comes back, subscribed, and sees from ids what it missed', async () => {
  const { socket, ear, close } = await listen((client) => client.subscribeSpotTrades(SYMBOL));
  try {
    await trade(20000, 0.001);
    await ear.until(() => ear.of('trade').length, 'a trade');
    const answers = ear.events.filter((event) => event.answer).length;
    socket.getWsStore().getWs(STREAMS).terminate();
    await trade(20000, 0.002); // perhaps before it is back
    await ear.until((events) => events.some((event) => event.back), 'the client back');
    await ear.until((events) => events.filter((event) => event.answer).length > answers, 'SUBSCRIBE again');
    await trade(20000, 0.003);
    const last = await ear.until(() => ear.of('trade').find(({ q }) => q === '0.00300000'), 'a trade behind it');
    const ids = new Set(ear.of('trade').map(({ t }) => t)), first = Math.min(...ids);
    const rows = await anyone.getHistoricalTrades({ symbol: SYMBOL, fromId: first });
    eq(rows.map(({ id }) => id), [first, first + 1, first + 2], 'ids are dense');
    eq([last.t, rows.find(({ id }) => id === last.t).qty], [first + 2, '0.00300000'], 'the newest');
    for (const { t, q } of ear.of('trade')) {
      eq(rows.find(({ id }) => id === t).qty, q, `trade ${t}`);
    }
  } finally {
    close();
  }
});

// ---- lists of orders, of alice ----

const around = (above, below) => pairOf(above, below, 21000, 19000);
const oco = (side, params) => alice.submitNewOrderList({ symbol: SYMBOL, side, quantity: 0.01, ...params });
const working = { symbol: SYMBOL, ...workingOf(19500, 0.01), pendingQuantity: 0.009 }; // what is left behind the commission

// The list says this, and its orders, by their own query, say that.
async function ofList({ orderListId, orders }, status, states) {
  const shown = await alice.getOCO({ orderListId });
  eq([statusOf(shown), shown.orders], [status, orders], 'the list');
  const found = await Promise.all(orders.map(({ orderId }) => alice.getOrder({ symbol: SYMBOL, orderId })));
  eq(found.map((order) => [order.orderListId, order.status]), states.map((state) => [orderListId, state]), 'its orders');
  return shown;
}

// A second phase begins behind the answer to who filled the first one.
async function placed({ orders }) {
  const deadline = Date.now() + SECONDS * 1000;
  while ((await alice.getOrder({ symbol: SYMBOL, orderId: orders[1].orderId })).status === 'PENDING_NEW') {
    assert(Date.now() < deadline, 'a second phase');
  }
}

check('OCOs of every type are placed with one hold, shown, and cancelled', async () => {
  await trade(20000, 0.001);
  const { BTC: [free] } = balancesOf(await alice.getAccountInformation());
  for (const stop of STOPS) {
    for (const other of OTHERS) {
      const made = await oco('SELL', around(other, stop));
      assert(made.listClientOrderId.startsWith(alice.getOrderIdPrefix()), `the client's own id: ${made.listClientOrderId}`);
      eq(made.orderReports.map(({ type }) => type), [stop, other], 'types');
      eq(balancesOf(await alice.getAccountInformation()).BTC, [free - atoms('0.01'), atoms('0.01')], 'one hold');
      const shown = await ofList(made, OPEN, ['NEW', 'NEW']);
      eq([await alice.getOCO({ origClientOrderId: made.listClientOrderId }), await alice.getAllOpenOCO()], [shown, [shown]], 'open');
      const gone = await alice.cancelOCO({ symbol: SYMBOL, orderListId: made.orderListId });
      eq([statusOf(gone), gone.orderReports.map(({ status }) => status)], [DONE, ['CANCELED', 'CANCELED']], 'cancelled');
      eq(await alice.getAllOCO({ limit: 1 }), [await ofList(made, DONE, ['CANCELED', 'CANCELED'])], 'kept');
      const bought = await oco('BUY', around(stop, other));
      await alice.cancelOrder({ symbol: SYMBOL, orderId: bought.orders[1].orderId });
      await ofList(bought, DONE, ['CANCELED', 'CANCELED']);
    }
  }
  eq([await alice.getAllOpenOCO(), balancesOf(await alice.getAccountInformation()).BTC], [[], [free, 0n]], 'nothing is left');
  await refused(-2010, oco('SELL', { ...around('LIMIT_MAKER', 'STOP_LOSS'), abovePrice: 19900 }));
  await refused(-2018, alice.getOCO({ orderListId: 999999999 }));
  await refused(-2011, alice.cancelOCO({ symbol: SYMBOL, orderListId: 999999999 }));
});

check('one order of an OCO fills or fires, and the other expires', async () => {
  await trade(20000, 0.001);
  const filled = await oco('SELL', around('LIMIT_MAKER', 'STOP_LOSS'));
  await buy(bob, 21100, 0.01);
  await ofList(filled, DONE, ['EXPIRED', 'FILLED']);
  await trade(20000, 0.001);
  const fired = await alice.submitNewOCO({ symbol: SYMBOL, side: 'SELL', quantity: 0.01, price: 21000, stopPrice: 19000,
    stopLimitPrice: 18900, stopLimitTimeInForce: 'GTC' }); // the older form
  await sell(bob, 19000, 0.001);
  await buy(bob, 19000, 0.001);
  await ofList(fired, OPEN, ['NEW', 'EXPIRED']);
  await buy(bob, 18900, 0.01);
  await ofList(fired, DONE, ['FILLED', 'EXPIRED']);
});

check('what is pending is placed when the working order is filled', async () => {
  for (const [kind, params] of pendingKinds(22000, 18000)) {
    await trade(20000, 0.001);
    const made = await alice.submitNewOrderListOTO({ ...working, pendingType: kind, ...params });
    await ofList(made, OPEN, ['NEW', 'PENDING_NEW']);
    await buy(bob, 19000, 0.01);
    await sell(bob, 19500, 0.01);
    await placed(made);
    const rests = kind !== 'MARKET';
    await ofList(made, rests ? OPEN : DONE, ['FILLED', rests ? 'NEW' : 'FILLED']);
    await clear();
  }
  await trade(20000, 0.001);
  const made = await alice.submitNewOrderListOTOCO({ ...working, ...pending(around('LIMIT_MAKER', 'STOP_LOSS_LIMIT')) });
  await ofList(made, OPEN, ['NEW', 'PENDING_NEW', 'PENDING_NEW']);
  await sell(bob, 19500, 0.01);
  await placed(made);
  await ofList(made, OPEN, ['FILLED', 'NEW', 'NEW']);
  await buy(bob, 21100, 0.009);
  await ofList(made, DONE, ['FILLED', 'EXPIRED', 'FILLED']);
});

// ---- the WebSocket API ----

check('the WebSocket API answers what REST answers', async () => {
  const socket = socketApi(facts.bob);
  try {
    const { serverTime } = (await socket.getSpotServerTime()).result; // by REST it asks api.binance.com, always
    eq(String(serverTime).length, 13, 'digits of a time in ms');
    const depth = (await socket.getSpotOrderBook({ symbol: SYMBOL, limit: 100 })).result;
    eq(depth, await anyone.getOrderBook({ symbol: SYMBOL, limit: 100 }), 'depth');
    const account = (await socket.getSpotAccountInformation({ timestamp: Date.now() })).result;
    eq(balancesOf(account), balancesOf(await bob.getAccountInformation()), 'balances');
    const placed = (await socket.submitNewSpotOrder(limit('SELL', '21000', '0.01', { timestamp: Date.now() }))).result;
    const { orderId } = placed;
    eq((await bob.getOrder({ symbol: SYMBOL, orderId })).status, 'NEW', 'placed');
    const order = (await socket.getSpotOrderStatus({ symbol: SYMBOL, orderId, timestamp: Date.now() })).result;
    eq(order, await bob.getOrder({ symbol: SYMBOL, orderId }), 'the order');
    const open = (await socket.getSpotOpenOrders({ symbol: SYMBOL, timestamp: Date.now() })).result;
    eq(open, await bob.getOpenOrders({ symbol: SYMBOL }), 'open orders');
    const cancelled = await socket.cancelSpotOrder({ symbol: SYMBOL, orderId, timestamp: Date.now() });
    eq(cancelled.result.status, 'CANCELED', 'cancelled');
    const error = await refused(-2011, socket.cancelSpotOrder({ symbol: SYMBOL, orderId, timestamp: Date.now() }));
    eq([error.status, error.error.msg], [400, 'Unknown order sent.'], 'refused');
  } finally {
    await socket.disconnectAll();
  }
});

check('orders, fills and balances are told to their user', async () => {
  const socket = socketApi(facts.alice), ear = new Ear(socket.getWSClient());
  try {
    await socket.subscribeUserDataStream(WS_API);
    const reports = () => ear.events.map((event) => event.event ?? event).filter((event) => event.e === 'executionReport');
    const placed = await buy(alice, 20000, 0.01);
    await sell(bob, 20000, 0.004);
    await alice.cancelOrder({ symbol: SYMBOL, orderId: placed.orderId });
    await ear.until(() => reports().length === 3, 'three reports');
    eq(reports().map(({ i, x, X, z }) => [i, x, X, z]), [[placed.orderId, 'NEW', 'NEW', '0.00000000'],
      [placed.orderId, 'TRADE', 'PARTIALLY_FILLED', '0.00400000'],
      [placed.orderId, 'CANCELED', 'CANCELED', '0.00400000']], 'reports');
    const mine = (await alice.getAccountTradeList({ symbol: SYMBOL })).at(-1), told = reports()[1];
    eq([told.t, told.L, told.l, told.n, told.N, told.m], [mine.id, mine.price, mine.qty, mine.commission,
      mine.commissionAsset, mine.isMaker], 'the fill');
    const now = balancesOf(await alice.getAccountInformation());
    await ear.until((events) => events.map((event) => event.event ?? event).some((event) =>
      event.e === 'outboundAccountPosition' && event.B.some(({ a, f, l }) => a === 'USDT' &&
        atoms(f) === now.USDT[0] && atoms(l) === now.USDT[1])), 'the balance of REST');
  } finally {
    await socket.disconnectAll();
  }
});

check('lists are placed, shown, amended and cancelled over the socket, and told to their user', async () => {
  await trade(20000, 0.001);
  const socket = socketApi(facts.alice), ear = new Ear(socket.getWSClient());
  const told = async ({ orders }, count, what) => { // the next reports and lists: which order of the list, or its contingency
    const rows = () => ear.events.map((event) => event.event ?? event).filter(({ e }) => e === 'executionReport' || e === 'listStatus');
    await ear.until(() => rows().length >= count, what);
    const found = rows().map(({ e, i, c, x, X, l, L }) =>
      (e === 'listStatus' ? [c, l, L] : [orders.findIndex(({ orderId }) => orderId === i), x, X]));
    ear.events = [];
    return found;
  };
  const now = (params) => ({ symbol: SYMBOL, ...params, timestamp: Date.now() });
  try {
    await socket.subscribeUserDataStream(WS_API);
    const pair = around('LIMIT_MAKER', 'STOP_LOSS');
    const first = (await socket.placeSpotOCOOrderList(now({ side: 'SELL', quantity: 0.01, ...pair }))).result;
    eq(await told(first, 3, 'an OCO'), [[0, 'NEW', 'NEW'], [1, 'NEW', 'NEW'], ['OCO', ...OPEN]], 'an OCO');
    const { orderListId } = first, timestamp = Date.now();
    const shown = (await socket.getSpotOrderListStatus({ orderListId, timestamp })).result;
    eq([shown, (await socket.getSpotOpenOrderLists({ timestamp })).result], [await alice.getOCO({ orderListId }), [shown]], 'as REST has it');
    await buy(bob, 21100, 0.01);
    eq(await told(first, 3, 'its end'), [[1, 'TRADE', 'FILLED'], [0, 'EXPIRED', 'EXPIRED'], ['OCO', ...DONE]], 'filled');
    const next = (await socket.placeSpotOTOOrderList(now({ ...working, pendingType: 'LIMIT', pendingPrice: 22000,
      pendingTimeInForce: 'GTC' }))).result;
    eq(await told(next, 3, 'an OTO'), [[0, 'NEW', 'NEW'], [1, 'NEW', 'PENDING_NEW'], ['OTO', ...OPEN]], 'an OTO');
    await sell(bob, 19500, 0.01);
    eq(await told(next, 2, 'its second phase'), [[0, 'TRADE', 'FILLED'], [1, 'NEW', 'NEW']], 'its second phase');
    await alice.cancelAllSymbolOrders({ symbol: SYMBOL });
    eq(await told(next, 2, 'its end'), [[1, 'CANCELED', 'CANCELED'], ['OTO', ...DONE]], 'cancelled');
    const last = (await socket.placeSpotOTOCOOrderList(now({ ...working, ...pending(pair) }))).result;
    await told(last, 4, 'an OTOCO');
    const gone = (await socket.cancelSpotOrderList(now({ orderListId: last.orderListId }))).result;
    eq([statusOf(gone), await told(last, 4, 'its end')], [DONE, [...[0, 1, 2].map((order) => [order, 'CANCELED', 'CANCELED']),
      ['OTO', ...DONE]]], 'cancelled');
    eq((await socket.getSpotAllOrderLists({ fromId: orderListId, timestamp })).result.map((list) => list.contingencyType),
      ['OCO', 'OTO', 'OTO'], 'all of them');
    const order = await buy(alice, 19000, 0.01);
    await told({ orders: [order] }, 1, 'an order');
    const { amendedOrder } = (await socket.amendSpotOrderKeepPriority(now({ orderId: order.orderId, newQty: '0.004' }))).result;
    eq([amendedOrder.qty, await told({ orders: [order] }, 1, 'an amendment')], ['0.00400000', [[0, 'REPLACED', 'NEW']]], 'amended');
  } finally {
    await socket.disconnectAll();
  }
});

await run(clear);
