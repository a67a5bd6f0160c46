// node_binance_api_session.mjs - node-binance-api as it comes from npm: orders, lists of orders, its depth cache and user data.
//
// Goal: what this client asks is answered as it knows it from Binance, and what it is told is what REST shows.
// Method: two funded users; each check begins with empty books and a last price of 20000. Default options but for URLs and keys;
// the URL of the WebSocket API has no option. Amounts in units of 1e-8.
import assert from 'node:assert/strict';
import Binance from 'node-binance-api';
import { atoms, check, DONE, eq, facts, OPEN, OTHERS, overTls, pairOf, pending, pendingKinds, run, statusOf, STOPS, workingOf } from './checks.mjs';

const SYMBOL = 'BTCUSDT', SECONDS = 20; // a deadline for what must come, never a measure
const wsUrl = (overTls ? 'wss://' : 'ws://') + new URL(facts.base).host;
delete process.env.https_proxy; // which it uses for any host

function client(keys) {
  const made = new Binance({ APIKEY: keys?.key, APISECRET: keys?.secret, urls: { base: `${facts.base}/api/`, sapi: `${facts.base}/sapi/`,
    stream: `${wsUrl}/ws/`, combineStream: `${wsUrl}/stream?streams=` } });
  made.wsApi = `${wsUrl}/ws-api/v3`;
  return made;
}

const alice = client(facts.alice), bob = client(facts.bob), anyone = client();

async function trade(price) {
  await bob.sell(SYMBOL, 0.001, price);
  await bob.buy(SYMBOL, 0.001, price);
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

// Its errors are the answer's text.
const refused = (code, promise) => assert.rejects(promise, (error) => {
  eq(JSON.parse(error.message).code, code, error.message);
  return true;
});

// The list says this, and its orders say that; of lists the client has no methods but to place an OCO.
async function ofList({ orderListId, orders }, status, states) {
  const shown = await alice.privateSpotRequest('v3/orderList', { orderListId });
  eq([statusOf(shown), shown.orders], [status, orders], 'the list');
  const found = await Promise.all(orders.map(({ orderId }) => alice.orderStatus(SYMBOL, orderId)));
  eq(found.map((order) => [order.orderListId, order.status]), states.map((state) => [orderListId, state]), 'its orders');
  return shown;
}

async function clear() {
  for (const user of [alice, bob]) {
    if ((await user.openOrders(SYMBOL)).length) {
      await user.cancelAll(SYMBOL);
    }
  }
  await trade(20000);
}

const around = (above, below) => pairOf(above, below, 21000, 19000);
const working = { symbol: SYMBOL, ...workingOf(19500, 0.01), pendingQuantity: 0.009 }; // what is left behind the commission

check('orders of every type are placed, shown, filled and cancelled', async () => {
  for (const [type, more] of [['LIMIT', {}], ['LIMIT_MAKER', {}], ['STOP_LOSS', { stopPrice: 19000 }], ['TAKE_PROFIT', { stopPrice: 30000 }],
    ['STOP_LOSS_LIMIT', { stopPrice: 19000 }], ['TAKE_PROFIT_LIMIT', { stopPrice: 30000 }], ['STOP_LOSS_LIMIT', { trailingDelta: 500 }]]) {
    const { orderId, clientOrderId } = await alice.order(type, 'SELL', SYMBOL, 0.01, 29000, more);
    assert(clientOrderId.startsWith('x-TKT5PX2F'), `the client's own id: ${clientOrderId}`);
    eq((await alice.openOrders(SYMBOL)).map((order) => [order.orderId, order.type]), [[orderId, type]], 'open');
    eq((await alice.cancel(SYMBOL, orderId)).status, 'CANCELED', 'cancelled');
    eq((await alice.orderStatus(SYMBOL, orderId)).status, 'CANCELED', 'found');
  }
  await bob.sell(SYMBOL, 0.02, 20000);
  eq((await alice.marketBuy(SYMBOL, 0.01)).status, 'FILLED', 'filled');
  eq((await alice.trades(SYMBOL)).at(-1).price, '20000.00000000', 'its trade');
  const { BTC } = await alice.balance();
  eq([atoms(BTC.available) > atoms(facts.funds.BTC), atoms(BTC.onOrder)], [true, 0n], 'balance');
  await refused(-2010, alice.buy(SYMBOL, 8000, 20000));
  await refused(-2011, alice.cancel(SYMBOL, 999999999));
  await refused(-1121, anyone.depth('NOTHING'));
});

check('lists of orders of every type are placed, shown, filled and cancelled', async () => {
  for (const stop of STOPS) {
    for (const other of OTHERS) {
      const made = await alice.ocoOrder('SELL', SYMBOL, 0.01, around(other, stop));
      const shown = await ofList(made, OPEN, ['NEW', 'NEW']);
      eq(await alice.privateSpotRequest('v3/openOrderList'), [shown], 'open');
      await alice.privateSpotRequest('v3/orderList', { symbol: SYMBOL, orderListId: made.orderListId }, 'DELETE');
      eq(await alice.privateSpotRequest('v3/allOrderList', { limit: 1 }), [await ofList(made, DONE, ['CANCELED', 'CANCELED'])], 'kept');
      const bought = await alice.order('OCO', 'BUY', SYMBOL, 0.01, undefined, around(stop, other)); // its other way to an OCO
      await alice.cancel(SYMBOL, bought.orders[0].orderId);
      await ofList(bought, DONE, ['CANCELED', 'CANCELED']);
    }
  }
  for (const [kind, params] of pendingKinds(22000, 18000)) {
    const made = await alice.privateSpotRequest('v3/orderList/oto', { ...working, pendingType: kind, ...params }, 'POST');
    await ofList(made, OPEN, ['NEW', 'PENDING_NEW']);
    await bob.buy(SYMBOL, 0.01, 19000);
    await bob.sell(SYMBOL, 0.01, 19500);
    const { orderId } = made.orders[1]; // a second phase begins behind the answer to who filled the first one
    await soon(async () => (await alice.orderStatus(SYMBOL, orderId)).status !== 'PENDING_NEW', 'a second phase');
    await ofList(made, kind === 'MARKET' ? DONE : OPEN, ['FILLED', kind === 'MARKET' ? 'FILLED' : 'NEW']);
    await clear();
  }
});

check('orders, lists and balances are told to their user', async () => {
  const told = [];
  await new Promise((resolve) => {
    alice.websockets.userData(() => {}, () => told.push(['balance']), ({ c, x, X }) => told.push([c, x, X]), resolve,
      ({ c, l, L }) => told.push([c, l, L]));
  });
  const hears = async (expected, what) => {
    const rows = () => told.filter(([kind]) => kind !== 'balance');
    await soon(() => rows().length >= expected.length, what);
    eq([rows(), told.length > rows().length], [expected, true], what);
    told.length = 0;
  };
  try {
    const ids = { aboveClientOrderId: 'a', belowClientOrderId: 'b' };
    await alice.ocoOrder('SELL', SYMBOL, 0.01, { ...around('LIMIT_MAKER', 'STOP_LOSS'), ...ids });
    await soon(() => told.some(([kind]) => kind === 'balance'), 'the hold');
    await hears([['b', 'NEW', 'NEW'], ['a', 'NEW', 'NEW'], ['OCO', ...OPEN]], 'an OCO');
    await bob.buy(SYMBOL, 0.01, 21100);
    await soon(() => told.some(([kind]) => kind === 'balance'), 'the money');
    await hears([['a', 'TRADE', 'FILLED'], ['b', 'EXPIRED', 'EXPIRED'], ['OCO', ...DONE]], 'its end');
    const pair = pending({ ...around('LIMIT_MAKER', 'STOP_LOSS'), ...ids });
    await alice.privateSpotRequest('v3/orderList/otoco', { ...working, ...pair, workingClientOrderId: 'w' }, 'POST');
    await soon(() => told.some(([kind]) => kind === 'balance'), 'the hold');
    await hears([['w', 'NEW', 'NEW'], ['b', 'NEW', 'PENDING_NEW'], ['a', 'NEW', 'PENDING_NEW'], ['OTO', ...OPEN]], 'an OTOCO');
    await trade(20000);
    await bob.sell(SYMBOL, 0.01, 19500);
    await soon(() => told.some(([kind]) => kind === 'balance'), 'the money');
    await hears([['w', 'TRADE', 'FILLED'], ['b', 'NEW', 'NEW'], ['a', 'NEW', 'NEW']], 'its second phase');
  } finally {
    alice.terminateWsApi('userData');
  }
});

check('a depth cache is the book of REST, and trades are told', async () => {
  const trades = [];
  const opened = new Promise((resolve) => { anyone.websockets.depthCache([SYMBOL], resolve, 100); });
  anyone.websockets.trades(SYMBOL, (event) => trades.push(event));
  await opened;
  await soon(async () => { // what was before the subscription is not told
    await trade(20000);
    return trades.length;
  }, 'a trade');
  for (let i = 1; i <= 10; i++) {
    await alice.buy(SYMBOL, i / 1000, 19000 - i);
    await bob.sell(SYMBOL, i / 1000, 21000 + (i % 7));
  }
  const { lastUpdateId, ...book } = await anyone.depth(SYMBOL);
  await soon(() => (anyone.depthCacheContext[SYMBOL].lastEventUpdateId ?? 0) >= lastUpdateId, 'the last change');
  const cached = anyone.depthCache[SYMBOL];
  for (const [side, sign] of [['bids', -1], ['asks', 1]]) {
    const levels = Object.entries(cached[side]).map(([price, quantity]) => [Number(price), Number(quantity)]);
    eq(levels.sort(([a], [b]) => sign * (a - b)), book[side].map(({ price, quantity }) => [Number(price), Number(quantity)]), side);
  }
  const last = trades.at(-1);
  eq([last.s, last.p], [SYMBOL, '20000.00000000'], 'the last trade');
});

await run(clear);
process.exit(); // the client's heartbeat would go on
