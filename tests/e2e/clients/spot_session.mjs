// spot_session.mjs - Binance's own connector, @binance/spot, as it comes from npm: REST, the WebSocket API, user data and streams.
//
// Goal: what this client asks is answered as it knows it from Binance, lists of orders and amendments among it.
// Method: two funded users; each check begins with empty books and a last price of 20000. Default options but for URLs, keys and
// patience: by default it waits a second for an answer. Amounts in units of 1e-8.
import assert from 'node:assert/strict';
import { Spot } from '@binance/spot';
import { atoms, check, DONE, eq, facts, feeOf, holdOf, OPEN, OTHERS, overTls, pairOf, pending, pendingKinds, quoteOf, run, statusOf,
  STOPS, workingOf } from './checks.mjs';

const SYMBOL = 'BTCUSDT', SECONDS = 20; // a deadline for what must come, never a measure
const wsUrl = (overTls ? 'wss://' : 'ws://') + new URL(facts.base).host;
process.env.LOG_LEVEL = 'error'; // the client's

function spot(keys) {
  const identity = keys && { apiKey: keys.key, [keys.secret.includes('PRIVATE KEY') ? 'privateKey' : 'apiSecret']: keys.secret };
  return new Spot({ configurationRestAPI: { ...identity, basePath: facts.base, timeout: SECONDS * 1000 },
    configurationWebsocketAPI: { ...identity, wsURL: `${wsUrl}/ws-api/v3` },
    configurationWebsocketStreams: { wsURL: wsUrl } });
}

// Its REST methods, each with the data that it answers.
const rest = (keys) => new Proxy(spot(keys).restAPI, { get: (api, name) => async (params) => (await api[name](params)).data() });

const alice = rest(facts.alice), bob = rest(facts.bob), anyone = rest();

const limit = (side, price, quantity, more) =>
  ({ symbol: SYMBOL, side, type: 'LIMIT', timeInForce: 'GTC', price, quantity, ...more });
const sell = (user, price, quantity) => user.newOrder(limit('SELL', price, quantity));
const buy = (user, price, quantity) => user.newOrder(limit('BUY', price, quantity));

async function trade(price) {
  await sell(bob, price, 0.001);
  await buy(bob, price, 0.001);
}

async function balance(user, asset) {
  const { free, locked } = (await user.getAccount()).balances.find((row) => row.asset === asset);
  return [atoms(free), atoms(locked)];
}

// The errors of REST and of the WebSocket API hold the code.
async function refused(code, promise) {
  await assert.rejects(promise, (error) => {
    eq(error.code, code, error.message ?? error.msg);
    return true;
  });
}

// The list says this, and its orders, by their own query, say that.
async function ofList({ orderListId, orders }, status, states) {
  const shown = await alice.getOrderList({ orderListId });
  eq([statusOf(shown), shown.orders], [status, orders], 'the list');
  const found = await Promise.all(orders.map(({ orderId }) => alice.getOrder({ symbol: SYMBOL, orderId })));
  eq(found.map((order) => [order.orderListId, order.status]), states.map((state) => [orderListId, state]), 'its orders');
  return shown;
}

async function soon(look, what) {
  for (const deadline = Date.now() + SECONDS * 1000; ;) {
    const found = await look();
    if (found) {
      return found;
    }
    assert(Date.now() < deadline, `nothing came: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 2); });
  }
}

async function clear() {
  for (const user of [alice, bob]) {
    if ((await user.getOpenOrders({ symbol: SYMBOL })).length) {
      await user.deleteOpenOrders({ symbol: SYMBOL });
    }
  }
  await trade(20000);
}

const around = (above, below) => pairOf(above, below, 21000, 19000);
const working = { symbol: SYMBOL, ...workingOf(19500, 0.01), pendingQuantity: 0.009 }; // what is left behind the commission

// ---- REST ----

check('the exchange and the account are described', async () => {
  eq(await anyone.ping(), {}, 'ping');
  const { symbols: [symbol] } = await anyone.exchangeInfo({ symbol: SYMBOL });
  eq([symbol.symbol, symbol.status, symbol.ocoAllowed, symbol.otoAllowed], [SYMBOL, 'TRADING', true, true], 'the symbol');
  const account = await alice.getAccount({ omitZeroBalances: true });
  eq(account.balances.map(({ asset }) => asset).sort(), Object.keys(facts.funds).sort(), 'balances');
  eq((await alice.accountCommission({ symbol: SYMBOL })).standardCommission.maker, '0.00100000', 'commission');
});

check('orders are placed, found, amended, filled, replaced and cancelled', async () => {
  const [free] = await balance(alice, 'USDT'), hold = holdOf(atoms('19000.01'), atoms('0.01'));
  const order = await buy(alice, 19000.01, 0.01);
  eq([order.status, await balance(alice, 'USDT')], ['NEW', [free - hold, hold]], 'placed');
  const { orderId } = order;
  eq((await alice.getOpenOrders({ symbol: SYMBOL })).map((one) => one.orderId), [orderId], 'open');
  const { amendedOrder } = await alice.orderAmendKeepPriority({ symbol: SYMBOL, orderId, newQty: 0.004 });
  eq([amendedOrder.orderId, amendedOrder.qty], [orderId, '0.00400000'], 'amended');
  eq((await alice.orderAmendments({ symbol: SYMBOL, orderId })).map(({ origQty, newQty }) => [origQty, newQty]),
    [['0.01000000', '0.00400000']], 'its amendments');
  eq((await alice.deleteOrder({ symbol: SYMBOL, orderId })).status, 'CANCELED', 'cancelled');
  await sell(bob, 20000, 0.01);
  const filled = await alice.newOrder({ symbol: SYMBOL, side: 'BUY', type: 'MARKET', quantity: 0.01 });
  eq([filled.status, atoms(filled.fills[0].commission)], ['FILLED', feeOf(atoms('0.01'))], 'filled');
  eq(atoms((await alice.myTrades({ symbol: SYMBOL, orderId: filled.orderId }))[0].quoteQty), quoteOf(atoms('20000.0'), atoms('0.01')),
    'its trade');
  for (const [type, more] of [['STOP_LOSS', { stopPrice: 19000 }], ['TAKE_PROFIT_LIMIT', { stopPrice: 21000, price: 20900, timeInForce: 'GTC' }],
    ['STOP_LOSS_LIMIT', { trailingDelta: 500, price: 18000, timeInForce: 'GTC' }], ['LIMIT_MAKER', { price: 30000 }],
    ['LIMIT', { price: 30000, timeInForce: 'GTC', icebergQty: 0.001 }]]) {
    const made = await alice.newOrder({ symbol: SYMBOL, side: 'SELL', type, quantity: 0.01, ...more });
    eq((await alice.getOrder({ symbol: SYMBOL, orderId: made.orderId })).type, type, 'a type');
  }
  eq((await alice.deleteOpenOrders({ symbol: SYMBOL })).length, 5, 'all cancelled');
});

check('what is refused has its class and code', async () => {
  await refused(-2010, buy(alice, 20000, 8000));
  await refused(-1013, buy(alice, 20000.001, 1));
  await refused(-2011, alice.deleteOrder({ symbol: SYMBOL, orderId: 999999999 }));
  await refused(-1121, anyone.depth({ symbol: 'NOTHING' }));
  await refused(-2018, alice.getOrderList({ orderListId: 999999999 }));
  await refused(-2011, alice.deleteOrderList({ symbol: SYMBOL, orderListId: 999999999 }));
  await assert.rejects(rest({ key: 'nobody', secret: 'x' }).getAccount(), { name: 'UnauthorizedError' });
});

check('OCOs of every type are placed with one hold, shown, and cancelled', async () => {
  const [free] = await balance(alice, 'BTC'), amount = atoms('0.01');
  for (const stop of STOPS) {
    for (const other of OTHERS) {
      const made = await alice.orderListOco({ symbol: SYMBOL, side: 'SELL', quantity: 0.01, ...around(other, stop) });
      eq([made.orderReports.map(({ type }) => type), await balance(alice, 'BTC')], [[stop, other], [free - amount, amount]], 'placed');
      const shown = await ofList(made, OPEN, ['NEW', 'NEW']);
      eq([await alice.getOrderList({ origClientOrderId: made.listClientOrderId }), await alice.openOrderList()], [shown, [shown]], 'open');
      eq(statusOf(await alice.deleteOrderList({ symbol: SYMBOL, orderListId: made.orderListId })), DONE, 'cancelled');
      eq(await alice.allOrderList({ limit: 1 }), [await ofList(made, DONE, ['CANCELED', 'CANCELED'])], 'kept');
      const bought = await alice.orderListOco({ symbol: SYMBOL, side: 'BUY', quantity: 0.01, ...around(stop, other) });
      await alice.deleteOrder({ symbol: SYMBOL, orderId: bought.orders[0].orderId });
      await ofList(bought, DONE, ['CANCELED', 'CANCELED']);
    }
  }
});

check('one order of an OCO fills or fires, and the other expires', async () => {
  const filled = await alice.orderListOco({ symbol: SYMBOL, side: 'SELL', quantity: 0.01, ...around('LIMIT_MAKER', 'STOP_LOSS') });
  await buy(bob, 21100, 0.01);
  await ofList(filled, DONE, ['EXPIRED', 'FILLED']);
  await trade(20000);
  const fired = await alice.orderOco({ symbol: SYMBOL, side: 'SELL', quantity: 0.01, price: 21000, stopPrice: 19000, stopLimitPrice: 18900,
    stopLimitTimeInForce: 'GTC' }); // the older form
  await trade(19000);
  await ofList(fired, OPEN, ['NEW', 'EXPIRED']);
  await buy(bob, 18900, 0.01);
  await ofList(fired, DONE, ['FILLED', 'EXPIRED']);
});

check('what is pending is placed when the working order is filled', async () => {
  const begun = ({ orders }) => soon(async () => // a second phase begins behind the answer to who filled the first one
    (await alice.getOrder({ symbol: SYMBOL, orderId: orders[1].orderId })).status !== 'PENDING_NEW', 'a second phase');
  for (const [kind, params] of pendingKinds(22000, 18000)) {
    const made = await alice.orderListOto({ ...working, pendingType: kind, ...params });
    await ofList(made, OPEN, ['NEW', 'PENDING_NEW']);
    await buy(bob, 19000, 0.01);
    await sell(bob, 19500, 0.01);
    await begun(made);
    await ofList(made, kind === 'MARKET' ? DONE : OPEN, ['FILLED', kind === 'MARKET' ? 'FILLED' : 'NEW']);
    await clear();
  }
  const made = await alice.orderListOtoco({ ...working, ...pending(around('LIMIT_MAKER', 'STOP_LOSS')) });
  await sell(bob, 19500, 0.01);
  await begun(made);
  await ofList(made, OPEN, ['FILLED', 'NEW', 'NEW']);
  await buy(bob, 21100, 0.009);
  await ofList(made, DONE, ['FILLED', 'EXPIRED', 'FILLED']);
});

// ---- sockets ----

check('orders and lists over the WebSocket API are those of REST, and told to their user', async () => {
  const socket = await spot(facts.alice).websocketAPI.connect();
  const told = [];
  const ask = async (method, params) => (await socket[method](params)).data;
  const hears = async (expected, what) => { // the next reports and lists
    await soon(() => told.length >= expected.length, what);
    eq(told.splice(0), expected, what);
  };
  try {
    const { stream } = await socket.userDataStreamSubscribeSignature();
    stream.on('message', ({ e, c, x, X, l, L }) => {
      if (e === 'executionReport' || e === 'listStatus') {
        told.push(e === 'listStatus' ? [c, l, L] : [c, x, X]);
      }
    });
    const pair = { ...around('LIMIT_MAKER', 'STOP_LOSS'), aboveClientOrderId: 'a', belowClientOrderId: 'b' };
    const oco = await ask('orderListPlaceOco', { symbol: SYMBOL, side: 'SELL', quantity: 0.01, ...pair });
    await hears([['b', 'NEW', 'NEW'], ['a', 'NEW', 'NEW'], ['OCO', ...OPEN]], 'an OCO');
    eq(await ask('openOrderListsStatus'), [await ask('orderListStatus', { orderListId: oco.orderListId })], 'open');
    await buy(bob, 21100, 0.01);
    await hears([['a', 'TRADE', 'FILLED'], ['b', 'EXPIRED', 'EXPIRED'], ['OCO', ...DONE]], 'its end');
    await ask('orderListPlaceOto', { ...working, workingClientOrderId: 'w', pendingType: 'LIMIT_MAKER', pendingPrice: 22000,
      pendingClientOrderId: 'p' });
    await hears([['w', 'NEW', 'NEW'], ['p', 'NEW', 'PENDING_NEW'], ['OTO', ...OPEN]], 'an OTO');
    await sell(bob, 19500, 0.01);
    await hears([['w', 'TRADE', 'FILLED'], ['p', 'NEW', 'NEW']], 'its second phase');
    eq((await ask('openOrdersCancelAll', { symbol: SYMBOL })).map(statusOf), [DONE], 'cancelled');
    await soon(() => told.length === 2, 'its end');
    told.length = 0;
    const otoco = await ask('orderListPlaceOtoco', { ...working, ...pending(pair) });
    eq(statusOf(await ask('orderListCancel', { symbol: SYMBOL, orderListId: otoco.orderListId })), DONE, 'cancelled');
    await soon(() => told.length === 8, 'all of it');
    told.length = 0;
    const older = await ask('orderListPlace', { symbol: SYMBOL, side: 'SELL', quantity: 0.01, price: 21000, stopPrice: 19000 });
    eq((await ask('allOrderLists', { fromId: oco.orderListId })).map(({ orderListId }) => orderListId).at(-1), older.orderListId, 'all');
    const { orderId } = await ask('orderPlace', limit('BUY', 19000, 0.01));
    eq((await ask('orderAmendKeepPriority', { symbol: SYMBOL, orderId, newQty: 0.005 })).amendedOrder.qty, '0.00500000', 'amended');
    eq((await ask('orderStatus', { symbol: SYMBOL, orderId })), await alice.getOrder({ symbol: SYMBOL, orderId }), 'as REST has it');
    eq((await ask('orderCancel', { symbol: SYMBOL, orderId })).status, 'CANCELED', 'cancelled');
    await refused(-2011, socket.orderCancel({ symbol: SYMBOL, orderId }));
  } finally {
    await socket.disconnect();
  }
});

check('a session is logged on with the key that it signs with', async () => {
  const socket = await spot(facts.bob).websocketAPI.connect();
  try {
    if (!overTls) { // only over TLS bob's key is of the kind that can
      return await refused(-4056, socket.sessionLogon());
    }
    await socket.sessionLogon();
    eq((await socket.sessionStatus()).data.apiKey, facts.bob.key, 'the key of the session');
    const { orderId } = (await socket.orderPlace(limit('BUY', 19000, 0.01))).data; // without a signature
    eq((await bob.getOrder({ symbol: SYMBOL, orderId })).status, 'NEW', 'placed');
  } finally {
    await socket.disconnect();
  }
});

check('streams tell trades, best prices and books', async () => {
  const socket = await spot().websocketStreams.connect();
  const told = { trade: [], book: [], depth: [] };
  try {
    socket.trade({ symbol: SYMBOL }).on('message', (event) => told.trade.push(event));
    socket.bookTicker({ symbol: SYMBOL }).on('message', (event) => told.book.push(event));
    socket.diffBookDepth({ symbol: SYMBOL, updateSpeed: '100ms' }).on('message', (event) => told.depth.push(event));
    await soon(async () => { // until all are subscribed to: what was before is not told
      await trade(20000);
      return told.trade.length && told.book.length && told.depth.length;
    }, 'the first of each');
    await buy(alice, 19000, 0.01);
    await sell(bob, 21000, 0.02);
    await soon(() => told.book.some(({ b, B, a, A }) => `${[b, B, a, A].map(Number)}` === '19000,0.01,21000,0.02'), 'the best prices');
    await soon(() => told.depth.some(({ b }) => b.some(([price, quantity]) => Number(price) === 19000 && Number(quantity) === 0.01)), 'depth');
    const last = (await anyone.getTrades({ symbol: SYMBOL, limit: 1 }))[0];
    await soon(() => told.trade.some(({ t, p }) => t === last.id && p === last.price), 'the last trade');
    told.depth.slice(1).forEach(({ U }, index) => eq(U, told.depth[index].u + 1, 'ids are dense'));
  } finally {
    await socket.disconnect();
  }
});

await run(clear);
process.exit(); // the client lets timers run
