// ccxt_ws_session.mjs - ccxt as it comes from npm over its WebSockets: what it watches, and orders it places there.
//
// Goal: what ccxt is told by streams is what REST answers, and an order over the WebSocket API is one over REST.
// Method: two funded users; each check begins with empty books, starts to watch, lets something happen by REST and waits
// for it to be told. Default options and keys, only the URLs are ours. Amounts are compared in units of 1e-8.
import assert from 'node:assert/strict';
import ccxt from 'ccxt';
import { atoms, check, eq, facts, overTls, pairOf, run, workingOf } from './checks.mjs';

const BTC = 'BTC/USDT', SECONDS = 20; // a deadline for what must come, never a measure

const moved = (url, scheme) => {
  const ours = new URL(facts.base), was = new URL(url);
  return `${scheme}://${ours.host}${was.pathname}`;
};

// Every URL of ccxt leads to Castle, by its own path: nothing can reach another exchange.
function client(keys) {
  const exchange = new ccxt.pro.binance(keys && { apiKey: keys.key, secret: keys.secret });
  const move = (urls, scheme) => {
    for (const [name, url] of Object.entries(urls)) {
      if (typeof url === 'string') {
        urls[name] = moved(url, url.startsWith('ws') ? (overTls ? 'wss' : 'ws') : (overTls ? 'https' : 'http'));
      } else if (name === 'ws' || name === 'ws-api') {
        move(url);
      }
    }
  };
  move(exchange.urls.api);
  return exchange;
}

const alice = client(facts.alice), bob = client(facts.bob), anyone = client();

// ---- what the checks are made of ----

async function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came: ${what}`)), SECONDS * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Watches until look() finds what it wants in what ccxt keeps; returns that. What comes between two watches wakes
// neither, so it looks again now and then.
async function until(watch, look, what) {
  const begun = Date.now();
  for (let found; ; ) {
    if ((found = look())) {
      return found;
    }
    assert(Date.now() - begun < SECONDS * 1000, `nothing came: ${what}`);
    await Promise.race([pending(watch), new Promise((resolve) => { setTimeout(resolve, 100); })]);
  }
}

const pending = (watch) => {
  const promise = watch();
  promise.catch(() => {}); // looked at later
  return promise;
};

const clear = async () => {
  for (const exchange of [alice, bob]) {
    if ((await exchange.fetchOpenOrders(BTC)).length) {
      await exchange.cancelAllOrders(BTC);
    }
  }
};

const sell = (exchange, amount, price) => exchange.createLimitSellOrder(BTC, amount, price);
const buy = (exchange, amount, price) => exchange.createLimitBuyOrder(BTC, amount, price);
const last = (list) => list[list.length - 1];

const LEVELS = ['bids', 'asks'];
const levels = (book) => Object.fromEntries(LEVELS.map((side) =>
  [side, Array.from(book[side], ([price, amount]) => [price, amount])]));

// ---- the market ----

check('a watched book is the book that REST shows', async () => {
  await buy(alice, 0.01, 19000);
  await sell(bob, 0.02, 21000);
  await soon(anyone.watchOrderBook(BTC), 'the book');
  for (let i = 1; i <= 20; i++) {
    await buy(alice, 0.001 * i, 19000 - i);
    await sell(bob, 0.001 * i, 21000 + (i % 7));
    if (i % 6 === 0) {
      await alice.cancelAllOrders(BTC);
    }
  }
  const shown = await anyone.fetchOrderBook(BTC);
  const newest = () => anyone.orderbooks[BTC].nonce >= shown.nonce && anyone.orderbooks[BTC];
  const book = await until(() => anyone.watchOrderBook(BTC), newest, 'the last change');
  eq(book.nonce, shown.nonce, 'its id');
  eq(levels(book), levels(shown), 'its levels');
});

check('watched trades are those that REST shows', async () => {
  const first = pending(() => anyone.watchTrades(BTC));
  let told = false;
  first.finally(() => { told = true; }).catch(() => {});
  for (const deadline = Date.now() + SECONDS * 1000; !told;) { // a trade before the subscription is not told
    assert(Date.now() < deadline, 'no trade is told');
    await sell(bob, 0.01, 20000);
    await buy(alice, 0.01, 20000);
  }
  await first;
  const newest = last(await anyone.fetchTrades(BTC, undefined, 1));
  await until(() => anyone.watchTrades(BTC), () => last(anyone.trades[BTC]).timestamp >= newest.timestamp, 'the newest');
  const { price, amount, side, timestamp } = last(anyone.trades[BTC]);
  eq([price, atoms(amount), side, timestamp], [20000, atoms('0.01'), 'buy', newest.timestamp], 'the trade');
});

check('ticker, best prices and candles are watched', async () => {
  await buy(alice, 1, 19500);
  const again = setInterval(() => { // until all are subscribed to: what was before is not told
    sell(bob, 0.001, 20501).catch(() => {});
    sell(bob, 0.001, 19500).catch(() => {});
  }, 300);
  try {
    const asked = () => anyone.bidsasks[BTC]?.ask === 20501 && anyone.bidsasks[BTC];
    const paid = () => anyone.tickers[BTC]?.last === 19500 && anyone.tickers[BTC];
    const closed = () => last(anyone.ohlcvs[BTC]?.['1m'] ?? [[]])[4] === 19500 && last(anyone.ohlcvs[BTC]['1m']);
    const [best, ticker, candle] = await Promise.all([
      until(() => anyone.watchBidsAsks([BTC]), asked, 'the best prices'),
      until(() => anyone.watchTicker(BTC), paid, 'a ticker'),
      until(() => anyone.watchOHLCV(BTC, '1m'), closed, 'a candle'),
    ]);
    eq([best.bid, best.ask], [19500, 20501], 'best bid and ask');
    eq([ticker.low, candle[3], candle[5] > 0], [19500, 19500, true], 'lowest prices and volume');
  } finally {
    clearInterval(again);
  }
});

// ---- the account ----

check('orders, trades and balances are watched', async () => {
  await alice.ensureUserDataStreamWsSubscribeSignature('spot'); // or the order may be quicker than the subscription
  const orders = pending(() => alice.watchOrders(BTC)), balance = pending(() => alice.watchBalance());
  const placed = await buy(alice, 0.01, 20000);
  const opened = last(await soon(orders, 'the order'));
  eq([opened.id, opened.status, atoms(opened.amount), opened.price], [placed.id, 'open', atoms('0.01'), 20000], 'opened');
  await soon(balance, 'the hold');
  const trades = pending(() => alice.watchMyTrades(BTC));
  await sell(bob, 0.004, 20000);
  const trade = last(await soon(trades, 'the trade'));
  eq([trade.order, atoms(trade.amount), trade.side, trade.takerOrMaker], [placed.id, atoms('0.004'), 'buy', 'maker'], 'trade');
  eq([atoms(trade.fee.cost), trade.fee.currency], [400n, 'BTC'], 'its fee');
  const mine = last(await alice.fetchMyTrades(BTC));
  eq([trade.id, trade.price, trade.timestamp], [mine.id, mine.price, mine.timestamp], 'as REST shows it');
  await alice.cancelOrder(placed.id, BTC);
  await until(() => alice.watchOrders(BTC), () => last(alice.orders).status === 'canceled', 'the cancel');
  const now = await alice.fetchBalance();
  const released = () => alice.balance.spot.USDT.free === now.USDT.free && alice.balance.spot;
  const told = await until(() => alice.watchBalance(), released, 'the release');
  eq([told.BTC.free, told.USDT.used], [now.BTC.free, 0], 'balances');
});

check('orders of lists are watched', async () => {
  await alice.ensureUserDataStreamWsSubscribeSignature('spot');
  const becomes = async ({ orders }, states, what) => {
    const seen = () => orders.map(({ orderId }) => alice.orders?.find(({ id }) => id === String(orderId))?.status);
    await until(() => alice.watchOrders(BTC), () => String(seen()) === String(states), what);
  };
  await sell(bob, 0.001, 20000);
  await buy(bob, 0.001, 20000); // the last price
  const oco = await alice.privatePostOrderListOco({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.01,
    ...pairOf('LIMIT_MAKER', 'STOP_LOSS', 21000, 19000) });
  await becomes(oco, ['open', 'open'], 'an OCO');
  await buy(bob, 0.01, 21100);
  await becomes(oco, ['expired', 'closed'], 'its end');
  const oto = await alice.privatePostOrderListOto({ symbol: 'BTCUSDT', ...workingOf(19500, 0.01), pendingQuantity: 0.009,
    pendingType: 'LIMIT_MAKER', pendingPrice: 22000 });
  await becomes(oto, ['open', 'PENDING_NEW'], 'an OTO'); // ccxt has no word for it
  await sell(bob, 0.01, 19500);
  await becomes(oto, ['closed', 'open'], 'its second phase');
  await alice.cancelOrder(oto.orders[1].orderId, BTC);
  await becomes(oto, ['closed', 'canceled'], 'its end');
});

check('orders are placed, edited, looked at and cancelled over the socket', async () => {
  const placed = await soon(alice.createOrderWs(BTC, 'limit', 'buy', 0.01, 20000), 'createOrderWs');
  eq([placed.status, placed.price, atoms(placed.amount)], ['open', 20000, atoms('0.01')], 'placed');
  eq((await alice.fetchOrder(placed.id, BTC)).status, 'open', 'by REST');
  eq((await soon(alice.fetchOrderWs(placed.id, BTC), 'fetchOrderWs')).id, placed.id, 'by WebSocket');
  const edited = await soon(alice.editOrderWs(placed.id, BTC, 'limit', 'buy', 0.02, 19999), 'editOrderWs');
  eq([edited.price, atoms(edited.amount)], [19999, atoms('0.02')], 'edited');
  eq((await soon(alice.fetchOpenOrdersWs(BTC), 'fetchOpenOrdersWs')).map((order) => order.id), [edited.id], 'open orders');
  eq((await soon(alice.cancelOrderWs(edited.id, BTC), 'cancelOrderWs')).status, 'canceled', 'cancelled');
  await buy(alice, 0.01, 20000);
  await soon(alice.cancelAllOrdersWs(BTC), 'cancelAllOrdersWs');
  eq(await alice.fetchOpenOrders(BTC), [], 'none is left');
});

check('the account is looked at over the socket', async () => {
  const [rest, socket] = [await bob.fetchBalance(), await soon(bob.fetchBalanceWs(), 'fetchBalanceWs')];
  eq(socket.info.balances, rest.info.balances, 'balances'); // this ccxt reads spot balances of fetchBalanceWs as a future's
  eq((await soon(bob.fetchMyTradesWs(BTC), 'fetchMyTradesWs')).length, (await bob.fetchMyTrades(BTC)).length, 'trades');
  const [trades, shown] = [await soon(anyone.fetchTradesWs(BTC), 'fetchTradesWs'), await anyone.fetchTrades(BTC)];
  eq(last(trades).timestamp, last(shown).timestamp, 'the last trade');
  eq((await soon(anyone.fetchOHLCVWs(BTC, '1m'), 'fetchOHLCVWs')).length > 0, true, 'candles');
});

check('what is refused over the socket has its class', async () => {
  const refused = async (kind, promise) => {
    await assert.rejects(soon(promise, 'a refusal'), (error) => {
      eq(error.constructor.name, kind.name, error.message);
      return true;
    });
  };
  await refused(ccxt.InsufficientFunds, alice.createOrderWs(BTC, 'limit', 'buy', 8000, 20000));
  await refused(ccxt.OrderNotFound, alice.cancelOrderWs('999999999', BTC));
  const wrong = client({ ...facts.bob, secret: facts.alice.secret });
  await wrong.loadHttpProxyAgent();
  wrong.setMarkets(bob.markets);
  await refused(ccxt.AuthenticationError, wrong.fetchBalanceWs());
  await wrong.close();
});

for (const exchange of [alice, bob, anyone]) {
  await exchange.loadHttpProxyAgent(); // or ccxt opens no plain ws://
  await exchange.loadMarkets();
}
await run(clear);
for (const exchange of [alice, bob, anyone]) {
  await exchange.close();
}
