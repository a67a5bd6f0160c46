// ccxt_session.mjs - a trading session through ccxt as it comes from npm: default options and keys, only the URLs are ours.
//
// Goal: a ccxt user finds on Castle what he knows from Binance: every method, field, amount, and each error as its class.
// Method: two funded users; each check says what it expects to move and compares all balances before and after; each
// begins with empty books. Amounts are compared in units of 1e-8.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import ccxt from 'ccxt';
import { atoms, check, DONE, eq, facts, feeOf, holdOf, OPEN, OTHERS, pairOf, pending, pendingKinds, quoteOf, run, statusOf, STOPS,
  workingOf } from './checks.mjs';

const BTC = 'BTC/USDT', ETH = 'ETH/USDT', CLOSED = `${facts.closed}/USDT`;
const ASSETS = ['BNB', 'BTC', 'ETH', 'SOL', 'USDT', facts.closed].sort();
const STEP = 1000n; // of BTC/USDT's quantity: 0.00001

// Every URL of ccxt leads to Castle, by its own path: nothing can reach another exchange.
function client(keys) {
  const exchange = new ccxt.binance(keys && { apiKey: keys.key, secret: keys.secret });
  for (const [name, url] of Object.entries(exchange.urls.api)) {
    if (typeof url === 'string') {
      exchange.urls.api[name] = facts.base + new URL(url).pathname;
    }
  }
  return exchange;
}

const alice = client(facts.alice), bob = client(facts.bob), anyone = client();

// ---- what the checks are made of ----

// {asset: [free, used]} in atoms, of what is not zero.
async function balances(exchange) {
  const answer = await exchange.fetchBalance();
  const held = {};
  for (const [asset, total] of Object.entries(answer.total)) {
    const { free, used } = answer[asset];
    eq(atoms(free) + atoms(used), atoms(total), `total of ${asset}`);
    if (total) {
      held[asset] = [atoms(free), atoms(used)];
    }
  }
  return held;
}

// The body changes the user's balances by exactly this, {asset: [free, used]} in atoms, and nothing else.
async function moves(exchange, expected, body) {
  const before = await balances(exchange);
  const result = await body();
  const after = await balances(exchange);
  const moved = {};
  for (const asset of Object.keys({ ...before, ...after }).sort()) {
    const [free, used] = after[asset] ?? [0n, 0n];
    const [wasFree, wasUsed] = before[asset] ?? [0n, 0n];
    if (free !== wasFree || used !== wasUsed) {
      moved[asset] = [free - wasFree, used - wasUsed];
    }
  }
  const wanted = Object.entries(expected).filter(([, [free, used]]) => free || used).sort();
  eq(moved, Object.fromEntries(wanted), `what moved for ${exchange === alice ? 'alice' : 'bob'}`);
  return result;
}

// The body is refused with exactly this class; returns the error.
async function refused(kind, text, body) {
  let answer;
  try {
    answer = await body();
  } catch (error) {
    eq([error.constructor.name, error.message.includes(text)], [kind.name, true], `refusal (${error.message})`);
    return error;
  }
  return assert.fail(`accepted what had to be refused: ${JSON.stringify(answer)}`);
}

const AMOUNTS = ['price', 'amount', 'cost', 'average', 'filled', 'remaining'];

// The order says this; amounts are given in atoms.
function says(order, expected, what) {
  const got = {};
  for (const key of Object.keys(expected)) {
    got[key] = AMOUNTS.includes(key) && order[key] !== undefined ? atoms(order[key]) : order[key];
  }
  eq(got, expected, what);
  return order;
}

// What an order or trade paid, as [atoms, asset] per fee.
const fees = (item) => item.fees.map((fee) => [atoms(fee.cost), fee.currency]);

const sell = (exchange, amount, price, params) => exchange.createLimitSellOrder(BTC, amount, price, params);
const buy = (exchange, amount, price, params) => exchange.createLimitBuyOrder(BTC, amount, price, params);

// An order is in the market data of its own connection when it is answered, in that of others a moment later.
async function soon(ask, expected, what) {
  const end = Date.now() + 30000; // a deadline for what must come, never a measure
  let got;
  do {
    got = await ask();
  } while (!isDeepStrictEqual(got, expected) && Date.now() < end);
  eq(got, expected, what);
}

async function clear() {
  for (const exchange of [alice, bob]) {
    for (const symbol of [BTC, ETH]) {
      await exchange.cancelAllOrders(symbol).catch((error) => {
        assert(error instanceof ccxt.OrderNotFound, error);
      });
    }
  }
}

// ---- the exchange ----

check('markets and currencies load with default options', async () => {
  for (const exchange of [alice, bob, anyone]) {
    await exchange.loadMarkets();
    eq(exchange.symbols, ['BNB/USDT', BTC, 'ETH/BTC', ETH, CLOSED, 'SOL/USDT'].sort(), 'symbols');
    assert(ASSETS.every((asset) => asset in exchange.currencies), `assets: ${Object.keys(exchange.currencies)}`);
  }
  const { id, base, quote, type, spot, margin, active, precision, limits } = alice.market(BTC);
  eq({ id, base, quote, type, spot, margin, active },
    { id: 'BTCUSDT', base: 'BTC', quote: 'USDT', type: 'spot', spot: true, margin: false, active: true }, 'market');
  eq([precision.amount, precision.price, precision.base, precision.quote], [0.00001, 0.01, 1e-8, 1e-8], 'precision');
  eq([limits.amount, limits.price.min, limits.cost.min, limits.market], [{ min: 0.00001, max: 9000 }, 0.01, 5,
    { min: 0.00001, max: 9000 }], 'limits');
  eq(alice.market(CLOSED).active, false, 'a closed market');
});

check('currencies are there with a key', async () => {
  const currencies = await alice.fetchCurrencies();
  eq(Object.keys(currencies).sort(), ASSETS, 'assets');
  const { id, code, type, active } = currencies.BTC;
  eq({ id, code, type, active }, { id: 'BTC', code: 'BTC', type: 'crypto', active: true }, 'BTC');
});

check('time and status are told', async () => {
  eq(String(await anyone.fetchTime()).length, 13, 'digits of a time in ms');
  eq((await anyone.fetchStatus()).status, 'ok', 'status');
});

check('the commissions are those that are charged', async () => {
  const { symbol, maker, taker } = await alice.fetchTradingFee(BTC);
  eq([symbol, maker, taker], [BTC, 0.001, 0.001], 'fee of BTC/USDT');
  const all = await alice.fetchTradingFees();
  eq(Object.keys(all).sort(), [...alice.symbols].sort(), 'symbols with fees');
  eq([all['ETH/BTC'].maker, all['ETH/BTC'].taker], [0.001, 0.001], 'fee of ETH/BTC');
});

check('balances show what was deposited', async () => {
  const expected = {};
  for (const [asset, amount] of Object.entries(facts.funds)) {
    expected[asset] = [atoms(amount), 0n];
  }
  eq(await balances(alice), expected, 'balances');
  const { timestamp } = await alice.fetchBalance();
  eq(String(timestamp).length, 13, 'digits of updateTime');
});

// ---- orders ----

check('a limit order rests, is found everywhere, and goes', async () => {
  const [price, amount] = [atoms('29999.99'), atoms('0.00213')];
  const hold = holdOf(price, amount);
  const expected = { symbol: BTC, type: 'limit', timeInForce: 'GTC', postOnly: false, side: 'buy', price, amount,
    cost: 0n, average: undefined, filled: 0n, remaining: amount, status: 'open' };
  await moves(bob, {}, async () => {
    const placed = await moves(bob, { USDT: [-hold, hold] }, () => buy(bob, 0.00213, 29999.99));
    says(placed, expected, 'the answer');
    eq([placed.trades, placed.fees], [[], []], 'trades of the answer');
    assert.match(placed.clientOrderId, /^x-TKT5PX2F/);
    const found = says(await bob.fetchOrder(placed.id, BTC), expected, 'fetchOrder');
    eq([found.id, found.clientOrderId, found.timestamp], [placed.id, placed.clientOrderId, placed.timestamp], 'the same');
    says(await bob.fetchOrder(undefined, BTC, { clientOrderId: placed.clientOrderId }), expected, 'by client order id');
    const open = await bob.fetchOpenOrders(BTC);
    eq(open.map((order) => order.id), [placed.id], 'fetchOpenOrders');
    says(open[0], expected, 'fetchOpenOrders');
    eq([await bob.fetchOpenOrders(ETH), await alice.fetchOpenOrders(BTC)], [[], []], 'open orders elsewhere');
    const book = await bob.fetchOrderBook(BTC);
    eq([book.bids.map((level) => level.map(atoms)), book.asks], [[[price, amount]], []], 'fetchOrderBook');
    assert(Number.isInteger(book.nonce), `nonce ${book.nonce}`);
    const ended = { ...expected, status: 'canceled' };
    const canceled = await moves(bob, { USDT: [hold, -hold] }, () => bob.cancelOrder(placed.id, BTC));
    eq(canceled.id, placed.id, 'id of the canceled order');
    says(canceled, ended, 'cancelOrder');
    says(await bob.fetchOrder(placed.id, BTC), ended, 'fetchOrder of a canceled order');
    eq(await bob.fetchOpenOrders(BTC), [], 'open orders afterwards');
    eq((await bob.fetchOrderBook(BTC)).bids, [], 'bids afterwards');
  });
});

check('open orders of all symbols come in one answer', async () => {
  bob.options.fetchOpenOrders.warnWithoutSymbol = false; // else ccxt refuses to ask
  const ids = [(await buy(bob, 0.001, 20000)).id, (await bob.createOrder(ETH, 'limit', 'sell', 0.5, 4000)).id];
  const open = await bob.fetchOpenOrders();
  eq(open.map((order) => [order.symbol, order.id]).sort(), [[BTC, ids[0]], [ETH, ids[1]]], 'open orders');
});

check('maker and taker settle to the last unit', async () => {
  const [price, amount] = [atoms('30000.01'), atoms('0.00037')];
  const cost = quoteOf(price, amount);
  const [maker, taker] = await moves(alice, { BTC: [-amount, 0n], USDT: [cost - feeOf(cost), 0n] }, () =>
    moves(bob, { BTC: [amount - feeOf(amount), 0n], USDT: [-cost, 0n] }, async () => [
      await moves(alice, { BTC: [-amount, amount] }, () => sell(alice, 0.00037, 30000.01)),
      await buy(bob, 0.00037, 30005),
    ]));
  const filled = { amount, cost, average: price, filled: amount, remaining: 0n, status: 'closed' };
  says(taker, { ...filled, price: atoms('30005'), side: 'buy', type: 'limit' }, 'taker');
  eq(fees(taker), [[feeOf(amount), 'BTC']], 'fees of the taker');
  eq(taker.trades.map((trade) => [atoms(trade.price), atoms(trade.amount)]), [[price, amount]], 'fills of the taker');
  says(await alice.fetchOrder(maker.id, BTC), { ...filled, price, side: 'sell' }, 'maker');
  for (const [exchange, order, takerOrMaker, fee] of [[alice, maker, 'maker', [feeOf(cost), 'USDT']],
    [bob, taker, 'taker', [feeOf(amount), 'BTC']]]) {
    const trades = await exchange.fetchOrderTrades(order.id, BTC);
    eq(trades.length, 1, 'trades of the order');
    const [trade] = trades;
    eq([trade.order, trade.symbol, trade.side, trade.takerOrMaker, trade.id],
      [order.id, BTC, order.side, takerOrMaker, taker.trades[0].id], 'trade');
    eq([atoms(trade.price), atoms(trade.amount), atoms(trade.cost)], [price, amount, cost], 'amounts of the trade');
    eq(fees(trade), [fee], 'fee of the trade');
  }
});

check('an order filled in part rests with what is left', async () => {
  await sell(alice, 0.001, 30000);
  const got = atoms('0.001'), rest = atoms('60.02');
  const order = await moves(bob, { BTC: [got - feeOf(got), 0n], USDT: [-atoms('30') - rest, rest] },
    () => buy(bob, 0.003, 30010));
  const part = { amount: atoms('0.003'), cost: atoms('30'), average: atoms('30000'), filled: got,
    remaining: atoms('0.002') };
  says(order, { ...part, status: 'open' }, 'partly filled');
  eq(fees(order), [[feeOf(got), 'BTC']], 'fees so far');
  says(await bob.fetchOrder(order.id, BTC), { ...part, status: 'open' }, 'fetchOrder');
  const canceled = await moves(bob, { USDT: [rest, -rest] }, () => bob.cancelOrder(order.id, BTC));
  says(canceled, { ...part, status: 'canceled' }, 'canceled after a fill');
});

check('a market order by amount walks the levels', async () => {
  await sell(alice, 0.002, 30010);
  await sell(alice, 0.001, 30000);
  const cost = atoms('30') + atoms('45.015'), got = atoms('0.0025');
  const paid = [atoms('0.000001'), atoms('0.0000015')];
  const order = await moves(bob, { BTC: [got - paid[0] - paid[1], 0n], USDT: [-cost, 0n] },
    () => bob.createMarketBuyOrder(BTC, 0.0025));
  says(order, { type: 'market', side: 'buy', status: 'closed', amount: got, filled: got, remaining: 0n, cost,
    average: atoms('30006') }, 'market buy');
  eq(order.trades.map((trade) => [atoms(trade.price), atoms(trade.amount), atoms(trade.fee.cost), trade.fee.currency]),
    [[atoms('30000'), atoms('0.001'), paid[0], 'BTC'], [atoms('30010'), atoms('0.0015'), paid[1], 'BTC']], 'fills');
  eq(fees(order), [[paid[0] + paid[1], 'BTC']], 'sum of the fees');
  await clear();
  await buy(alice, 0.004, 29990);
  const received = quoteOf(atoms('29990'), atoms('0.00333'));
  const sold = await moves(bob, { BTC: [-atoms('0.00333'), 0n], USDT: [received - feeOf(received), 0n] },
    () => bob.createMarketSellOrder(BTC, 0.00333));
  says(sold, { status: 'closed', cost: received, filled: atoms('0.00333'), average: atoms('29990') }, 'market sell');
  eq(fees(sold), [[feeOf(received), 'USDT']], 'fees of the sale');
});

check('a market order by cost spends what a step allows', async () => {
  await sell(alice, 0.001, 30000);
  await sell(alice, 0.01, 30010);
  const spent = atoms('30') + quoteOf(atoms('30010'), atoms('0.00233')), got = atoms('0.00333');
  const bought = await moves(bob, { USDT: [-spent, 0n], BTC: [got - atoms('0.000001') - atoms('0.00000233'), 0n] },
    () => bob.createMarketBuyOrderWithCost(BTC, 100));
  says(bought, { status: 'closed', filled: got, amount: got, cost: spent }, 'buy for 100');
  await clear();
  await buy(alice, 0.01, 29990);
  const sold = await bob.createMarketSellOrderWithCost(BTC, 100);
  const cost = atoms(sold.cost);
  says(sold, { status: 'closed', cost: quoteOf(atoms('29990'), atoms(sold.filled)) }, 'sell for 100');
  assert(cost <= atoms('100') && cost > atoms('100') - quoteOf(atoms('29990'), STEP), `within a step of 100: ${cost}`);
});

check('a market order without a counterpart expires', async () => {
  const order = await moves(bob, {}, () => bob.createMarketSellOrder(BTC, 0.001));
  says(order, { status: 'expired', filled: 0n, cost: 0n, amount: atoms('0.001') }, 'empty book');
  says(await bob.fetchOrder(order.id, BTC), { status: 'expired', filled: 0n }, 'fetchOrder');
});

check('post-only rests or is refused', async () => {
  await sell(alice, 0.001, 30000);
  await moves(bob, {}, () => refused(ccxt.OrderImmediatelyFillable, 'Order would immediately match and take.',
    () => buy(bob, 0.001, 30000, { postOnly: true })));
  const hold = atoms('29.99');
  const order = await moves(bob, { USDT: [-hold, hold] },
    () => bob.createPostOnlyOrder(BTC, 'limit', 'buy', 0.001, 29990));
  says(order, { status: 'open', postOnly: true, type: 'limit', price: atoms('29990') }, 'the answer');
  says(await bob.fetchOrder(order.id, BTC), { status: 'open', postOnly: true }, 'fetchOrder');
  eq((await bob.fetchOrder(order.id, BTC)).info.type, 'LIMIT_MAKER', 'type at the exchange');
});

check('IOC and FOK never rest', async () => {
  await sell(alice, 0.001, 30000);
  const none = await moves(bob, {}, () => buy(bob, 0.002, 30000, { timeInForce: 'FOK' }));
  says(none, { status: 'expired', timeInForce: 'FOK', filled: 0n, cost: 0n }, 'FOK that does not fit');
  const got = atoms('0.001');
  const part = await moves(bob, { USDT: [-atoms('30'), 0n], BTC: [got - feeOf(got), 0n] },
    () => buy(bob, 0.002, 30000, { timeInForce: 'IOC' }));
  says(part, { status: 'expired', timeInForce: 'IOC', filled: got, remaining: got, cost: atoms('30') }, 'IOC');
  await sell(alice, 0.001, 30000);
  const all = await buy(bob, 0.001, 30000, { timeInForce: 'FOK' });
  says(all, { status: 'closed', timeInForce: 'FOK', filled: got, remaining: 0n }, 'FOK that fits');
  eq(await bob.fetchOpenOrders(BTC), [], 'nothing rests');
});

check('stops of every kind wait, trail, fire and are canceled', async () => {
  await sell(alice, 0.001, 30000);
  await buy(bob, 0.001, 30000); // the last price
  for (const [kind, side, price, params, type] of [
    ['market', 'sell', undefined, { stopLossPrice: 29000 }, 'STOP_LOSS'],
    ['limit', 'sell', 28990, { stopLossPrice: 29000 }, 'STOP_LOSS_LIMIT'],
    ['market', 'sell', undefined, { takeProfitPrice: 31000 }, 'TAKE_PROFIT'],
    ['limit', 'buy', 29010, { takeProfitPrice: 29000 }, 'TAKE_PROFIT_LIMIT'],
  ]) {
    const order = await bob.createOrder(BTC, kind, side, 0.001, price, params);
    const shown = await bob.fetchOrder(order.id, BTC);
    eq([shown.status, shown.info.type, shown.info.isWorking, atoms(shown.triggerPrice)],
      ['open', type, false, atoms(params.stopLossPrice ?? params.takeProfitPrice)], type);
    eq((await bob.fetchOpenOrders(BTC)).map(({ id }) => id), [order.id], 'open orders');
    eq((await bob.cancelOrder(order.id, BTC)).status, 'canceled', 'canceled');
  }
  const trails = await bob.createOrder(BTC, 'limit', 'sell', 0.001, 28000, { trailingPercent: 5, stopLossOrTakeProfit: 'stopLoss' });
  eq([trails.info.type, (await bob.fetchOrder(trails.id, BTC)).info.trailingDelta], ['STOP_LOSS_LIMIT', 500], 'trails');
  const stop = await bob.createOrder(BTC, 'limit', 'sell', 0.001, 28400, { stopLossPrice: 28600 });
  await sell(alice, 0.001, 28500);
  await buy(alice, 0.001, 28500); // 5 % below the highest, and below the stop
  for (const id of [trails.id, stop.id]) {
    const fired = await bob.fetchOrder(id, BTC);
    eq([fired.status, fired.info.isWorking], ['open', true], 'fired');
  }
  await buy(alice, 0.002, 28400);
  eq((await bob.fetchOrder(stop.id, BTC)).status, 'closed', 'filled');
  await refused(ccxt.OrderImmediatelyFillable, 'Order would trigger immediately.', () =>
    bob.createOrder(BTC, 'limit', 'sell', 0.001, 28000, { stopLossPrice: 40000 }));
});

check('an iceberg shows a part', async () => {
  const order = await sell(alice, 1, 40000, { icebergQty: 0.1 });
  eq((await bob.fetchOrderBook(BTC)).asks, [[40000, 0.1]], 'what shows');
  eq((await alice.fetchOrder(order.id, BTC)).info.icebergQty, '0.10000000', 'shown to its owner');
});

check('an edited order is canceled and placed anew', async () => {
  const before = await buy(bob, 0.001, 29000);
  const more = atoms('58.02') - atoms('29');
  const after = await moves(bob, { USDT: [-more, more] },
    () => bob.editOrder(before.id, BTC, 'limit', 'buy', 0.002, 29010));
  says(after, { status: 'open', type: 'limit', side: 'buy', price: atoms('29010'), amount: atoms('0.002'), filled: 0n,
    timeInForce: 'GTC' }, 'the new order');
  assert(Number(after.id) > Number(before.id), 'a new order id');
  says(await bob.fetchOrder(before.id, BTC), { status: 'canceled', price: atoms('29000') }, 'the old order');
  eq((await bob.fetchOpenOrders(BTC)).map((order) => order.id), [after.id], 'open orders');
  await sell(alice, 0.0015, 29020);
  const got = atoms('0.0015'), cost = quoteOf(atoms('29020'), got);
  const crossing = await moves(bob, { BTC: [got - feeOf(got), 0n], USDT: [atoms('58.02') - cost, -atoms('58.02')] },
    () => bob.editOrder(after.id, BTC, 'limit', 'buy', 0.0015, 29030));
  says(crossing, { status: 'closed', filled: got, average: atoms('29020'), cost }, 'an edit that trades');
  eq(fees(crossing), [[feeOf(got), 'BTC']], 'its fee');
});

check('an edit that fails says which half did', async () => {
  await moves(bob, {}, async () => {
    const error = await refused(ccxt.ExchangeError, 'Order cancel-replace failed.',
      () => bob.editOrder('999999999', BTC, 'limit', 'buy', 0.001, 29000));
    const { code, data } = JSON.parse(error.message.replace('binance ', ''));
    eq([code, data.cancelResult, data.newOrderResult, data.cancelResponse, data.newOrderResponse],
      [-2022, 'FAILURE', 'NOT_ATTEMPTED', { code: -2011, msg: 'Unknown order sent.' }, null], 'no order to cancel');
  });
  const resting = await buy(bob, 0.001, 29000);
  const hold = atoms('29');
  const error = await moves(bob, { USDT: [hold, -hold] }, () => refused(ccxt.ExchangeError,
    'Order cancel-replace partially failed.', () => bob.editOrder(resting.id, BTC, 'limit', 'buy', 8000, 900000)));
  const { code, data } = JSON.parse(error.message.replace('binance ', ''));
  eq([code, data.cancelResult, data.newOrderResult, data.cancelResponse.status, data.newOrderResponse],
    [-2021, 'SUCCESS', 'FAILURE', 'CANCELED',
      { code: -2010, msg: 'Account has insufficient balance for requested action.' }], 'no funds for the new one');
  says(await bob.fetchOrder(resting.id, BTC), { status: 'canceled' }, 'the old order');
});

check('a test order is checked and not placed', async () => {
  await moves(bob, {}, async () => {
    eq((await buy(bob, 0.001, 29000, { test: true })).info, {}, 'the answer');
    await refused(ccxt.InvalidOrder, 'LOT_SIZE', () => buy(bob, 9001, 29000, { test: true }));
    eq(await bob.fetchOpenOrders(BTC), [], 'open orders');
  });
});

check('all orders of a symbol are canceled at once', async () => {
  await moves(bob, {}, async () => {
    const ids = [];
    for (const price of [20000, 20001, 20002]) {
      ids.push((await buy(bob, 0.001, price)).id);
    }
    const other = await bob.createOrder(ETH, 'limit', 'buy', 0.01, 1000);
    const canceled = await bob.cancelAllOrders(BTC);
    eq(canceled.map((order) => [order.id, order.status]).sort(), ids.map((id) => [id, 'canceled']).sort(), 'canceled');
    eq((await bob.fetchOpenOrders(ETH)).map((order) => order.id), [other.id], 'the other symbol');
    await bob.cancelAllOrders(ETH);
    await refused(ccxt.OrderNotFound, 'Unknown order sent.', () => bob.cancelAllOrders(BTC));
  });
});

check('orders are canceled by client order id', async () => {
  const clientOrderId = 'my-order_1';
  const placed = await buy(bob, 0.001, 20000, { clientOrderId });
  eq(placed.clientOrderId, clientOrderId, 'client order id');
  await refused(ccxt.InvalidOrder, 'Duplicate order sent.', () => buy(bob, 0.001, 20000, { clientOrderId }));
  says(await bob.cancelOrder(undefined, BTC, { clientOrderId }), { id: placed.id, status: 'canceled' }, 'canceled');
});

check('self-trade prevention is a parameter of the order', async () => {
  for (const [mode, maker, taker] of [['EXPIRE_TAKER', 'open', 'expired'], ['EXPIRE_MAKER', 'expired', 'open'],
    ['EXPIRE_BOTH', 'expired', 'expired']]) {
    const resting = await sell(bob, 0.001, 30000);
    const order = await moves(bob, taker === 'open' ? { BTC: [atoms('0.001'), -atoms('0.001')],
      USDT: [-atoms('30.1'), atoms('30.1')] } : maker === 'open' ? {} : { BTC: [atoms('0.001'), -atoms('0.001')] },
    () => buy(bob, 0.001, 30100, { selfTradePrevention: mode }));
    says(order, { status: taker, filled: 0n }, `taker, ${mode}`);
    says(await bob.fetchOrder(resting.id, BTC), { status: maker, filled: 0n }, `maker, ${mode}`);
    await clear();
  }
});

// ---- lists of orders: of these ccxt has the requests only, and their orders by its own methods ----

const SYMBOL = { symbol: 'BTCUSDT' };
const around = (above, below) => pairOf(above, below, 31000, 29000);

// The last price is this from now on.
async function trade(price) {
  await sell(alice, 0.001, price);
  await buy(alice, 0.001, price);
}

// The list says this, and its orders, as ccxt reads them, say that.
async function ofList({ orderListId, orders }, status, states) {
  const shown = await bob.privateGetOrderList({ orderListId });
  eq([statusOf(shown), shown.orders], [status, orders], 'the list');
  const found = await Promise.all(orders.map(({ orderId }) => bob.fetchOrder(orderId, BTC)));
  eq(found.map((order) => [order.info.orderListId, order.status]), states.map((state) => [orderListId, state]), 'its orders');
  return shown;
}

check('OCOs of every type are placed with one hold, shown, and canceled', async () => {
  await trade(30000);
  const amount = atoms('0.01');
  await moves(bob, {}, async () => {
    for (const stop of STOPS) {
      for (const other of OTHERS) {
        const made = await moves(bob, { BTC: [-amount, amount] }, () =>
          bob.privatePostOrderListOco({ ...SYMBOL, side: 'SELL', quantity: 0.01, ...around(other, stop) }));
        const shown = await ofList(made, OPEN, ['open', 'open']);
        eq(await bob.privateGetOpenOrderList(), [shown], 'open lists');
        eq((await bob.fetchOpenOrders(BTC)).map(({ id, info }) => [id, info.type]),
          made.orders.map(({ orderId }, index) => [String(orderId), [stop, other][index]]), 'fetchOpenOrders');
        await bob.privateDeleteOrderList({ ...SYMBOL, orderListId: made.orderListId });
        eq(await bob.privateGetAllOrderList({ limit: 1 }), [await ofList(made, DONE, ['canceled', 'canceled'])], 'kept');
        const bought = await bob.privatePostOrderListOco({ ...SYMBOL, side: 'BUY', quantity: 0.01, ...around(stop, other) });
        await bob.cancelOrder(bought.orders[1].orderId, BTC);
        await ofList(bought, DONE, ['canceled', 'canceled']);
      }
    }
  });
  await refused(ccxt.InsufficientFunds, 'insufficient balance', () =>
    bob.privatePostOrderListOco({ ...SYMBOL, side: 'SELL', quantity: 8000, ...around('LIMIT_MAKER', 'STOP_LOSS') }));
  await refused(ccxt.InvalidOrder, 'The relationship of the prices', () =>
    bob.privatePostOrderListOco({ ...SYMBOL, side: 'SELL', quantity: 0.01, ...around('LIMIT_MAKER', 'STOP_LOSS'), abovePrice: 29900 }));
  await refused(ccxt.OrderNotFound, 'Unknown order list sent.', () =>
    bob.privateDeleteOrderList({ ...SYMBOL, orderListId: 999999999 }));
});

check('one order of an OCO fills or fires, and the other expires', async () => {
  await trade(30000);
  const cost = quoteOf(atoms('31100'), atoms('0.01'));
  const filled = await moves(bob, { BTC: [-atoms('0.01'), 0n], USDT: [cost - feeOf(cost), 0n] }, async () => {
    const made = await bob.privatePostOrderListOco({ ...SYMBOL, side: 'SELL', quantity: 0.01, ...around('LIMIT_MAKER', 'STOP_LOSS') });
    await buy(alice, 0.01, 31100);
    return made;
  });
  await ofList(filled, DONE, ['expired', 'closed']);
  await trade(30000);
  const fired = await bob.privatePostOrderOco({ ...SYMBOL, side: 'SELL', quantity: 0.01, price: 31000, stopPrice: 29000,
    stopLimitPrice: 28900, stopLimitTimeInForce: 'GTC' }); // the older form
  await trade(29000);
  await ofList(fired, OPEN, ['open', 'expired']);
  await buy(alice, 0.01, 28900);
  await ofList(fired, DONE, ['closed', 'expired']);
});

check('what is pending is placed when the working order is filled', async () => {
  const working = { ...SYMBOL, ...workingOf(29500, 0.01), pendingQuantity: 0.009 };
  const placed = async ({ orders }, state) => { // a second phase begins behind the answer to who filled the first one
    await soon(async () => (await bob.fetchOrder(orders[1].orderId, BTC)).info.status, state, 'a second phase');
  };
  for (const [kind, params] of pendingKinds(32000, 28000)) {
    await trade(30000);
    const made = await bob.privatePostOrderListOto({ ...working, pendingType: kind, ...params });
    await ofList(made, OPEN, ['open', 'PENDING_NEW']); // which ccxt has no word for
    await buy(alice, 0.01, 29000);
    await sell(alice, 0.01, 29500);
    await placed(made, kind === 'MARKET' ? 'FILLED' : 'NEW');
    await ofList(made, kind === 'MARKET' ? DONE : OPEN, ['closed', kind === 'MARKET' ? 'closed' : 'open']);
    await clear();
  }
  await trade(30000);
  const made = await bob.privatePostOrderListOtoco({ ...working, ...pending(around('LIMIT_MAKER', 'STOP_LOSS_LIMIT')) });
  await sell(alice, 0.01, 29500);
  await placed(made, 'NEW');
  await ofList(made, OPEN, ['closed', 'open', 'open']);
  await buy(alice, 0.009, 31100);
  await ofList(made, DONE, ['closed', 'expired', 'closed']);
  const last = await bob.privatePostOrderListOto({ ...working, pendingType: 'MARKET' });
  await bob.cancelAllOrders(BTC);
  await ofList(last, DONE, ['canceled', 'canceled']);
});

// ---- history ----

check('history is told in pages', async () => {
  const ids = { closed: [], canceled: [] };
  for (let i = 0; i < 3; i++) {
    await sell(alice, 0.001, 30000 + i);
    ids.closed.push((await buy(bob, 0.001, 30000 + i)).id);
  }
  ids.canceled.push((await bob.cancelOrder((await buy(bob, 0.001, 20000)).id, BTC)).id);
  const open = await buy(bob, 0.001, 20001);
  const recent = [...ids.closed, ...ids.canceled, open.id];
  const idsOf = (orders) => orders.map((order) => order.id);
  eq(idsOf(await bob.fetchOrders(BTC)).slice(-5), recent, 'fetchOrders');
  eq(idsOf(await bob.fetchOrders(BTC, undefined, 2)), recent.slice(-2), 'the last two');
  eq(idsOf(await bob.fetchOrders(BTC, undefined, 2, { orderId: ids.closed[1] })), recent.slice(1, 3), 'from an id');
  const first = await bob.fetchOrder(ids.closed[0], BTC);
  const since = await bob.fetchOrders(BTC, first.timestamp);
  eq(idsOf(since).slice(-5), recent, 'since a time');
  assert(since.every((order) => order.timestamp >= first.timestamp), 'nothing older');
  eq(idsOf(await bob.fetchClosedOrders(BTC)).slice(-3), ids.closed, 'fetchClosedOrders');
  eq(idsOf(await bob.fetchCanceledOrders(BTC)).slice(-1), ids.canceled, 'fetchCanceledOrders');
  const trades = await bob.fetchMyTrades(BTC);
  eq(trades.slice(-3).map((trade) => trade.order), ids.closed, 'fetchMyTrades');
  eq((await bob.fetchMyTrades(BTC, undefined, 2)).map((trade) => trade.order), ids.closed.slice(-2), 'the last two');
  eq((await bob.fetchMyTrades(BTC, undefined, 1, { fromId: trades.at(-3).id })).map((trade) => trade.id),
    [trades.at(-3).id], 'from a trade id');
  eq((await bob.fetchMyTrades(BTC, trades.at(-3).timestamp)).slice(-3).map((trade) => trade.id),
    trades.slice(-3).map((trade) => trade.id), 'since a time');
  eq(await bob.fetchMyTrades('SOL/USDT'), [], 'a symbol without trades');
});

// ---- market data ----

check('anybody sees trades, last prices, and the best bid and ask', async () => {
  await sell(alice, 0.002, 30000);
  const { trades: [fill] } = await buy(bob, 0.0005, 30000);
  await buy(bob, 0.003, 29990);
  await buy(alice, 0.001, 29990);
  const [bid, ask] = [[29990, 0.004], [30000, 0.0015]].map((level) => level.map(atoms));
  await soon(async () => {
    const { bids, asks } = await anyone.fetchOrderBook(BTC, 5);
    return [bids, asks].map(([level = []]) => level.map(atoms));
  }, [bid, ask], 'fetchOrderBook');
  for (const quotes of [await anyone.fetchBidsAsks([BTC]), await anyone.fetchBidsAsks([BTC, ETH]),
    await anyone.fetchBidsAsks()]) {
    const quote = quotes[BTC];
    eq([[quote.bid, quote.bidVolume], [quote.ask, quote.askVolume]].map((level) => level.map(atoms)), [bid, ask],
      'fetchBidsAsks');
  }
  eq(Object.keys(await anyone.fetchBidsAsks([BTC, ETH])).sort(), [BTC, ETH], 'symbols asked for');
  eq(Object.keys(await anyone.fetchBidsAsks()).sort(), [...anyone.symbols].sort(), 'all symbols');
  eq(atoms((await anyone.fetchLastPrices([BTC]))[BTC].price), atoms('30000'), 'fetchLastPrices');
  const trades = await anyone.fetchTrades(BTC, undefined, 2, { fetchTradesMethod: 'publicGetTrades' });
  eq(trades.length, 2, 'as many trades as asked for');
  const { id, price, amount, cost, side } = trades.at(-1);
  eq([id, atoms(price), atoms(amount), atoms(cost), side],
    [fill.id, atoms('30000'), atoms('0.0005'), atoms('15'), 'buy'], 'the last trade');
});

check('tickers, candles and trades say what was traded', async () => {
  await sell(alice, 0.002, 31000);
  const { trades: [fill] } = await buy(bob, 0.0007, 31000);
  await soon(async () => atoms((await anyone.fetchTicker(BTC)).last), atoms('31000'), 'the last price');
  const day = await anyone.fetchTicker(BTC);
  const all = await anyone.fetchTrades(BTC, undefined, 1000); // aggregate trades: all of this session
  eq(all.at(-1).price, 31000, 'the last aggregate trade');
  eq(atoms(all.at(-1).amount), atoms('0.0007'), 'its amount');
  eq(all.at(-1).side, 'buy', 'its side');
  eq((await anyone.fetchTrades(BTC, all[0].timestamp, 2)).map((trade) => trade.id), all.slice(0, 2).map((trade) => trade.id),
    'trades since a time');
  const sum = (rows, value) => rows.reduce((total, row) => total + atoms(value(row)), 0n);
  eq(atoms(day.baseVolume), sum(all, (trade) => trade.amount), 'volume of the day');
  eq(atoms(day.open), atoms(all[0].price), 'open of the day');
  eq(atoms(day.high), atoms(Math.max(...all.map((trade) => trade.price))), 'high of the day');
  eq(atoms(day.low), atoms(Math.min(...all.map((trade) => trade.price))), 'low of the day');
  eq([day.ask, day.vwap > 0, day.symbol], [31000, true, BTC], 'the other fields');
  for (const interval of ['1m', '1h', '1d', '1w', '1M']) {
    const candles = await anyone.fetchOHLCV(BTC, interval);
    eq(sum(candles, (candle) => candle[5]), sum(all, (trade) => trade.amount), `volume of ${interval} candles`);
    eq(candles.at(-1)[4], 31000, `close of ${interval} candles`);
  }
  const tickers = await anyone.fetchTickers([BTC, ETH]);
  eq(Object.keys(tickers).sort(), [BTC, ETH], 'symbols asked for');
  eq(Object.keys(await anyone.fetchTickers()).sort(), [...anyone.symbols].sort(), 'all symbols');
  eq(atoms(tickers[BTC].last), atoms(fill.price), 'the last price of many');
  await alice.cancelAllOrders(BTC);
});

// ---- errors, each as its own class ----

check('nothing is traded without funds', async () => {
  const text = 'Account has insufficient balance for requested action.';
  await moves(bob, {}, async () => {
    await refused(ccxt.InsufficientFunds, text, () => buy(bob, 8000, 900000));
    await refused(ccxt.InsufficientFunds, text, () => sell(bob, 8000, 900000));
    await refused(ccxt.InsufficientFunds, text, () => bob.createMarketSellOrder(BTC, 8000));
    await refused(ccxt.InsufficientFunds, text, () => bob.createMarketBuyOrderWithCost(BTC, 90000000));
    await refused(ccxt.InsufficientFunds, text, () => bob.createOrder('SOL/USDT', 'limit', 'sell', 1, 100));
  });
});

check('filters refuse by name', async () => {
  await moves(bob, {}, async () => {
    await refused(ccxt.InvalidOrder, 'Filter failure: LOT_SIZE', () => buy(bob, 9001, 30000));
    await refused(ccxt.InvalidOrder, 'Filter failure: PRICE_FILTER', () => buy(bob, 0.001, 1000001));
    await refused(ccxt.BadRequest, 'Filter failure: NOTIONAL', () => buy(bob, 0.0001, 20000));
  });
});

check('unknown orders and symbols are not found', async () => {
  await refused(ccxt.OrderNotFound, 'Order does not exist.', () => bob.fetchOrder('999999999', BTC));
  await refused(ccxt.OrderNotFound, 'Unknown order sent.', () => bob.cancelOrder('999999999', BTC));
  await refused(ccxt.BadSymbol, 'Invalid symbol.', () => anyone.publicGetDepth({ symbol: 'NOSUCH' }));
  await refused(ccxt.BadSymbol, 'Invalid symbol.', () => bob.privateGetAllOrders({ symbol: 'NOSUCH' }));
  const foreign = await buy(alice, 0.001, 20000);
  await refused(ccxt.OrderNotFound, 'Order does not exist.', () => bob.fetchOrder(foreign.id, BTC));
  await refused(ccxt.OrderNotFound, 'Unknown order sent.', () => bob.cancelOrder(foreign.id, BTC));
});

check('a closed market takes no orders', () =>
  refused(ccxt.MarketClosed, 'Market is closed.', () => bob.createOrder(CLOSED, 'limit', 'buy', 1, 100)));

check('malformed requests are bad requests', async () => {
  const order = { symbol: 'BTCUSDT', side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '0.001', price: '30000' };
  for (const [code, change] of [[-1102, { price: undefined }], [-1100, { quantity: '1e-3' }],
    [-1105, { selfTradePreventionMode: '' }], [-1106, { stopPrice: '1' }], [-1111, { price: '30000.123456789' }],
    [-1115, { timeInForce: 'GTD' }], [-1116, { type: 'STOP' }], [-1117, { side: 'HOLD' }]]) {
    await refused(ccxt.BadRequest, `"code":${code}`, () => bob.privatePostOrder({ ...order, ...change }));
  }
  await refused(ccxt.BadRequest, '"code":-1102', () => anyone.publicGetDepth());
});

check('wrong keys, signatures and times are their own errors', async () => {
  const once = async (keys, kind, text, options) => {
    const exchange = client(keys);
    Object.assign(exchange.options, options);
    await refused(kind, text, () => exchange.privateGetAccount());
  };
  const wrong = facts.bob.key.split('').reverse().join('');
  await once({ ...facts.bob, secret: facts.alice.secret }, ccxt.AuthenticationError, 'Signature for this request');
  await once({ ...facts.bob, key: 'no-key' }, ccxt.AuthenticationError, 'API-key format invalid.');
  await once({ ...facts.bob, key: wrong }, ccxt.AuthenticationError, '"code":-2015');
  await once(facts.bob, ccxt.InvalidNonce, 'outside of the recvWindow', { timeDifference: 60000 });
  await once(facts.bob, ccxt.InvalidNonce, "1000ms ahead of the server's time", { timeDifference: -60000 });
  const reader = client(facts.reader);
  reader.setMarkets(bob.markets); // so that the order is its first signed request
  await refused(ccxt.AuthenticationError, 'Invalid API-key, IP, or permissions for action.', () => buy(reader, 0.001, 20000));
  eq(typeof (await reader.fetchBalance()).BTC.free, 'number', 'a reader reads');
  await refused(ccxt.DDoSProtection, '"code":-2015', () => buy(reader, 0.001, 20000)); // ccxt's reading after a success
});

await run(clear);
