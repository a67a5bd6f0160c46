// page_session.mjs - the page in a headless Chromium, by playwright-core, beside what REST says.
//
// Goal: what the page shows is true, also after its connections were cut or an event was lost; what it sends is what was typed;
// it keeps no keys, speaks to nobody else, and can be used without a mouse. Method: the page comes through a TCP proxy that can be
// cut; other users trade by REST meanwhile; each check waits until the page shows what REST says. No bounds on time but deadlines.
import { createHmac } from 'node:crypto';
import assert from 'node:assert/strict';
import { Way, accessible, browser, fitsIn, heard, keptBy, openPage, picture, text, until } from './browser.mjs';
import { atoms, check, eq, facts, feeOf, run } from './checks.mjs';
import { Book, follow } from '../../../http/web/book.js'; // none of what follows here is used to say what the page has to show
import { Candles } from '../../../http/web/candles.js';
import { fixed, parse, plain, shortened } from '../../../http/web/decimal.js';
import { numberOf, orderOf, toldOf, walk, wrongOf } from '../../../http/web/order.js';
import { groupsOf } from '../../../http/web/ladder.js';
import { Socket } from '../../../http/web/socket.js';

const SYMBOL = 'BTCUSDT';

// ---- users by REST ----

class Rest {
  constructor({ key, secret } = {}) {
    Object.assign(this, { key, secret });
  }

  async get(path, params = {}) {
    return (await fetch(`${facts.base}/api/v3/${path}?${new URLSearchParams(params)}`)).json();
  }

  async signed(method, path, params = {}) {
    const text = new URLSearchParams({ ...params, timestamp: Date.now() }).toString();
    const signature = createHmac('sha256', this.secret).update(text).digest('hex');
    const answer = await fetch(`${facts.base}/api/v3/${path}?${text}&signature=${signature}`, { method, headers: { 'X-MBX-APIKEY': this.key } });
    const value = await answer.json();
    assert.ok(answer.ok, `${method} ${path} ${JSON.stringify(params)}: ${JSON.stringify(value)}`);
    return value;
  }

  limit(side, price, quantity, more) {
    return this.signed('POST', 'order', { symbol: SYMBOL, side, type: 'LIMIT', timeInForce: 'GTC', price, quantity, ...more });
  }

  market(side, quantity) {
    return this.signed('POST', 'order', { symbol: SYMBOL, side, type: 'MARKET', quantity });
  }

  async tidy() {
    if ((await this.signed('GET', 'openOrders', { symbol: SYMBOL })).length) {
      await this.signed('DELETE', 'openOrders', { symbol: SYMBOL });
    }
  }
}

const anyone = new Rest(), alice = new Rest(facts.alice), bob = new Rest(facts.bob), carol = new Rest(facts.carol), dave = new Rest(facts.dave);

// Numbers as if by chance, the same in every run.
let seed = 20240607;
const chance = (below) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

// Makers and takers around `middle`: orders, cancels, trades.
async function stir(count, middle = 60000) {
  for (let i = 0; i < count; i++) {
    const side = chance(2) ? 'BUY' : 'SELL', off = (chance(3000) + 1) / 100;
    const price = (middle + (side === 'SELL' ? off : -off)).toFixed(2);
    const { orderId, status } = await alice.limit(side, price, ((chance(900) + 10) / 10000).toFixed(5));
    if (status === 'NEW' && chance(3) === 0) {
      await alice.signed('DELETE', 'order', { symbol: SYMBOL, orderId });
    }
    if (chance(4) === 0) {
      await bob.limit(side === 'BUY' ? 'SELL' : 'BUY', (middle + (side === 'BUY' ? -20 : 20)).toFixed(2), '0.02', { timeInForce: 'IOC' });
    }
  }
}

// ---- the page ----

const way = await Way.to(facts.base);
const open = (options = {}) => openPage({ base: way.here, ready: '#ladder[data-ready=true]', ...options });

// The ladder as it is shown: its update id and rows, best first.
const ladderOf = (page) => page.evaluate(() => {
  const rows = (id) => [...document.querySelectorAll(`#${id} [data-price]`)].filter((row) => !row.hidden)
    .map((row) => [row.dataset.price, row.querySelector('.quantity').textContent, row.querySelector('.total').textContent]);
  return { id: Number(document.querySelector('#ladder').dataset.updateId), bids: rows('bids'), asks: rows('asks') };
});

// What the ladder has to show of an answer of REST, which has its levels best first. Bids are rounded down to a group, asks up.
function expectedLadder(depth, count, step = 1_000_000n) {
  const decimals = (value, places) => {
    const digits = String(value / 10n ** BigInt(8 - places)).padStart(places + 1, '0');
    return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  };
  const rows = (levels, up) => {
    const groups = new Map();
    for (const [price, quantity] of levels.map((level) => level.map(atoms))) {
      const group = ((price + (up ? step - 1n : 0n)) / step) * step;
      groups.set(group, (groups.get(group) ?? 0n) + quantity);
    }
    let total = 0n;
    return [...groups].slice(0, count).map(([price, quantity]) => [decimals(price, 2), decimals(quantity, 5), decimals(total += quantity, 5)]);
  };
  return { id: depth.lastUpdateId, bids: rows(depth.bids, false), asks: rows(depth.asks, true) };
}

async function ladderIsTrue(page, what, step) {
  await until(async () => {
    const depth = await anyone.get('depth', { symbol: SYMBOL, limit: 5000 }), shown = await ladderOf(page);
    const room = await page.evaluate(() => document.querySelector('#asks').children.length);
    eq(shown, expectedLadder(depth, room, step), 'the ladder');
  }, what);
}

// The trades that are shown are the newest ones of REST, each once, none missing.
async function tapeIsTrue(page, what) {
  await until(async () => {
    const shown = await page.$$eval('#tape [role=row]', (rows) => rows.map((row) => [...row.children].slice(0, 2).map((cell) => cell.textContent)));
    const trades = (await anyone.get('trades', { symbol: SYMBOL, limit: 60 })).reverse();
    const rest = trades.map((trade) => [`${trade.isBuyerMaker ? '▼' : '▲'} ${Number(trade.price).toLocaleString('en-US', { minimumFractionDigits: 2 })}`,
      fixed(parse(trade.qty), 5)]);
    assert.ok(shown.length >= Math.min(50, rest.length), `${shown.length} rows`);
    eq(shown, rest.slice(0, shown.length), 'the trades');
  }, what);
}

// Each of the newest candles is what its trades make it, and the newest trade is in one of them.
async function candleIsTrue(page, length, what) {
  await until(async () => {
    const shown = await page.evaluate(() => document.querySelector('#legend').newest()), trades = await anyone.get('trades', { symbol: SYMBOL, limit: 1000 });
    const at = trades.at(-1).time;
    assert.ok(shown.some(({ begin }) => at >= begin && at < begin + length), 'the newest trade is in no candle');
    for (const [nth, candle] of shown.entries()) {
      const { begin } = candle, inside = trades.filter(({ time }) => time >= begin && time < begin + length);
      if (begin < trades[0].time || (!inside.length && nth === 0)) {
        continue; // what comes before it is not known here
      }
      const prices = inside.length ? inside.map(({ price }) => parse(price)) : [parse(shown[nth - 1].close)], sum = inside.reduce((all, { qty }) => all + parse(qty), 0n);
      const least = prices.reduce((a, b) => (a < b ? a : b)), most = prices.reduce((a, b) => (a > b ? a : b));
      eq(candle, { begin, open: fixed(prices[0], 2), high: fixed(most, 2), low: fixed(least, 2), close: fixed(prices.at(-1), 2), volume: fixed(sum, 5) }, 'a candle');
    }
  }, what);
}

async function sign(page, keys) {
  await page.click('#keys-open');
  await page.fill('#key', keys.key);
  await page.fill('#secret', keys.secret);
  await page.click('#keys-form [type=submit]');
  await page.waitForSelector('#keys', { state: 'hidden' });
  await until(async () => eq(await text(page, '#keys-open'), 'Forget keys', 'the button'), 'signing');
}

const said = async (page) => (await text(page, '#ticket-said')).replace(/ \(\d+ ms\)$/, '');

// Fills in the ticket by its labels; {} leaves what is there.
async function order(page, kind, side, { amount, price, stop, stopLimit, unit, postOnly = false, tif } = {}) {
  await page.check(`#ticket input[value=${side}]`, { force: true });
  await page.check(`#ticket input[value=${kind}]`, { force: true });
  if (kind === 'LIMIT') {
    await page.setChecked('#post-only', postOnly);
  }
  if (unit) {
    await page.selectOption('#amount-unit', unit);
  }
  if (tif) {
    await page.selectOption('#tif', tif);
  }
  for (const [field, value] of [['#amount', amount], ['#price', price], ['#stop', stop], ['#stop-limit', stopLimit]]) {
    if (value !== undefined) {
      await page.fill(field, value);
    }
  }
}

async function send(page) {
  await page.click('#submit');
  await until(async () => assert.match(await said(page), /^(?!Sending)./), 'an answer');
  return said(page);
}

const rowsOf = (page, tab) => page.$$eval(`#page-${tab} tbody tr`, (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));

async function shownOrders(page) {
  await page.click('#tab-orders');
  return rowsOf(page, 'orders');
}

// The account's tables are what REST says of the user.
async function accountIsTrue(page, who, what) {
  await page.click('#tab-orders');
  await until(async () => {
    const open = await who.signed('GET', 'openOrders');
    eq((await page.$$eval('#page-orders tbody tr', (rows) => rows.map((row) => row.dataset.key))).sort(), open.map((one) => `${one.symbol} ${one.orderId}`).sort(), 'open orders');
    for (const one of open) {
      const cells = await page.$$eval(`#page-orders tr[data-key="${one.symbol} ${one.orderId}"] td`, (all) => all.map((cell) => cell.textContent));
      eq([parse(cells[6]), parse(cells[7])], [parse(one.origQty), parse(one.executedQty)], `order ${one.orderId}`);
    }
    eq(await text(page, '#tabs .count'), String(open.length), 'the count');
  }, what);
  await page.click('#tab-balances');
  await until(async () => {
    const { balances } = await who.signed('GET', 'account', { omitZeroBalances: 'true' });
    const shown = (await rowsOf(page, 'balances')).map(([asset, free, locked]) => [asset, ...[free, locked].map((amount) => amount.replaceAll(',', ''))]);
    eq(shown, balances.map(({ asset, free, locked }) => [asset, free, locked]).sort(([a], [b]) => (a < b ? -1 : 1)), 'balances');
  }, what);
  await page.click('#tab-orders');
}

// ---- the pure parts, without a browser ----

check('amounts are exact', () => {
  for (let i = 0; i < 2000; i++) {
    const value = BigInt(chance(2 ** 31)) * BigInt(chance(2 ** 31));
    eq(parse(fixed(value)), value, 'fixed');
    eq(parse(plain(value)), value, 'plain');
  }
  eq(['', '.', '1.', '.5', '-1', '1e3', '0x1', '1.123456789', '1.100000000', ' 7 '].map(parse), [null, null, 100000000n, 50000000n, null, null, null, null, 110000000n, 700000000n], 'texts');
  eq([fixed(123456789n, 2), fixed(5n, 8), fixed(-5n, 8), fixed(123456789n, 0)], ['1.23', '0.00000005', '-0.00000005', '1'], 'decimals');
});

check('a book that is told every event is the same as a snapshot, and one that misses an event knows', () => {
  for (let round = 0; round < 300; round++) {
    const truth = new Map(), events = [], copies = [];
    let id = 0;
    const snapshot = () => ({ lastUpdateId: id, ...Object.fromEntries(['b', 'a'].map((side) => [side === 'b' ? 'bids' : 'asks',
      [...truth].filter(([name]) => name[0] === side).map(([name, quantity]) => [name.slice(1), quantity])])) });
    for (let i = 0; i < 30; i++) {
      const event = { U: id + 1, b: [], a: [] };
      for (let n = chance(4) + 1; n > 0; n--) {
        const side = 'ba'[chance(2)], price = String(chance(12) + 1), quantity = String(chance(3));
        event[side].push([price, quantity]);
        Number(quantity) ? truth.set(side + price, quantity) : truth.delete(side + price);
        id++;
      }
      event.u = id;
      events.push(event);
      copies.push(snapshot());
    }
    const from = chance(25), taken = from + chance(4), lost = chance(3) || taken > 24 ? -1 : taken + 2 + chance(2); // events from `from` on; the snapshot after `taken`
    const book = new Book();
    for (const event of events.slice(from, taken + 1)) {
      assert.ok(book.event(event));
    }
    if (from > 0 && from < taken) {
      const old = copies[from - 1];
      eq(book.snapshot({ ...old, lastUpdateId: old.lastUpdateId - 1 }), false, 'a snapshot that is too old');
    }
    assert.ok(book.snapshot(copies[taken]));
    let good = true;
    for (let i = taken + 1; i < events.length && good; i++) {
      if (i !== lost) {
        good = book.event(events[i]);
        eq(good, !(lost >= 0 && i === lost + 1), `event ${i}, ${lost} was lost`);
      }
    }
    if (good) {
      const whole = new Book();
      whole.snapshot(copies.at(-1));
      for (const side of ['bids', 'asks']) {
        eq(book[side].prices, whole[side].prices, 'prices');
        eq(book[side].prices.map((price) => book[side].quantities.get(price)), whole[side].prices.map((price) => whole[side].quantities.get(price)), 'quantities');
      }
    }
  }
});

check('a book that follows a symbol shows nothing of the one before', () => {
  const book = new Book();
  book.begin();
  assert.ok(book.snapshot({ lastUpdateId: 7, bids: [['5.00', '1']], asks: [['6.00', '1']] }) && book.ready, 'a book');
  let drawn = 0;
  follow(book, { streams: { want: () => () => {} }, symbol: 'OTHER', snapshot: null, changed: () => drawn++ });
  eq([book.ready, drawn], [false, 1], 'and none');
});

check('candles of trades are those of the stream, which come in between', () => {
  for (let round = 0; round < 200; round++) {
    const candles = new Candles('1s'), told = new Map();
    let ms = 5_000_000, id = 0, last = '100';
    const wire = (one) => ({ t: one.begin, o: fixed(one.open), h: fixed(one.high), l: fixed(one.low), c: fixed(one.close), v: fixed(one.volume), L: one.last, x: false });
    candles.load([[ms, last, last, last, last, '0']]);
    told.set(ms, { begin: ms, open: parse(last), high: parse(last), low: parse(last), close: parse(last), volume: 0n, last: -1, made: false });
    for (let i = 0; i < 60; i++) {
      ms += chance(900);
      const trade = { t: id++, p: String(100 + chance(9)), q: String(chance(5) + 1), T: ms }, begin = Math.floor(ms / 1000) * 1000, price = parse(trade.p);
      const one = told.get(begin);
      if (one?.made) {
        Object.assign(one, { high: one.high > price ? one.high : price, low: one.low < price ? one.low : price, close: price, volume: one.volume + parse(trade.q), last: trade.t });
      } else {
        told.set(begin, { begin, open: price, high: price, low: price, close: price, volume: parse(trade.q), last: trade.t, made: true });
      }
      candles.trade(trade);
      if (i === 0 || chance(4) === 0) {
        candles.kline(wire(told.get(begin)));
      }
      if (i > 0) {
        const { begin: at, open, high, low, close, volume } = candles.all.at(-1), { made, last: newest, ...rest } = told.get(begin);
        eq({ begin: at, open, high, low, close, volume }, rest, `trade ${i}`);
      }
    }
    for (let i = 1; i < candles.all.length; i++) {
      eq(candles.all[i].begin, candles.all[i - 1].begin + 1000, 'no gap');
    }
  }
});

check('an order is of the kind that its prices make it', () => {
  const of = (fields) => orderOf({ price: '10', stop: '9', stopLimit: '', amount: '1', tif: 'GTC', ...fields }, parse('10')).params;
  const kinds = [['BUY', '11', 'STOP_LOSS_LIMIT'], ['BUY', '9', 'TAKE_PROFIT_LIMIT'], ['SELL', '9', 'STOP_LOSS_LIMIT'], ['SELL', '11', 'TAKE_PROFIT_LIMIT']];
  for (const [side, stop, type] of kinds) {
    eq(of({ kind: 'STOP', side, stop }).type, type, `${side} at ${stop}`);
  }
  const side = { sign: 1, prices: [parse('10'), parse('11')], quantities: new Map([[parse('10'), parse('1')], [parse('11'), parse('2')]]) };
  eq(walk(side, { base: parse('2') }, parse('0.1')), { got: parse('2'), cost: parse('21'), enough: true }, 'by base');
  eq(walk(side, { quote: parse('15.7') }, parse('0.1')), { got: parse('1.5'), cost: parse('15.5'), enough: true }, 'by quote');
  eq(walk(side, { base: parse('4') }, parse('0.1')).enough, false, 'more than there is');
});

check('numbers are taken as they are meant, or it is said what is wrong with them', () => {
  eq(['.5', '1.', ' 7.10 ', '61,603.62', '1,234,567', '0,5', '61,603', '1e5', ''].map(numberOf), ['0.5', '1', '7.1', '61603.62', '1234567', '0,5', '61,603', '1e5', ''], 'numbers');
  eq([['29500', 7], ['0.005', 8], ['1.23456', 7], ['5', 0]].map(([text, places]) => shortened(parse(text), places)), ['29,500.00', '0.005', '1.23456', '5'], 'for eyes');
  const market = { tick: parse('0.01'), step: parse('0.00001') }, wrong = (fields) => wrongOf({ kind: 'LIMIT', price: '10', amount: '1', ...fields }, market, 1n);
  eq([{}, { kind: 'OCO', stop: '9', stopLimit: '' }, { kind: 'MARKET', price: '' }].map(wrong), [null, null, null], 'nothing');
  eq([{ amount: '' }, { amount: '0,5' }, { amount: '0' }, { amount: 'x' }, { price: '' }, { price: '0.001' }, { kind: 'STOP' }].map((fields) => wrong(fields).join(': ')),
    ['amount: Enter an amount.', 'amount: Numbers have a decimal point and no commas, such as 61603.62.', 'amount: The amount is a multiple of 0.00001.',
      'amount: “x” is no number with at most 8 decimals.', 'price: Enter a price.', 'price: Prices are multiples of 0.01.', 'stop: Enter a stop price.'], 'what is wrong');
});

check('an answer is told in the words of the market it was sent to', () => {
  const market = { base: 'BTC', quote: 'USDT', pricePlaces: 2, quantityPlaces: 4 };
  const told = (status, executedQty) => toldOf({ status, side: 'BUY', orderId: 7, executedQty, cummulativeQuoteQty: String(Number(executedQty) * 61435) }, market);
  eq([told('FILLED', '0.01'), told('EXPIRED', '0'), told('NEW', '0')], ['Bought 0.0100 BTC at 61,435.00 USDT.', 'Expired: nobody took the other side.', 'Order 7 is placed.'], 'answers');
});

check('a connection that is opened and then refused is tried ever more seldom', async () => {
  const waits = [], names = ['location', 'WebSocket', 'addEventListener', 'removeEventListener', 'setTimeout'], were = names.map((name) => globalThis[name]);
  Object.assign(globalThis, { location: { protocol: 'http:', host: 'x' }, WebSocket: class { send() {} close() {} }, addEventListener() {}, removeEventListener() {},
    setTimeout: (act, ms) => waits.push(ms) });
  try {
    const socket = new Socket('/', 'ping', { opened: () => {}, lost: () => {}, latency: () => {}, message: () => {} });
    const refused = (leastMs) => {
      socket.ws.onopen();
      socket.drop(leastMs);
      socket.connect();
      return waits.at(-1);
    };
    const pauses = [1, 2, 3, 4, 5].map(() => refused());
    eq(pauses, [...pauses].sort((a, b) => a - b), 'pauses');
    assert.ok(pauses.at(-1) > 8 * pauses[0], 'they grow');
    assert.ok(refused(60000) >= 60000, 'it is left alone for as long as it wants');
    socket.ws.onopen();
    socket.settled();
    assert.ok(refused() <= pauses[0] * 2, 'who had all gets it back soon');
    socket.ws.onopen();
    const asked = socket.request('ping', undefined, true);
    socket.take({ id: socket.next - 1, error: { code: -1003, msg: 'too much', data: { serverTime: 5000, retryAfter: 9000 } } });
    eq(await asked.catch(({ code, retryMs }) => [code, retryMs]), [-1003, 4000], 'how long that is');
  } finally {
    names.forEach((name, at) => globalThis[name] = were[at]);
  }
});

check('a book that knows so many levels shows none beyond them, and asks again when they become few', async () => {
  const levels = (from, count, sign) => Array.from({ length: count }, (_, at) => [String(from + sign * at), '1']);
  let snapshots = 0, told;
  const book = new Book(4), leave = follow(book, { streams: { want: (_, listener) => { told = listener; return () => {}; } }, symbol: 'X', changed: () => {},
    snapshot: async () => ({ lastUpdateId: 10 * ++snapshots, bids: levels(99, 2, -1), asks: levels(100, 4, 1) }) });
  await told.live();
  told.event({ U: 11, u: 11, b: [['50', '1']], a: [['104', '1'], ['102', '2']] });
  eq([book.asks.prices, book.bids.prices, book.asks.quantities.get(parse('102'))], [['100', '101', '102', '103'].map(parse), ['99', '98', '50'].map(parse), parse('2')], 'levels');
  eq([[book.asks, '1'], [book.asks, '2'], [book.bids, '50']].map(([side, step]) => groupsOf(side, parse(step), 9).map(({ price, total }) => `${plain(price)} ${plain(total)}`)),
    [['100 1', '101 2', '102 4'], ['100 1', '102 4'], ['50 3']], 'whole groups');
  told.event({ U: 12, u: 12, b: [], a: [['100', '0'], ['101', '0']] });
  eq(snapshots, 1, 'half are enough');
  told.event({ U: 13, u: 13, b: [], a: [['102', '0']] });
  await until(async () => eq([snapshots, book.asks.prices.length], [2, 4], 'snapshots and levels'), 'again');
  leave();
});

// ---- the page ----

let page;

check('the page shows every symbol, and finds one', async () => {
  await stir(60);
  page = await open();
  const symbols = (await anyone.get('exchangeInfo')).symbols.map((one) => one.symbol);
  eq(await page.$$eval('#symbols button', (rows) => rows.map((row) => row.dataset.symbol)), symbols, 'symbols');
  await page.fill('#search', 'eth/b');
  eq(await page.$$eval('#symbols li:not([hidden]) button', (rows) => rows.map((row) => row.dataset.symbol)), ['ETHBTC'], 'found');
  await page.fill('#search', 'nobody');
  assert.ok(await page.isVisible('#symbols-none'));
  await page.fill('#search', '');
});

check('the ladder is REST’s depth at the same update id, while orders come and go', async () => {
  for (let round = 0; round < 6; round++) {
    await stir(15, 60000 + round);
    await ladderIsTrue(page, `round ${round}`);
  }
});

check('grouped prices are the sums of their levels', async () => {
  for (const step of [1000n, 10000n]) {
    await page.selectOption('#grouping', String(step * 1_000_000n));
    await ladderIsTrue(page, `groups of ${step} ticks`, step * 1_000_000n);
  }
  await page.selectOption('#grouping', '1000000');
});

check('the 24 hours are the ticker’s', async () => {
  await until(async () => {
    const day = await anyone.get('ticker/24hr', { symbol: SYMBOL }), money = (value) => Number(value).toLocaleString('en-US', { minimumFractionDigits: 2 });
    eq([await text(page, '[data-of=last]'), await text(page, '[data-of=high]'), await text(page, '[data-of=low]')], [day.lastPrice, day.highPrice, day.lowPrice].map(money), 'figures');
  }, 'the figures');
});

check('the trades are REST’s', () => tapeIsTrue(page, 'at first').then(() => stir(20)).then(() => tapeIsTrue(page, 'after more')));

check('a candle is what its trades make it', async () => {
  await stir(20);
  await bob.market('BUY', '0.001');
  await candleIsTrue(page, 60000, 'one minute');
  await page.click('#intervals button:text-is("1s")');
  for (let round = 0; round < 4; round++) {
    await stir(8);
    await bob.market('SELL', '0.001');
    await candleIsTrue(page, 1000, `one second, ${round}`);
  }
  await page.click('#intervals button:text-is("1m")');
  await candleIsTrue(page, 60000, 'one minute again');
});

check('wrong keys are told so, and nothing is kept of them', async () => {
  page.refusals = true;
  heard.rough = true; // a browser puts a refused request into the console
  await page.click('#keys-open');
  await page.fill('#key', 'x'.repeat(64));
  await page.fill('#secret', 'y'.repeat(64));
  await page.click('#keys-form [type=submit]');
  await until(async () => assert.match(await text(page, '#keys-said'), /-2015/), 'the refusal');
  await page.fill('#key', 'ключ');
  await page.click('#keys-form [type=submit]');
  await until(async () => assert.match(await text(page, '#keys-said'), /-2014/), 'the refusal of letters that no key has');
  await page.keyboard.press('Escape');
  await until(async () => eq(await page.inputValue('#secret'), '', 'the field'), 'the secret is gone');
  eq(await text(page, '#keys-open'), 'Enter keys', 'the button');
  page.refusals = heard.rough = false;
});

check('keys live in memory only', async () => {
  await page.click('#keys-open');
  await page.focus('#key');
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData('text', pasted);
    document.querySelector('#key').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, `carol\n  key     ${facts.carol.key}\n  secret  ${facts.carol.secret}\n`);
  await page.click('#keys-form [type=submit]');
  await page.waitForSelector('#keys', { state: 'hidden' });
  const kept = await keptBy(page);
  assert.ok(!kept.includes(facts.carol.secret) && !kept.includes(facts.carol.key), 'it is somewhere');
  await accountIsTrue(page, carol, 'after signing');
});

check('an order from the ticket appears, fills, and moves the balances', async () => {
  await order(page, 'LIMIT', 'BUY', { price: '59000', amount: '0.5' });
  await until(async () => eq([await text(page, '#total'), await text(page, '#fee')], ['29,500.00 USDT', '0.0005 BTC (0.1 % maker)'], 'total and fee'), 'the estimate');
  assert.match(await send(page), /^Order \d+ is placed\.$/);
  await until(async () => eq((await shownOrders(page)).length, 1, 'open orders'), 'the order');
  await accountIsTrue(page, carol, 'placed');
  const [open] = await carol.signed('GET', 'openOrders', { symbol: SYMBOL });
  eq([open.side, open.type, open.price, open.origQty, open.timeInForce], ['BUY', 'LIMIT', '59000.00000000', '0.50000000', 'GTC'], 'the order');
  await alice.tidy();
  await dave.limit('SELL', '59000', '0.2');
  await until(async () => eq((await shownOrders(page))[0].slice(7, 9), ['0.20000', 'Partly filled'], 'the row'), 'a part of it');
  await accountIsTrue(page, carol, 'partly filled');
  await dave.limit('SELL', '59000', '0.3');
  await until(async () => eq((await shownOrders(page)).length, 0, 'open orders'), 'the rest');
  await accountIsTrue(page, carol, 'filled');
  await page.click('#tab-history');
  await until(async () => eq((await rowsOf(page, 'history'))[0].filter((_, at) => at === 1 || at > 5), [SYMBOL, '0.50000', '0.50000', '59,000.00', 'Filled'], 'the row'), 'the history');
  await page.click('#tab-trades');
  await until(async () => eq((await rowsOf(page, 'trades')).map((row) => [row[1], row[4], row[6], row[7]]),
    [[SYMBOL, '0.30000', '0.0003 BTC', 'Maker'], [SYMBOL, '0.20000', '0.0002 BTC', 'Maker']], 'rows'), 'the trades');
  await page.click('#tab-orders');
});

check('a market order gets what was estimated, fee and all', async () => {
  await dave.limit('SELL', '60000', '0.1');
  await dave.limit('SELL', '60010', '1');
  await ladderIsTrue(page, 'offers');
  for (const [unit, amount, base] of [['base', '0.3', '0.3'], ['quote', '12002', '0.2']]) {
    await order(page, 'MARKET', 'BUY', { unit, amount });
    const before = atoms((await carol.signed('GET', 'account')).balances.find((one) => one.asset === 'USDT').free);
    await until(async () => eq((await text(page, '#fee')).split(' ').slice(0, 2), [plain(feeOf(parse(base))), 'BTC'], 'the fee'), 'the estimate');
    const total = parse((await text(page, '#total')).replace(/[, A-Z]/g, ''));
    assert.match(await send(page), new RegExp(`^Bought ${fixed(parse(base), 5)} BTC`));
    const after = atoms((await carol.signed('GET', 'account')).balances.find((one) => one.asset === 'USDT').free);
    eq(before - after, total, 'the cost');
    const [last] = (await carol.signed('GET', 'allOrders', { symbol: SYMBOL })).slice(-1);
    const trades = await carol.signed('GET', 'myTrades', { symbol: SYMBOL, orderId: last.orderId });
    eq(trades.reduce((sum, one) => sum + atoms(one.qty), 0n), parse(base), 'what it got');
    await ladderIsTrue(page, 'after it');
  }
  await accountIsTrue(page, carol, 'after market orders');
});

check('post-only, in force and part of the balance do what they say', async () => {
  page.refusals = heard.rough = true;
  await order(page, 'LIMIT', 'BUY', { price: '60010', amount: '0.1', postOnly: true });
  await until(async () => assert.match(await text(page, '#ticket-hint'), /would match at once/), 'the hint');
  assert.match(await send(page), /immediately match and take/);
  page.refusals = heard.rough = false;
  await order(page, 'LIMIT', 'BUY', { price: '50000', amount: '0.1', postOnly: true });
  assert.match(await send(page), /is placed/);
  eq((await carol.signed('GET', 'openOrders'))[0].type, 'LIMIT_MAKER', 'the kind');
  await carol.tidy();
  await order(page, 'LIMIT', 'BUY', { price: '50000', amount: '0.1', tif: 'IOC' });
  assert.match(await send(page), /^Expired/);
  await order(page, 'LIMIT', 'BUY', { price: '50000', tif: 'GTC' });
  await accountIsTrue(page, carol, 'before parts');
  const free = async (asset) => atoms((await carol.signed('GET', 'account')).balances.find((one) => one.asset === asset).free);
  await page.click('[data-part="50"]');
  eq(parse(await page.inputValue('#amount')), (((await free('USDT')) / 2n) * 100000000n / parse('50000')) / 1000n * 1000n, 'half of the USDT');
  await page.check('#ticket input[value=SELL]', { force: true });
  await page.fill('#price', '70000');
  await page.click('[data-part="100"]');
  eq(parse(await page.inputValue('#amount')), (await free('BTC')) / 1000n * 1000n, 'all of the BTC');
  assert.match(await send(page), /is placed/);
  await accountIsTrue(page, carol, 'all in an order');
  await carol.tidy();
});

check('a stop-limit from the ticket waits, triggers and fills', async () => {
  await accountIsTrue(page, carol, 'before it');
  await order(page, 'STOP', 'BUY', { stop: '60020', price: '60040', amount: '0.01' });
  assert.match(await send(page), /is placed/);
  const [open] = await carol.signed('GET', 'openOrders');
  eq([open.type, open.stopPrice, open.price], ['STOP_LOSS_LIMIT', '60020.00000000', '60040.00000000'], 'the order');
  await until(async () => eq((await shownOrders(page))[0].slice(3, 6), ['Stop-limit', '60,040.00', '60,020.00'], 'the row'), 'its row');
  await dave.tidy();
  await dave.limit('SELL', '60025', '1');
  await bob.limit('BUY', '60025', '0.01');
  await until(async () => eq((await shownOrders(page)).length, 0, 'open orders'), 'triggered and filled');
  await accountIsTrue(page, carol, 'after it');
});

check('an OCO from the ticket is both orders; one ends the other; cancelling takes both', async () => {
  await order(page, 'OCO', 'SELL', { price: '61000', stop: '58000', stopLimit: '57900', amount: '0.05' });
  assert.match(await send(page), /^OCO \d+ is placed\.$/);
  const lists = await carol.signed('GET', 'openOrderList');
  eq([lists.length, lists[0].contingencyType, lists[0].orders.length], [1, 'OCO', 2], 'lists');
  await until(async () => eq((await shownOrders(page)).map((row) => row.slice(3, 7)).sort(), [[`Post-only · list ${lists[0].orderListId}`, '61,000.00', '–', '0.05000'],
    [`Stop-limit · list ${lists[0].orderListId}`, '57,900.00', '58,000.00', '0.05000']], 'rows'), 'both');
  await accountIsTrue(page, carol, 'both are there');
  await page.click('#page-orders tbody tr:first-child button');
  await until(async () => eq((await shownOrders(page)).length, 0, 'open orders'), 'both are cancelled');
  await order(page, 'OCO', 'SELL', { price: '60100', stop: '58000', stopLimit: '', amount: '0.05' });
  assert.match(await send(page), /^OCO \d+ is placed\.$/);
  await dave.tidy();
  await bob.limit('BUY', '60100', '0.05');
  await until(async () => eq((await shownOrders(page)).length, 0, 'open orders'), 'one filled, one expired');
  await page.click('#tab-history');
  await until(async () => eq((await rowsOf(page, 'history')).slice(0, 2).map((row) => [row[3].split(' ')[0], row[9]]).sort(), [['Post-only', 'Filled'], ['Stop', 'Expired']], 'history'), 'what became of them');
  await order(page, 'OCO', 'BUY', { price: '59000', stop: '61000', stopLimit: '61100', amount: '0.05' });
  assert.match(await send(page), /^OCO \d+ is placed\.$/);
  await accountIsTrue(page, carol, 'a buying one');
});

check('cancel all cancels all that is shown', async () => {
  await order(page, 'LIMIT', 'BUY', { price: '50000', amount: '0.01', tif: 'GTC' });
  assert.match(await send(page), /is placed/);
  await carol.signed('POST', 'order', { symbol: 'BNBUSDT', side: 'SELL', type: 'LIMIT', timeInForce: 'GTC', price: '900', quantity: '1' });
  await until(async () => eq((await shownOrders(page)).length, 4, 'open orders'), 'all of them');
  await page.click('#cancel-all');
  eq([await text(page, '#ask-text'), await text(page, '#ask-yes')], ['Cancel 4 open orders of 2 symbols?', 'Cancel 4 open orders'], 'the question');
  await page.click('#ask-no');
  await page.check('#this-symbol');
  await page.click('#cancel-all');
  eq(await text(page, '#ask-text'), 'Cancel 3 open orders of BTCUSDT?', 'the question');
  eq((await carol.signed('GET', 'openOrders')).length, 4, 'nothing is cancelled yet');
  await page.click('#ask-yes');
  await until(async () => eq((await carol.signed('GET', 'openOrders')).map((one) => one.symbol), ['BNBUSDT'], 'open orders'), 'those of the symbol');
  await page.uncheck('#this-symbol');
  await page.click('#cancel-all');
  await page.click('#ask-yes');
  await accountIsTrue(page, carol, 'none is left');
});

check('refusals are told in the exchange’s words', async () => {
  page.refusals = heard.rough = true;
  await order(page, 'LIMIT', 'BUY', { price: '50000', amount: '9000' });
  assert.match(await send(page), /insufficient balance.*-2010/);
  await order(page, 'LIMIT', 'BUY', { price: '50000.001', amount: '1' });
  assert.match(await send(page), /multiples of 0\.01/);
  page.refusals = heard.rough = false;
});

// ---- what a hasty hand or a slow exchange must not do ----

let trader, posts = 0; // a page of its own, and the orders it has sent

const admin = (method, path, body) => fetch(`${facts.admin}/admin/v1/symbols${path}`, { method, headers: { Authorization: `Bearer ${facts.token}` }, body: JSON.stringify(body) });

// Lets pass what it holds up, once that is asked for.
async function heldUp(there, url) {
  let release;
  const free = new Promise((done) => release = done);
  await there.route(url, async (route) => {
    await free;
    await route.continue();
  });
  return async () => {
    release();
    await there.unroute(url, { behavior: 'wait' });
  };
}

check('one action is one order, however it is made', async () => {
  await carol.tidy();
  trader = await open();
  trader.on('request', (request) => (posts += request.method() === 'POST'));
  await sign(trader, facts.carol);
  const placed = async (act, what) => {
    await order(trader, 'LIMIT', 'BUY', { price: '50000', amount: '0.01', tif: 'GTC' });
    const before = posts;
    await act();
    await until(async () => assert.match(await said(trader), /is placed/), what);
    eq([posts - before, await trader.inputValue('#amount')], [1, ''], `${what}: orders sent, and the amount`);
  };
  await placed(() => trader.dblclick('#submit'), 'a double click');
  await placed(async () => {
    await trader.focus('#amount');
    for (let i = 0; i < 6; i++) {
      await trader.keyboard.down('Enter');
    }
    await trader.keyboard.up('Enter');
  }, 'Enter that is held');
  await placed(() => trader.evaluate(() => [1, 2, 3].forEach(() => document.querySelector('#ticket').requestSubmit())), 'three before the answer');
  eq((await carol.signed('GET', 'openOrders')).length, 3, 'orders');
  await accountIsTrue(trader, carol, 'three orders');
  await carol.tidy();
});

check('an amount of one asset never becomes one of the other', async () => {
  await alice.limit('SELL', '62000', '0.1'); // so that there is one
  for (const leave of [() => trader.check('#ticket input[value=LIMIT]', { force: true }), () => trader.locator('#asks [data-price]').first().click()]) {
    await order(trader, 'MARKET', 'BUY', { unit: 'quote', amount: '5' });
    await leave();
    eq([await trader.inputValue('#amount'), await trader.inputValue('#amount-unit'), await trader.isChecked('#ticket input[value=LIMIT]')], ['', 'base', true], 'the ticket');
  }
  await order(trader, 'MARKET', 'BUY', { unit: 'base', amount: '0.02' });
  await trader.locator('#asks [data-price]').first().click();
  eq(await trader.inputValue('#amount'), '0.02', 'what was one of it already stays');
});

check('cancelling works while the account is active, and the list stays where it is', async () => {
  await carol.tidy();
  const first = await carol.limit('BUY', '50000', '0.01');
  await accountIsTrue(trader, carol, 'one order');
  const button = await trader.locator('#page-orders tbody button').boundingBox();
  await trader.mouse.move(button.x + 5, button.y + 5);
  await trader.mouse.down();
  await carol.limit('BUY', '50001', '0.01');
  await until(async () => eq(await text(trader, '#tabs .count'), '2', 'the count'), 'it is known');
  await trader.mouse.up();
  await until(async () => eq((await carol.signed('GET', 'openOrders')).map((one) => one.price), ['50001.00000000'], 'open orders'), 'the click counts');
  for (let i = 0; i < 20; i++) {
    await carol.limit('BUY', String(50002 + i), '0.001');
  }
  await accountIsTrue(trader, carol, 'many orders');
  const [oldest] = await carol.signed('GET', 'openOrders'), at = `tr[data-key="${SYMBOL} ${oldest.orderId}"]`;
  assert.notEqual(oldest.orderId, first.orderId);
  await trader.focus(`${at} button`);
  await trader.evaluate(() => { document.querySelector('#page-orders').scrollTop = 60; });
  const newest = await carol.limit('BUY', '51000', '0.001');
  await trader.waitForSelector(`tr[data-key="${SYMBOL} ${newest.orderId}"]`, { state: 'attached' });
  eq(await trader.evaluate(() => document.activeElement.closest('tr').dataset.key), `${SYMBOL} ${oldest.orderId}`, 'the keyboard');
  const scrolled = await trader.evaluate(() => document.querySelector('#page-orders').scrollTop);
  assert.ok(scrolled > 0 && scrolled < 200, `scrolled to ${scrolled}`);
  await carol.tidy();
});

check('an answer that comes late is told with its own symbol, and leaves the next order alone', async () => {
  await order(trader, 'LIMIT', 'BUY', { price: '50000', amount: '0.01' });
  const release = await heldUp(trader, '**/api/v3/order');
  await trader.click('#submit');
  await trader.click('[data-symbol=ETHBTC]');
  await trader.fill('#amount', '7');
  await release();
  await until(async () => assert.match(await said(trader), /^BTCUSDT: Order \d+ is placed\.$/), 'the answer');
  eq(await trader.inputValue('#amount'), '7', 'what was typed meanwhile');
  await carol.tidy();
});

check('totals have the decimals of their market', async () => {
  await order(trader, 'LIMIT', 'BUY', { price: '0.05', amount: '0.013' });
  await until(async () => eq(await text(trader, '#total'), '0.00065 BTC', 'the total'), 'the estimate');
  await trader.click('[data-symbol=BTCUSDT]');
  await trader.waitForSelector('#ladder[data-ready=true]');
});

check('all of a balance is an order that the exchange takes, also through a deep book', async () => {
  const free = async (asset) => atoms((await carol.signed('GET', 'account')).balances.find((one) => one.asset === asset).free);
  for (const maker of [alice, bob, dave]) {
    await maker.tidy();
  }
  await dave.limit('SELL', '60000', '0.1');
  await dave.limit('SELL', '61000', '1');
  await carol.limit('BUY', '1000', String((await free('USDT')) / 100000000000n - 9n)); // all but 9,000 and some
  await ladderIsTrue(trader, 'offers');
  await accountIsTrue(trader, carol, 'little is free');
  await order(trader, 'MARKET', 'BUY', { unit: 'base' });
  await trader.click('[data-part="100"]');
  assert.match(await send(trader), /^Bought 0\.1[4-6]\d\d\d BTC/);
  assert.ok(await free('USDT') < 100000000n, 'next to nothing is left');
  await carol.tidy();
  await accountIsTrue(trader, carol, 'all is free');
  await order(trader, 'LIMIT', 'BUY', { price: '50000' });
  await trader.click('[data-part="100"]');
  for (const price of ['40000', '45000']) {
    await trader.fill('#price', price);
    eq(parse(await trader.inputValue('#amount')), (await free('USDT')) * 100000000n / parse(price) / 1000n * 1000n, `at ${price}`);
  }
  await trader.check('#ticket input[value=SELL]', { force: true });
  eq(parse(await trader.inputValue('#amount')), (await free('BTC')) / 1000n * 1000n, 'all of the BTC');
  const stranger = await open();
  await stranger.click('[data-part="50"]');
  eq([await stranger.inputValue('#amount'), await stranger.inputValue('#part'), await said(stranger)], ['', '0', 'Enter keys to use a part of the balance.'], 'without keys');
  await stranger.close();
});

check('what is typed is sent as a number, and what is none is told', async () => {
  await order(trader, 'LIMIT', 'BUY', { price: '50,000.50', amount: '.01', tif: 'GTC' });
  assert.match(await send(trader), /is placed/);
  eq((await carol.signed('GET', 'openOrders')).map((one) => [one.price, one.origQty]), [['50000.50000000', '0.01000000']], 'the order');
  await carol.tidy();
  for (const [amount, told] of [['', /^Enter an amount\.$/], ['0,5', /decimal point and no commas/]]) {
    await order(trader, 'LIMIT', 'BUY', { amount });
    assert.match(await send(trader), told);
  }
});

check('a refusal is seen where the order was made, also on small screens', async () => {
  trader.refusals = heard.rough = true;
  await trader.click('[data-symbol=BTCUSDT]');
  for (const [width, height] of [[1366, 768], [1280, 720]]) {
    await trader.setViewportSize({ width, height });
    await order(trader, 'OCO', 'SELL', { price: '61000', stop: '58000', stopLimit: '57900', amount: '9000' });
    assert.match(await send(trader), /-2010/);
    await picture(trader, `oco-${width}`);
    assert.ok(await trader.evaluate(() => {
      const told = document.querySelector('#ticket-said').getBoundingClientRect(), around = document.querySelector('.ticket').getBoundingClientRect();
      return told.height > 0 && told.top >= around.top && told.bottom <= Math.min(around.bottom, innerHeight);
    }), `${width} x ${height}`);
  }
  await trader.setViewportSize({ width: 1440, height: 900 });
  trader.refusals = heard.rough = false;
});

check('the fills of one order are one piece of news', async () => {
  for (const maker of [alice, bob, dave]) {
    await maker.tidy();
  }
  for (const price of ['60000', '60001', '60002']) {
    await dave.limit('SELL', price, '0.01');
  }
  const { orderId } = await carol.limit('BUY', '60002', '0.03', { timeInForce: 'IOC' });
  await until(async () => eq(await trader.$$eval(`#news [data-about="${SYMBOL} ${orderId}"]`, (all) => all.map((one) => one.textContent)),
    ['Bought 0.03 BTCUSDT at 60001; the order is filled'], 'news'), 'its news');
});

check('after a search with Enter keys mean orders again', async () => {
  await trader.fill('#search', 'ethu');
  await trader.press('#search', 'Enter');
  eq(await trader.inputValue('#search'), '', 'the search');
  await until(async () => eq(await text(trader, '.market-name'), 'ETH/USDT', 'the symbol'), 'what was found');
  await trader.keyboard.press('s');
  eq(await trader.evaluate(() => document.activeElement.value), 'SELL', 'the side');
});

check('a halt and its end are known at once', async () => {
  const there = await open({ path: '/#ETHUSDT', before: (it) => it.addInitScript(() => {
    const { setInterval: original } = window;
    window.setInterval = (act, ms) => ms < 60000 && original(act, ms); // it does not learn by waiting for a minute
  }) });
  await sign(there, facts.carol);
  await order(there, 'LIMIT', 'BUY', { price: '2000', amount: '0.1' });
  await admin('PUT', '/ETHUSDT/status', { status: 'HALT' });
  there.refusals = heard.rough = true;
  assert.match(await send(there), /Market is closed/);
  there.refusals = heard.rough = false;
  await until(async () => eq(await text(there, '#submit'), 'ETHUSDT is not trading (HALT)', 'the button'), 'the halt');
  await until(async () => eq(await text(there, '[data-symbol=ETHUSDT] .change'), 'halted', 'its mark'), 'the list');
  let sent = 0;
  there.on('request', (request) => (sent += request.method() === 'POST'));
  await there.click('#submit', { force: true }); // it says that it is disabled
  await until(async () => eq(await said(there), 'ETHUSDT is not trading (HALT).', 'what it says'), 'the answer');
  eq(sent, 0, 'orders that were sent to it');
  await accessible(there, 'halted');
  await picture(there, 'halted');
  await admin('PUT', '/ETHUSDT/status', { status: 'TRADING' });
  await until(async () => eq(await text(there, '#submit'), 'Buy ETH', 'the button'), 'the end of it');
  assert.doesNotMatch(await text(there, '[data-symbol=ETHUSDT] .change'), /halted/);
  await there.close();
});

check('who goes through the symbols asks only for what is looked at, and little', async () => {
  const asked = [], of = (path, symbol) => asked.filter(({ pathname, searchParams: params }) => pathname.endsWith(path) && params.get('symbol') === symbol && !params.has('endTime'));
  await trader.click('[data-symbol=BTCUSDT]');
  await trader.waitForSelector('#ladder[data-ready=true]');
  await until(async () => eq(await trader.getAttribute('#chart', 'data-ready'), 'true', 'the chart'), 'BTCUSDT');
  trader.on('request', (request) => asked.push(new URL(request.url())));
  await trader.evaluate(() => ['ETHBTC', 'BNBUSDT', 'ETHUSDT', 'ETHBTC', 'BNBUSDT'].forEach((one) => document.querySelector(`[data-symbol=${one}]`).click()));
  await until(async () => eq([await text(trader, '.market-name'), await trader.getAttribute('#ladder', 'data-ready'), of('klines', 'BNBUSDT').length], ['BNB/USDT', 'true', 1], 'the last one'), 'it is loaded');
  eq([of('depth', 'ETHUSDT').length, of('allOrders', 'ETHUSDT').length, of('depth', 'BNBUSDT').map((url) => url.searchParams.get('limit'))], [0, 0, ['1000']], 'what was asked');
  await trader.click('[data-symbol=BTCUSDT]');
  await until(async () => eq([await trader.getAttribute('#ladder', 'data-ready'), of('klines', 'BTCUSDT').length], ['true', 1], 'back'), 'it is loaded again');
  eq(of('allOrders', 'BTCUSDT').length, 0, 'its past is known');
  await ladderIsTrue(trader, 'back');
});

check('an exchange that was asked too much is left alone for as long as it says', async () => {
  const refuse = (seconds) => (route) => route.fulfill({ status: 429, headers: { 'Retry-After': String(seconds) }, json: { code: -1003, msg: 'Too much request weight used.' } });
  const there = await open();
  await sign(there, facts.carol);
  let gets = 0;
  there.on('request', (request) => (gets += request.method() === 'GET' && request.url().includes('/api/')));
  there.refusals = heard.rough = true;
  await there.route('**/api/v3/trades?*', refuse(1));
  await there.click('[data-symbol=BNBUSDT]');
  await until(async () => assert.match(await text(there, '#banner'), /asked too much: it answers again in 1 s/), 'the banner');
  await there.unroute('**/api/v3/trades?*');
  await there.click('[data-symbol=BTCUSDT]');
  await tapeIsTrue(there, 'the trades come all the same');
  await until(async () => assert.ok(await there.isHidden('#banner')), 'the banner goes');
  await there.route('**/api/v3/klines?*', refuse(3600));
  await there.click('#intervals button:text-is("5m")');
  await until(async () => assert.match(await text(there, '#banner'), /asked too much: it answers again in 3\d\d\d s/), 'the banner again');
  await picture(there, 'asked-too-much');
  const before = gets;
  await there.click('[data-symbol=ETHUSDT]');
  await there.click('[data-symbol=BTCUSDT]');
  await order(there, 'LIMIT', 'BUY', { price: '50000', amount: '0.01', tif: 'GTC' });
  assert.match(await send(there), /is placed/);
  eq(gets, before, 'nothing is asked, and an order goes');
  await there.close();
  heard.rough = false;
  await carol.tidy();
});

check('a clock that is put back is no end: it is set again', async () => {
  const there = await open({ before: (it) => it.addInitScript(() => {
    const { now } = Date;
    window.backMs = 0;
    Date.now = () => now() - window.backMs;
  }) });
  await sign(there, facts.carol);
  there.refusals = heard.rough = true;
  await there.evaluate(() => { window.backMs = 20000; });
  await order(there, 'LIMIT', 'BUY', { price: '50000', amount: '0.01' });
  assert.match(await send(there), /is placed/);
  await there.evaluate(() => { window.backMs = 40000; });
  way.cut();
  way.open();
  await carol.tidy();
  await until(async () => eq(await there.getAttribute('#connection', 'data-state'), 'live', 'the state'), 'it is back');
  await accountIsTrue(there, carol, 'after it');
  await there.close();
  heard.rough = false;
});

check('what was not answered at first is asked for again', async () => {
  heard.rough = true;
  const asked = {}, fails = (name) => (route) => ((asked[name] = (asked[name] ?? 0) + 1) > 1 ? route.continue() : route.abort());
  const there = await open({ before: async (it) => {
    await it.route('**/api/v3/exchangeInfo', (route) => ((asked.info = (asked.info ?? 0) + 1) > 1 ? route.continue() : route.fulfill({ json: { symbols: [] } })));
    for (const name of ['trades', 'klines', 'ticker/24hr']) {
      await it.route(new RegExp(`/api/v3/${name}(\\?|$)`), fails(name));
    }
  } });
  await tapeIsTrue(there, 'the trades');
  await until(async () => eq([await there.getAttribute('#chart', 'data-ready'), asked.info > 1, asked['ticker/24hr'] > 1], ['true', true, true], 'the rest'), 'the rest');
  assert.ok(await there.isHidden('#banner'));
  await there.close();
  await trader.close();
  heard.rough = false;
});

check('after its connections were cut the page is whole again', async () => {
  await order(page, 'LIMIT', 'SELL', { price: '60500', amount: '0.02' });
  await send(page);
  await page.click('#intervals button:text-is("1s")');
  const away = async (side, price) => (await carol.limit(side, price, '0.01')).orderId; // by another way than the page
  let last = await away('BUY', '51000');
  for (let round = 0; round < 3; round++) {
    heard.rough = true;
    way.cut();
    await until(async () => eq(await page.getAttribute('#connection', 'data-state'), 'lost', 'the state'), 'it says so');
    for (let i = 0; i < 4; i++) { // so that whole candles fall into it
      await stir(5, 60000 + 7 * round);
      await bob.market('BUY', '0.001');
      await new Promise((done) => setTimeout(done, 700));
    }
    await carol.signed('DELETE', 'order', { symbol: SYMBOL, orderId: last });
    last = await away('BUY', String(51001 + round));
    await away('BUY', '70000'); // fills
    way.open();
    await until(async () => eq(await page.getAttribute('#connection', 'data-state'), 'live', 'the state'), 'it is back');
    await ladderIsTrue(page, `the ladder, round ${round}`);
    await tapeIsTrue(page, `the trades, round ${round}`);
    await bob.market('BUY', '0.001');
    await candleIsTrue(page, 1000, `the candles, round ${round}`);
    await accountIsTrue(page, carol, `the account, round ${round}`);
    heard.rough = false;
  }
  await page.click('#intervals button:text-is("1m")');
  await stir(20);
  await ladderIsTrue(page, 'and goes on');
  await accountIsTrue(page, carol, 'and goes on');
});

check('an account that REST did not answer for is asked for again', async () => {
  heard.rough = true;
  let asked = 0;
  await page.route('**/api/v3/openOrders?*', (route) => (asked++ ? route.continue() : route.abort()));
  way.cut();
  way.open();
  await until(async () => assert.ok(asked > 1, `asked ${asked} times`), 'it asks again');
  await page.unroute('**/api/v3/openOrders?*');
  await carol.limit('BUY', '51010', '0.01');
  await accountIsTrue(page, carol, 'the account');
  heard.rough = false;
});

check('a way that goes dead without a word is given up', async () => {
  const quiet = await open({ before: (it) => it.addInitScript(() => {
    const { setTimeout: original } = window;
    window.setTimeout = (act, ms, ...more) => original(act, ms >= 5000 ? ms / 20 : ms, ...more); // the pulse, quicker
  }) });
  await way.sockets.forEach((one) => one.pause()); // nobody reads, nobody is told
  heard.rough = true;
  await until(async () => eq(await quiet.getAttribute('#connection', 'data-state'), 'lost', 'the state'), 'it notices');
  way.sockets.forEach((one) => one.destroy());
  await until(async () => eq(await quiet.getAttribute('#connection', 'data-state'), 'live', 'the state'), 'it is back');
  await stir(10);
  await ladderIsTrue(quiet, 'after it');
  heard.rough = false;
  await quiet.close();
});

check('an event that is lost is a gap, and the book begins again', async () => {
  let lose = 0, lost = 0, snapshots = 0;
  const other = await open({ before: async (it) => {
    it.on('request', (request) => (snapshots += request.url().includes('/depth?')));
    await it.routeWebSocket(/\/stream/, (ws) => {
      const server = ws.connectToServer();
      server.onMessage((message) => {
        if (lose > 0 && String(message).includes('depthUpdate')) {
          lose--;
          lost++;
        } else {
          ws.send(message);
        }
      });
    });
  } });
  for (let round = 1; round <= 3; round++) {
    lose = 1;
    await until(async () => {
      await stir(3);
      eq([lost, snapshots > round], [round, true], 'lost events and snapshots');
    }, 'a gap');
    await stir(5);
    await ladderIsTrue(other, `round ${round}`);
  }
  await other.close();
});

check('another symbol is another book, and the first comes back whole', async () => {
  await page.click('[data-symbol=ETHUSDT]');
  await until(async () => eq(await text(page, '.market-name'), 'ETH/USDT', 'the name'), 'the symbol');
  await stir(10);
  await page.click('[data-symbol=BTCUSDT]');
  await page.waitForSelector('#ladder[data-ready=true]');
  await stir(10);
  await ladderIsTrue(page, 'back');
  await tapeIsTrue(page, 'back');
});

check('a symbol that is listed while the page is open is there when it trades, and another tick size counts', async () => {
  await page.click('[data-symbol=ETHUSDT]');
  eq(await page.locator('#grouping option').first().textContent(), '0.01', 'the tick before');
  await admin('PUT', '/ETHUSDT', { filters: [{ filterType: 'PRICE_FILTER', tickSize: '0.1' }] });
  await admin('POST', '', { symbol: 'BTCETH', baseAsset: 'BTC', quoteAsset: 'ETH', tickSize: '0.01', stepSize: '0.00001' });
  await page.fill('#search', 'eth');
  for (const [who, side] of [[alice, 'BUY'], [bob, 'SELL']]) {
    await who.signed('POST', 'order', { symbol: 'BTCETH', side, type: 'LIMIT', timeInForce: 'GTC', price: '20', quantity: '0.5' });
  }
  await until(async () => eq(await page.$$eval('#symbols li:not([hidden]) .last', (all) => all.at(-1).textContent), '20.00', 'its price'), 'its row');
  eq(await page.$$eval('#symbols button', (rows) => rows.at(-1).dataset.symbol), 'BTCETH', 'at the end');
  await page.fill('#search', '');
  eq((await page.$$('#symbols [data-symbol=BTCETH]')).length, 1, 'once');
  eq(await page.locator('#grouping option').first().textContent(), '0.1', 'the tick after');
  await page.click('[data-symbol=BTCUSDT]');
  await page.waitForSelector('#ladder[data-ready=true]');
});

// ---- what is seen: layout, the chart's lines and words, what is said of a connection ----

const list = (body) => fetch(`${facts.admin}/admin/v1/symbols`, { method: 'POST', headers: { Authorization: `Bearer ${facts.token}` }, body: JSON.stringify(body) });
const QUARTERS = 'BNBETH'; // its ticks are quarters, and nobody but these checks trades it
const quarter = (who, side, price, quantity = '1') => who.signed('POST', 'order', { symbol: QUARTERS, side, type: 'LIMIT', timeInForce: 'GTC', price, quantity });

check('a trade, a market and the spread have one line each, and nothing of them is cut, however wide the window', async () => {
  const wide = await open(), widths = [1260, 1366, 1440, 1920];
  await until(async () => assert.match(await text(wide, '#spread'), /Spread/), 'a spread');
  for (const width of widths) {
    await wide.setViewportSize({ width, height: 900 });
    const found = await wide.evaluate(() => {
      const rows = [...document.querySelectorAll('#tape [role=row], .spread [role=row]')].filter((row) => row.offsetHeight !== parseFloat(getComputedStyle(row).lineHeight));
      const cut = [...document.querySelectorAll('#symbols span, #tape span, .spread span')].filter((cell) => {
        const { left, right } = cell.getBoundingClientRect(), panel = cell.closest('.panel').getBoundingClientRect();
        return cell.scrollWidth > Math.ceil(right - left) || left < panel.left || right > panel.right - 8;
      });
      return [...rows, ...cut].map((one) => one.textContent);
    });
    eq(found, [], `${width} wide`);
  }
  await wide.setViewportSize({ width: 1440, height: 900 });
  eq(await wide.$$eval('#intervals button', (all) => new Set(all.map((one) => one.offsetTop)).size), 1, 'lines of intervals');
  await wide.close();
});

check('groups are written in plain digits, and another symbol’s last price does not stay', async () => {
  await list({ symbol: QUARTERS, baseAsset: 'BNB', quoteAsset: 'ETH', tickSize: '0.25', stepSize: '0.00001' });
  const other = await open({ path: `/#${SYMBOL}` });
  await until(async () => assert.match(await text(other, '#ladder-last'), /\d/), 'a last price');
  await other.click(`[data-symbol=${QUARTERS}]`);
  eq([await text(other, '#ladder-last'), await other.getAttribute('#ladder-last', 'class')], ['–', ''], 'the last price');
  eq(await other.locator('#grouping option').allTextContents(), ['0.25', '2.5', '25', '250', '2500'], 'groups');
  await other.close();
});

check('the last price has the arrow and the colour of its way, whoever bought', async () => {
  const other = await open({ path: `/#${QUARTERS}` });
  const last = (words, colour) => until(async () => eq([await text(other, '#ladder-last'), await other.getAttribute('#ladder-last', 'class')], [words, colour], 'the last price'), words);
  for (const [price, words, colour] of [['10', '▼ 10.00', 'down'], ['10.25', '▲ 10.25', 'up'], ['10.25', '▲ 10.25', 'up'], ['10', '▼ 10.00', 'down']]) {
    await quarter(alice, 'BUY', price);
    await quarter(bob, 'SELL', price);
    await last(words, colour);
  }
  await other.close();
});

// A page that notes every text that is drawn on a canvas.
const drawing = (options) => open({ ...options, before: (it) => it.addInitScript(() => {
  const { fillText } = CanvasRenderingContext2D.prototype;
  window.drawn = [];
  CanvasRenderingContext2D.prototype.fillText = function noted(words, ...more) {
    window.drawn.push(String(words));
    return fillText.call(this, words, ...more);
  };
}) });

// How many points of the price axis have a colour of the theme.
const onAxis = (page, name) => page.evaluate((wanted) => {
  const probe = Object.assign(document.createElement('canvas'), { width: 200, height: 2000 }), pen = probe.getContext('2d', { willReadFrequently: true });
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(wanted);
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
  return [...document.querySelectorAll('#chart td:last-child canvas')].filter(({ width, height }) => width && height).reduce((sum, axis) => {
    pen.clearRect(0, 0, probe.width, probe.height);
    pen.drawImage(axis, 0, 0);
    const { data } = pen.getImageData(0, 0, probe.width, probe.height);
    for (let i = 0; i < data.length; i += 4) {
      sum += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
    }
    return sum;
  }, 0);
}, name);

check('the last price is seen on the chart while candles rise and while they fall', async () => {
  const other = await open({ path: `/#${QUARTERS}` });
  await other.click('#intervals button:text-is("1M")'); // a candle that does not end meanwhile
  for (const [price, seen, unseen] of [['12', '--buy', '--sell'], ['9', '--sell', '--buy']]) {
    await quarter(alice, 'BUY', price);
    await quarter(bob, 'SELL', price);
    await until(async () => {
      const [points, others] = [await onAxis(other, seen), await onAxis(other, unseen)];
      assert.ok(points > 100 && !others, `${points} points of ${seen}, ${others} of ${unseen}`);
    }, `at ${price}`);
  }
  await other.close();
});

check('open orders of the symbol are lines on the chart, with side and what is left, until they end', async () => {
  const other = await drawing({ path: `/#${QUARTERS}` });
  await sign(other, facts.carol);
  // What a drawing of the whole chart holds of orders.
  const lines = async () => {
    await other.evaluate(() => (window.drawn = []));
    await other.mouse.move(600 + chance(100), 200 + chance(100));
    await until(async () => assert.ok(await other.evaluate(() => window.drawn.length)), 'a drawing');
    return other.evaluate(() => [...new Set(window.drawn.filter((words) => /[▲▼] (Stop )?(buy|sell)/i.test(words)))].sort());
  };
  const shown = (wanted, what) => until(async () => eq(await lines(), wanted.sort(), 'lines'), what);
  await carol.tidy();
  const { orderId } = await quarter(carol, 'BUY', '8', '3');
  await carol.limit('BUY', '50000', '0.01'); // of another symbol
  await shown(['▲ Buy 3'], 'one');
  await carol.signed('POST', 'order', { symbol: QUARTERS, side: 'SELL', type: 'STOP_LOSS_LIMIT', timeInForce: 'GTC', price: '6', stopPrice: '7', quantity: '1' });
  await shown(['▲ Buy 3', '▼ Stop sell 1'], 'two');
  await quarter(bob, 'SELL', '8', '1');
  await shown(['▲ Buy 2', '▼ Stop sell 1'], 'a part is filled');
  await carol.signed('DELETE', 'order', { symbol: QUARTERS, orderId });
  await shown(['▼ Stop sell 1'], 'one is cancelled');
  await other.click(`[data-symbol=${SYMBOL}]`);
  await shown(['▲ Buy 0.01'], 'another symbol');
  await carol.signed('DELETE', 'openOrders', { symbol: QUARTERS });
  await carol.tidy();
  await shown([], 'none is left');
  await other.close();
});

check('while the connection is lost, what is old is dimmed and a banner says so', async () => {
  heard.rough = true;
  const dimmed = () => page.$$eval('.market, #tape, #chart', (all) => all.map((one) => Number(getComputedStyle(one).opacity) < 1));
  way.cut();
  await until(async () => eq(await dimmed(), [true, true, true], 'dimmed'), 'it is dimmed');
  await until(async () => assert.ok(await page.isVisible('#stale')), 'the banner');
  assert.match(await text(page, '#stale'), /since \d\d:\d\d:\d\d/);
  way.open();
  await until(async () => eq([await page.isVisible('#stale'), ...(await dimmed())], [false, false, false, false], 'as before'), 'it is back');
  heard.rough = false;
});

// REST's candles of minutes as if there were very many; `refuse(params)`: which are not answered.
const manyCandles = (refuse) => async (it) => it.route('**/api/v3/klines?*', (route) => {
  const params = new URL(route.request().url()).searchParams, end = Math.floor(Number(params.get('endTime') ?? Date.now()) / 60000);
  return refuse(params) ? route.fulfill({ status: 429, headers: { 'retry-after': '1' }, contentType: 'application/json', body: '{"code":-1003,"msg":"Too much."}' })
    : route.fulfill({ contentType: 'application/json', body: JSON.stringify(Array.from({ length: 500 }, (_, i) => [(end - 499 + i) * 60000, '10', '12', '9', '11', '5'])) });
});

check('candles that were refused are asked for again, at the beginning and when scrolled for, and the page says so', async () => {
  heard.rough = true;
  let refused = true, asked = [];
  const other = await open({ before: manyCandles((params) => {
    asked.push(params.get('endTime'));
    return refused;
  }) });
  other.refusals = true;
  await until(async () => assert.match(await text(other, '#legend'), /do not come: Too much/), 'the words');
  refused = false;
  await until(async () => assert.match(await text(other, '#legend'), /^O 10\.00 .* V 5/), 'the candles');
  const older = async (times) => {
    asked = [];
    await until(async () => {
      await other.mouse.move(500, 300);
      await other.mouse.wheel(-2000, 0);
      assert.ok(asked.filter(Boolean).length >= times, `asked ${asked}`);
    }, 'older ones are asked for');
  };
  refused = true;
  await older(1);
  const [first] = asked.filter(Boolean);
  refused = false;
  await older(1);
  eq(asked.filter(Boolean)[0], first, 'the same ones again');
  await older(2);
  assert.ok(asked.filter(Boolean).every((end) => Number(end) < Number(first)), `older ones than ${first}: ${asked}`);
  await other.close();
  heard.rough = false;
});

check('all can be done by keyboard', async () => {
  await carol.tidy();
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('/');
  await page.keyboard.type('btcu');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('s');
  eq(await page.evaluate(() => document.activeElement.value), 'SELL', 'the side');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowLeft'); // to the first of the types, whichever it was
  const names = new Set(), reach = async (id) => {
    for (let i = 0; i < 80; i++) {
      names.add(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent));
      if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) {
        return;
      }
      await page.keyboard.press('Tab');
    }
    assert.fail(`${id} is not reached: ${[...names]}`);
  };
  await page.check('#ticket input[value=LIMIT]', { force: true });
  await page.focus('#price');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('65000');
  await page.keyboard.press('ArrowUp');
  eq(await page.inputValue('#price'), '65000.01', 'a tick more');
  await reach('amount');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('0.01');
  await reach('submit');
  await page.keyboard.press('Enter');
  await until(async () => assert.match(await said(page), /is placed/), 'the order');
  await reach('tab-orders');
  await page.keyboard.press('ArrowRight');
  eq(await page.evaluate(() => document.activeElement.id), 'tab-history', 'the next tab');
  await page.keyboard.press('ArrowLeft');
  await until(async () => eq((await page.$$('#page-orders tbody tr')).length, 1, 'open orders'), 'its row');
  await page.focus('#page-orders tbody button');
  await page.keyboard.press('Enter');
  await until(async () => eq((await page.$$('#page-orders tbody tr')).length, 0, 'open orders'), 'cancelled');
});

check('axe finds nothing serious, in dark and light, with orders and without, on a phone', async () => {
  await order(page, 'OCO', 'SELL', { price: '66000', stop: '55000', stopLimit: '54000', amount: '0.01' });
  await send(page);
  for (const theme of ['dark', 'light']) {
    for (const tab of ['orders', 'history', 'trades', 'balances']) {
      await page.click(`#tab-${tab}`);
      await accessible(page, `${theme}, ${tab}`);
    }
    await page.click('#tab-orders');
    await picture(page, theme);
    await page.click('#theme');
  }
  await page.click('#cancel-all');
  await accessible(page, 'the question');
  await picture(page, 'question');
  await page.click('#ask-yes');
  const fresh = await open({ colorScheme: 'light' });
  await fresh.click('#keys-open');
  await accessible(fresh, 'the dialog');
  await fresh.close();
});

check('a phone shows all of it, a part at a time, without scrolling sideways', async () => {
  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await sign(phone, facts.carol);
  for (const [view, wanted] of [['markets', '#symbols'], ['chart', '#chart'], ['book', '#depth'], ['ticket', '#submit'], ['account', '#tabs']]) {
    await phone.tap(`.views [data-view=${view}]`);
    assert.ok(await phone.isVisible(wanted), view);
    await fitsIn(phone, view);
    await accessible(phone, `a phone, ${view}`);
    await picture(phone, `phone-${view}`);
  }
  await phone.tap('.views [data-view=book]');
  await ladderIsTrue(phone, 'a phone');
  const price = await phone.locator('#bids [data-price]').first().getAttribute('data-price');
  await phone.locator('#bids [data-price]').first().tap();
  assert.ok(await phone.isVisible('#submit'), 'the ticket that a price was taken into');
  eq(await phone.inputValue('#price'), price, 'that price');
  await phone.close();
});

check('on a phone an order is a card: nothing of it is off the screen, each figure has its name, and no field makes the screen zoom', async () => {
  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await sign(phone, facts.carol);
  await carol.limit('BUY', '50000', '0.01');
  await phone.tap('.views [data-view=account]');
  for (const [tab, names] of [['orders', ['Price', 'Stop', 'Amount', 'Filled', 'State']], ['history', ['Price', 'Stop', 'Amount', 'Filled', 'Average']], ['trades', ['Price', 'Amount', 'Total', 'Fee']]]) {
    await phone.tap(`#tab-${tab}`);
    await phone.waitForSelector(`#page-${tab} tbody tr`);
    const { outside, over, named } = await phone.evaluate((id) => {
      const row = document.querySelector(`#${id} tbody tr`), cells = [...row.children].map((cell) => [cell, cell.getBoundingClientRect()]);
      return { outside: cells.filter(([, box]) => box.left < 0 || box.right > innerWidth).map(([cell]) => cell.textContent),
        over: cells.flatMap(([one, a]) => cells.filter(([two, b]) => one !== two && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1).map(([two]) => `${one.textContent} on ${two.textContent}`)),
        named: cells.filter(([cell]) => getComputedStyle(cell, '::before').content !== 'none').map(([cell]) => cell.dataset.name) };
    }, `page-${tab}`);
    eq([outside, over, named], [[], [], names], tab);
    await accessible(phone, `cards: ${tab}`);
    await picture(phone, `phone-${tab}`);
  }
  eq(await phone.$$eval('input, select', (all) => all.filter((one) => parseFloat(getComputedStyle(one).fontSize) < 16).map((one) => one.id || one.name)), [], 'small fields');
  await carol.tidy();
  await phone.close();
});

check('a small window has all of it, too', async () => {
  const small = await open({ viewport: { width: 1024, height: 700 } });
  await sign(small, facts.carol);
  for (const wanted of ['#symbols', '#chart', '#ladder', '#tape', '#submit', '#depth', '#tabs']) {
    await small.locator(wanted).scrollIntoViewIfNeeded();
    assert.ok(await small.isVisible(wanted), wanted);
  }
  await fitsIn(small, 'a small window');
  await accessible(small, 'a small window');
  await small.close();
});

check('where the browser does not sign it says so', async () => {
  const there = await open({ base: way.here.replace('127.0.0.1', 'castle.test') });
  await there.click('#keys-open');
  assert.match(await text(there, '#keys-said'), /HTTPS/);
  assert.ok(await there.isDisabled('#keys-form [type=submit]'));
  await there.close();
});

check('without charts in the build it says so, and the rest works', async () => {
  const bare = await open({ before: (it) => it.route('**/web/built.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'export const charts = false;' })) });
  assert.match(await text(bare, '#chart-none'), /npm/);
  await ladderIsTrue(bare, 'the ladder');
  await tapeIsTrue(bare, 'the trades');
  await bare.close();
});

check('when the file of the charts does not come it says so, and the rest works', async () => {
  heard.rough = true;
  const bare = await open({ before: (it) => it.route('**/lightweight-charts.js', (route) => route.abort()) });
  assert.match(await text(bare, '#chart-none'), /did not load/);
  await ladderIsTrue(bare, 'the ladder');
  await bare.close();
  heard.rough = false;
});

check('forgotten keys are gone', async () => {
  await page.click('#keys-open');
  await until(async () => eq(await text(page, '#submit'), 'Enter keys to trade', 'the button'), 'the ticket');
  eq((await page.$$('.pages tbody tr')).length, 0, 'rows');
});

check('no console, no page and no request has said anything wrong', () => eq(heard.wrong, [], 'wrong'));

await run();
await browser.close();
way.end();
process.exit();
