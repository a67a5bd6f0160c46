// operator_session.mjs - the operator's view in a headless Chromium, beside what the admin API and REST say.
//
// Goal: what the view shows is true and becomes true again after a cut, what it says wants attention does, a symbol is halted only when
// that was confirmed, and the token is kept nowhere. Method: traders place orders by REST meanwhile; each check waits until the view shows
// what the admin API says. No bounds on time but deadlines.
import { createHmac } from 'node:crypto';
import assert from 'node:assert/strict';
import { Way, accessible, browser, fitsIn, heard, keptBy, openPage, picture, text, until } from './browser.mjs';
import { check, eq, facts, run } from './checks.mjs';
import { alarms } from '../../../http/web/operator/alarms.js';
import { History } from '../../../http/web/operator/history.js';
import { Metrics, between, grown, quantile, rate, total } from '../../../http/web/operator/metrics.js';
import { balanced } from '../../../http/web/operator/panels.js';

const SYMBOL = 'BTCUSDT';
const way = await Way.to(facts.base);
const open = (options = {}) => openPage({ base: way.here, ready: '#token', ...options });

async function admin(method, path, body) {
  const answer = await fetch(`${facts.base}/admin/v1/${path}`, { method, headers: { Authorization: `Bearer ${facts.token}` }, body: body && JSON.stringify(body) });
  return answer.json();
}

async function signed(who, method, path, params = {}) {
  const query = new URLSearchParams({ ...params, timestamp: Date.now() }).toString();
  const signature = createHmac('sha256', facts[who].secret).update(query).digest('hex');
  const answer = await fetch(`${facts.api}/api/v3/${path}?${query}&signature=${signature}`, { method, headers: { 'X-MBX-APIKEY': facts[who].key } });
  return answer.json();
}

const limit = (who, side, price, quantity = '0.01', symbol = SYMBOL) =>
  signed(who, 'POST', 'order', { symbol, side, type: 'LIMIT', timeInForce: 'GTC', price, quantity });

async function trade(rounds) {
  for (let i = 0; i < rounds; i++) {
    await limit('alice', 'BUY', String(50000 + i));
    await limit('bob', 'SELL', String(50000 + i));
  }
}

async function lookIn(page) {
  await page.fill('#token', facts.token);
  await page.click('#token-form [type=submit]');
  await page.waitForSelector('#view:not([hidden])');
  await until(async () => eq(await page.getAttribute('#connection', 'data-state'), 'live', 'the state'), 'it is live');
  return page;
}

const figure = (page, title) => page.$$eval('#figures div', (all, wanted) => all.find((one) => one.querySelector('dt').textContent === wanted).querySelector('dd').textContent, title);
const count = async (page, title) => Number((await figure(page, title)).replaceAll(',', ''));
const rowsOf = (page, place) => page.$$eval(`${place} tbody tr`, (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
const rowOf = async (page, place, name) => (await rowsOf(page, place)).find(([first]) => first === name);
const said = (found) => found.map((one) => one.text);

// ---- the pure parts, without a browser ----

// Metrics of {name or 'name{labels}': value} on top of what a quiet exchange has.
const QUIET = { process_start_time_seconds: 1, process_open_fds: 40, process_max_fds: 1000, 'castle_lane_capacity{class="order"}': 100,
  'castle_lane_depth{class="order",from="0",to="1"}': 0, 'castle_gateway_slots{core="0"}': 10, 'castle_gateway_slots_busy{core="0"}': 0,
  'castle_core_inputs_total{core="0"}': 0, 'castle_core_no_room_total{core="0"}': 0, castle_journal_batches_total: 5, castle_journal_lag_records: 0 };
const metricsOf = (values, ms) => new Metrics(Object.entries({ ...QUIET, ...values }).map(([name, value]) => `# HELP x y\n${name} ${value}`).join('\n'), ms);
const buckets = (name, labels, counts) => Object.fromEntries(counts.map(([le, below]) => [`${name}_bucket{${labels}le="${le}"}`, below]));

check('metrics are read as they are written', () => {
  const metrics = new Metrics('# TYPE a counter\na 7\na_b{x="1",y="a\\"b,c}"} 0.5\na_b{x="2",y=""} 2e3\nh_bucket{le="1"} 1\nh_bucket{le="5"} 4\nh_bucket{le="+Inf"} 6\n', 0);
  eq([metrics.sum('a'), metrics.sum('a_b'), metrics.sum('a_b', { x: '1' }), metrics.sum('none'), metrics.labels('a_b')], [7, 2000.5, 0.5, 0, { x: '1', y: 'a\\"b,c}' }], 'values');
  eq(metrics.histogram('h'), { bounds: [1, 5, Infinity], counts: [1, 3, 2] }, 'a histogram');
});

check('quantiles are those of the values, rounded up to a bucket', () => {
  const bounds = [1, 2, 5, 10, Infinity];
  let seed = 7;
  const chance = (below) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % below;
  for (let round = 0; round < 500; round++) {
    const values = Array.from({ length: chance(40) + 1 }, () => chance(13) + 1).sort((a, b) => a - b);
    const counts = bounds.map((bound, i) => values.filter((value) => value <= bound && !(i && value <= bounds[i - 1])).length);
    for (const q of [0.5, 0.9, 0.99, 1]) {
      const value = values[Math.ceil(q * values.length) - 1];
      eq(quantile({ bounds, counts }, q), bounds.find((bound) => value <= bound), `${q} of ${values}`);
    }
  }
  eq(quantile({ bounds, counts: [0, 0, 0, 0, 0] }, 0.5), NaN, 'of nothing');
});

check('what happened in a second is the difference, and a time not looked at is a gap', () => {
  const at = (ms, requests, syncs) => metricsOf({ 'castle_http_requests_total{route="r",method="GET",code="200"}': requests,
    'castle_http_requests_total{route="r",method="GET",code="429"}': requests / 10, ...buckets('castle_journal_sync_seconds', '', [['0.001', syncs], ['+Inf', syncs]]) }, ms);
  const history = new History(), [a, b, c, d] = [at(1000, 100, 1), at(3000, 300, 4), at(9000, 1000, 4), at(10000, 1010, 9)];
  eq([rate(b, a, 'castle_http_requests_total'), grown(b, undefined, 'castle_http_requests_total'), total(between(b, a, 'castle_journal_sync_seconds'))], [110, 0, 3], 'between two');
  [a, b, c, d].forEach((one) => history.add(one));
  eq([history.times, history.lines.good, history.lines.limited, history.heat.sync.map(total)], [[3, 9, 10], [100, null, 10], [10, null, 1], [3, 0, 5]], 'the history');
  eq(history.lines.syncHalf, [0.001, null, 0.001], 'half of the syncs');
});

check('each alarm is raised by what it is for, and by nothing else', () => {
  const then = metricsOf({ 'castle_journal_lag_records': 3 }, 0);
  const raised = (values, ms = 60000, before = then) => said(alarms(metricsOf(values, ms), before, before));
  const slow = (name, labels) => buckets(name, labels, [['0.01', 0], ['0.05', 200], ['+Inf', 200]]);
  eq(raised({}), [], 'nothing');
  eq(raised({ castle_journal_lag_records: 3 }, 4000), [], 'records that have waited for a moment');
  eq(raised({ castle_journal_lag_records: 3, castle_journal_batches_total: 6 }), [], 'records that wait, while others are written');
  eq(raised({ 'castle_http_requests_total{code="503"}': 1, 'castle_http_requests_total{code="200"}': 99 }), [], 'a share that is not too much');
  eq(raised({ 'castle_core_no_room_total{core="0"}': 5, 'castle_core_inputs_total{core="0"}': 1 }), [], 'a core that had to wait, and got on');
  for (const [values, words, grave] of [
    [{ castle_low_space: 1 }, /No space/, true], [{ castle_snapshot_diverged: 1 }, /another state/, true], [{ castle_history_failed: 1 }, /history cannot/, true],
    [{ castle_journal_lag_records: 3 }, /disk hangs/, true], [{ 'castle_core_no_room_total{core="0"}': 5 }, /Core 0 does not get on/, true],
    [{ castle_draining: 1 }, /drains/, false], [{ 'castle_http_requests_total{code="503"}': 2, 'castle_http_requests_total{code="200"}': 98 }, /2 % .*503/, false],
    [{ 'castle_http_requests_total{code="500"}': 1 }, /500/, false], [{ 'castle_gateway_slots_busy{core="0"}': 9 }, /slots/, false],
    [{ castle_gateway_refused_total: 1 }, /-1008/, false], [{ 'castle_connections_closed_total{reason="resets"}': 1 }, /resets/, false],
    [{ castle_ws_limited_total: 1 }, /too many WebSockets/, false], [{ 'castle_limit_refused_total{limit="ban"}': 1 }, /banned address/, false],
    [{ castle_journal_durable_lsn: 400, castle_snapshot_lsn: 99, castle_snapshot_records: 100 }, /No snapshot for 301/, false],
    [{ castle_open_orders: 81, castle_open_orders_max: 100 }, /80 % of the open orders/, false], [{ castle_users: 81, castle_users_max: 100 }, /of the users/, false],
    [{ castle_symbols: 81, castle_symbols_max: 100 }, /of the symbols/, false], [{ castle_money_moves: 81, castle_money_moves_max: 100 }, /80 % of the deposits/, false],
    [slow('castle_journal_sync_seconds', ''), /disk is slow.*50 ms/, false],
    [slow('castle_core_turn_seconds', 'core="0",'), /Core 0 is held up.*50 ms/, false], [{ castle_snapshots_failed_total: 1 }, /snapshot could/, false],
    [{ castle_history_reads_failed_total: 1 }, /lookup/, false], [{ castle_ws_slow_closed_total: 1 }, /did not keep up/, false], [{ castle_bans_total: 1 }, /banned/, false],
    [{ 'castle_edge_refused_total{reason="ambiguous"}': 1 }, /ambiguous/, false], [{ castle_connections_refused_total: 1 }, /Connections were refused/, false],
    [{ process_open_fds: 801 }, /files/, false], [{ 'castle_log_lines_total{level="error"}': 1 }, /errors in the log/, false], [{ 'castle_log_lost_total{reason="full"}': 1 }, /were lost/, false],
  ]) {
    const found = alarms(metricsOf(values, 60000), then, then);
    eq([found.length, found[0]?.grave], [1, grave], `${JSON.stringify(values)}: ${said(found)}`);
    assert.match(found[0].text, words);
  }
  const syncs = (fast, slow) => raised(buckets('castle_journal_sync_seconds', '', [['0.01', fast], ['0.05', fast + slow], ['+Inf', fast + slow]]));
  eq([syncs(5, 1), syncs(50, 20), syncs(4, 5), syncs(990, 9)], [[], [], [], []], 'a disk with one slow sync among few');
  assert.match(syncs(20, 30)[0], /disk is slow: every other batch took 50 ms/);
  const lane = { 'castle_lane_depth{class="order",from="0",to="1"}': 76 }, long = metricsOf(lane, 0);
  eq(raised(lane), [], 'a lane that is full for a moment');
  assert.match(raised(lane, 60000, long)[0], /order lane from core 0 to core 1 stays/);
});

check('an audit is added up here once more', () => {
  const row = { deposits: '100.5', withdrawals: '0.5', free: '90', locked: '9', fees: '0.75', inFlight: '0.25' };
  eq([balanced(row), balanced({ ...row, free: '90.00000001' }), balanced({ ...row, inFlight: '-0.25', fees: '1.25' })], [true, false, true], 'sums');
});

// ---- the view ----

let page;

check('without the token nothing is shown, and a wrong one is told so', async () => {
  page = await open();
  eq(await page.isVisible('#view'), false, 'the view');
  page.refusals = heard.rough = true; // a browser puts a refused request into the console
  for (const wrong of ['x'.repeat(64), 'ключ', 'ünicode']) {
    await page.fill('#token', wrong);
    await page.click('#token-form [type=submit]');
    await until(async () => assert.match(await text(page, '#token-said'), /missing or wrong/), `the refusal of ${wrong}`);
  }
  eq(await page.isVisible('#view'), false, 'the view');
  page.refusals = heard.rough = false;
  await accessible(page, 'the question');
  await picture(page, 'operator-token');
});

check('with it the view is live, and the token is in memory only', async () => {
  await trade(5);
  await lookIn(page);
  assert.ok(!(await keptBy(page)).includes(facts.token), 'it is somewhere');
  assert.match(await text(page, '#what'), /\([0-9a-f]+\) on .*, up \d/);
});

check('the figures are what the exchange has', async () => {
  const [users, symbols] = [await admin('GET', 'users'), await admin('GET', 'symbols')];
  await limit('alice', 'BUY', '10000');
  await until(async () => {
    const audit = await admin('GET', 'audit');
    eq([await count(page, 'Users'), await count(page, 'Symbols'), await count(page, 'Open orders'), await count(page, 'Durable LSN'), await count(page, 'Not durable yet')],
      [users.length, symbols.length, audit.openOrders, audit.lsn, 0], 'figures');
  }, 'the figures');
  await signed('alice', 'DELETE', 'openOrders', { symbol: SYMBOL });
});

check('shards and cores are those of the admin API, and their rates move with orders', async () => {
  const { shards, cores } = await admin('GET', 'shards');
  const mine = shards.filter((shard) => shard.symbols.length);
  await until(async () => {
    const shown = await rowsOf(page, '#shards');
    eq(mine.map(({ shard }) => shown.find(([first]) => first === String(shard))?.filter((_, i) => [1, 2, 3, 6].includes(i))),
      mine.map(({ kind, owner, core, symbols }) => [kind, owner, String(core), symbols.join(' ')]), 'those with symbols');
  }, 'shards');
  await page.check('#all-shards');
  eq((await rowsOf(page, '#shards')).map(([first]) => first), shards.map(({ shard }) => String(shard)), 'all of them');
  await page.uncheck('#all-shards');
  eq((await rowsOf(page, '#cores')).map(([first]) => first), cores.map(({ core }) => String(core)), 'cores');
  assert.match((await rowsOf(page, '#cores'))[0].at(-1), /^\d+ of [\d,]+$/, 'a lane');
  const { shard } = mine.find(({ symbols }) => symbols.includes(SYMBOL));
  await until(async () => {
    await trade(3);
    assert.ok(Number((await rowOf(page, '#shards', String(shard)))[5]) > 0, 'inputs a second');
    assert.ok(Number((await rowOf(page, '#symbol-table', SYMBOL))[5]) > 0, 'of the symbol');
    assert.ok(await count(page, 'Records/s') > 0 && await count(page, 'Answers/s') > 0, 'figures');
  }, 'rates');
  const now = await admin('GET', 'shards');
  await until(async () => eq((await rowOf(page, '#shards', String(shard)))[4].replaceAll(',', ''), String(now.shards[shard].inputs), 'inputs'), 'the count');
});

check('orders are on the heat map and among the latencies', async () => {
  await until(async () => {
    await trade(2);
    const row = await rowOf(page, '#latency', 'Orders');
    assert.ok(Number(row[1]) > 0 && /^[\d.]+ (µs|ms|s)$/.test(row[2]), `${row}`);
  }, 'latencies');
  // one column after the other, from top to bottom in one go: what is said of each place
  const cells = () => page.evaluate(() => {
    const over = document.querySelector('#heat .u-over'), { left, top, width, height } = over.getBoundingClientRect(), found = new Set();
    for (let x = width - 2; x > 0; x -= 5) {
      for (let y = 2; y < height; y += height / 30) {
        over.dispatchEvent(new MouseEvent('mousemove', { clientX: left + x, clientY: top + y, bubbles: true }));
        found.add(document.querySelector('#heat-said').textContent);
      }
    }
    return [...found];
  });
  await until(async () => {
    const found = await cells(), some = found.filter((one) => /^\d\d:\d\d:\d\d, .* to .*: [1-9]\d* of [1-9]\d*$/.test(one));
    assert.ok(some.length, `no cell with orders: ${found}`);
    for (const second of new Set(some.map((one) => one.slice(0, 8)))) { // all of a second's orders are in its cells
      const mine = some.filter((one) => one.startsWith(second)).map((one) => one.match(/(\d+) of (\d+)$/).slice(1).map(Number));
      eq(mine.reduce((sum, [count]) => sum + count, 0), mine[0][1], `the cells at ${second}`);
    }
  }, 'cells');
  await page.click('#kinds button:text-is("Journal syncs")');
  eq(await page.getAttribute('#kinds button:text-is("Journal syncs")', 'aria-pressed'), 'true', 'another kind');
  await page.click('#kinds button:text-is("Orders")');
});

check('a symbol is halted when that is confirmed, and only then', async () => {
  const status = async () => (await admin('GET', 'symbols')).find(({ symbol }) => symbol === SYMBOL).status;
  const shown = (wanted) => until(async () => eq((await rowOf(page, '#symbol-table', SYMBOL))[1], wanted, 'the status'), wanted);
  await shown('TRADING');
  for (const leave of [() => page.click('#confirm-no'), () => page.keyboard.press('Escape')]) {
    await page.click(`button[aria-label="Halt ${SYMBOL}"]`);
    assert.match(await text(page, '#confirm-title'), new RegExp(SYMBOL));
    eq(await page.evaluate(() => document.activeElement.id), 'confirm-no', 'what Enter would press');
    await accessible(page, 'the question');
    await leave();
    eq([await page.isVisible('#confirm'), await status()], [false, 'TRADING'], 'nothing has happened');
  }
  for (const [button, wanted, code] of [['Halt', 'HALT', -2010], ['Cancel only', 'CANCEL_ONLY', -2010], ['Resume', 'TRADING', undefined]]) {
    await page.click(`button[aria-label="${button} ${SYMBOL}"]`);
    await page.click('#confirm-yes');
    await until(async () => eq(await text(page, '#symbols-said'), `${SYMBOL} is ${wanted}.`, 'what is said'), 'the answer');
    eq(await status(), wanted, 'the status');
    await shown(wanted);
    eq((await limit('alice', 'BUY', '10000')).code, code, `an order while ${wanted}`);
  }
  await signed('alice', 'DELETE', 'openOrders', { symbol: SYMBOL });
  eq((await rowOf(page, '#symbol-table', 'ETHUSDT'))[1], 'TRADING', 'another symbol');
});

check('what was halted elsewhere is seen, and a refusal is told', async () => {
  await admin('PUT', 'symbols/ETHBTC/status', { status: 'HALT' });
  await until(async () => eq((await rowOf(page, '#symbol-table', 'ETHBTC'))[1], 'HALT', 'the status'), 'halted elsewhere');
  await page.route('**/admin/v1/symbols/ETHBTC/status', (route) => route.fulfill({ status: 409, contentType: 'application/json', body: '{"code":-1130,"msg":"No, it is not."}' }));
  page.refusals = heard.rough = true;
  await page.click('button[aria-label="Resume ETHBTC"]');
  await page.click('#confirm-yes');
  await until(async () => eq(await text(page, '#confirm-said'), 'No, it is not. (-1130)', 'the refusal'), 'it is told');
  await page.unroute('**/admin/v1/symbols/ETHBTC/status');
  page.refusals = heard.rough = false;
  await page.click('#confirm-yes');
  await until(async () => eq((await rowOf(page, '#symbol-table', 'ETHBTC'))[1], 'TRADING', 'the status'), 'once more');
});

check('a question is asked again when somebody was quicker', async () => {
  await page.click('button[aria-label="Cancel only ETHUSDT"]');
  await admin('PUT', 'symbols/ETHUSDT/status', { status: 'HALT' });
  await page.click('#confirm-yes');
  await until(async () => assert.match(await text(page, '#confirm-said'), /meanwhile: it was TRADING/), 'it is told');
  assert.match(await text(page, '#confirm-text'), /It is HALT now/);
  await page.click('#confirm-no');
  eq((await admin('GET', 'symbols')).find(({ symbol }) => symbol === 'ETHUSDT').status, 'HALT', 'the status');
  await admin('PUT', 'symbols/ETHUSDT/status', { status: 'TRADING' });
  await until(async () => eq((await rowOf(page, '#symbol-table', 'ETHUSDT'))[1], 'TRADING', 'the status'), 'as it was');
});

check('what is halted or in a break is named beside the state, and a delisted symbol is not to be resumed', async () => {
  const status = (symbol, value) => admin('PUT', `symbols/${symbol}/status`, { status: value });
  const closed = (wanted) => until(async () => eq(await text(page, '#closed'), wanted, 'closed'), wanted || 'none');
  await closed('');
  await status('ETHBTC', 'HALT');
  await status('ETHUSDT', 'BREAK');
  await closed('HALT: ETHBTC. BREAK: ETHUSDT');
  assert.match(await text(page, '#state-title'), /All is well|to look at/); // it is no alarm
  await status('ETHBTC', 'TRADING');
  await status('ETHUSDT', 'TRADING');
  await closed('');
  await admin('POST', 'symbols', { symbol: 'BTCETH', baseAsset: 'BTC', quoteAsset: 'ETH', tickSize: '0.01', stepSize: '0.00001' });
  await until(async () => eq((await rowOf(page, '#symbol-table', 'BTCETH')).slice(1, 3), ['TRADING', 'Halt …Cancel only …'], 'the row'), 'listed');
  await page.click('button[aria-label="Halt BTCETH"]');
  await admin('DELETE', 'symbols/BTCETH'); // while the question stands
  await page.click('#confirm-yes');
  await until(async () => eq((await rowOf(page, '#symbol-table', 'BTCETH')).slice(1, 3), ['BREAK, delisted', ''], 'the row'), 'no button');
  eq(await page.isVisible('#confirm'), false, 'the question stands');
  eq(await text(page, '#symbols-said'), 'BTCETH was delisted meanwhile, for good.', 'what is said');
  await closed(''); // there is nothing to resume
});

check('what answers and is not the exchange is no answer', async () => {
  heard.rough = true;
  await page.route('**/metrics', (route) => route.fulfill({ contentType: 'text/html', body: '<h1>Log in</h1>' }));
  await until(async () => assert.match(await text(page, '#alarms'), /not the exchange/), 'it is told');
  eq(await page.getAttribute('#connection', 'data-state'), 'lost', 'the state');
  await page.unroute('**/metrics');
  await until(async () => eq(await page.getAttribute('#connection', 'data-state'), 'live', 'the state'), 'it is back');
  heard.rough = false;
});

check('a search finds a symbol', async () => {
  await page.fill('#search', 'ethb');
  eq((await rowsOf(page, '#symbol-table')).map(([symbol]) => symbol), ['ETHBTC'], 'found');
  await page.fill('#search', '');
});

check('open WebSockets are counted, each with its subscriptions', async () => {
  await page.locator('#slow-title').scrollIntoViewIfNeeded();
  const subscriber = await browser.newPage(); // of no policy
  await subscriber.evaluate((url) => new Promise((done, fail) => Object.assign(new WebSocket(url), { onopen: () => done(), onerror: fail })),
    `${facts.api.replace('http', 'ws')}/stream?streams=btcusdt@trade/ethusdt@trade`);
  await until(async () => {
    eq([await count(page, 'WebSockets'), await count(page, 'Streams subscribed')], [1, 2], 'figures');
    const [row, ...more] = await rowsOf(page, '#slow');
    eq([row?.[0], row?.[1], row?.[4], row?.[7], more.length], ['127.0.0.1', 'market streams', '2', 'no', 0], 'its row');
  }, 'it is there');
  eq((await rowsOf(page, '#connections')).map(([listener]) => listener), ['public', 'admin'], 'listeners');
  await subscriber.close();
  await until(async () => assert.ok(await page.isVisible('#slow-none')), 'it is gone');
});

check('the audit adds up, and is the admin API’s', async () => {
  await page.click('#audit');
  await until(async () => assert.match(await text(page, '#audit-said'), /adds up/), 'the audit');
  const audit = await admin('GET', 'audit'), words = await text(page, '#audit-said');
  assert.ok(words.includes(`LSN ${audit.lsn.toLocaleString('en-GB')}, state hash ${audit.stateHash}, ${audit.openOrders} open orders`), words);
  const shown = (amount) => `${BigInt(amount.split('.')[0]).toLocaleString('en-GB')}.${amount.split('.')[1]}`;
  eq((await rowsOf(page, '#audit-table')).map(([asset, deposits, , free, , , , adds]) => [asset, deposits, free, adds]),
    audit.assets.map(({ asset, deposits, free }) => [asset, shown(deposits), shown(free), '✓ yes']), 'its rows');
});

check('an audit that does not add up is said to', async () => {
  const audit = await admin('GET', 'audit');
  audit.assets[0].free = `${audit.assets[0].free.split('.')[0]}1.00000000`;
  await page.route('**/admin/v1/audit', (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(audit) }));
  await page.click('#audit');
  await until(async () => assert.match(await text(page, '#audit-said'), /does NOT add up/), 'the words');
  eq((await rowsOf(page, '#audit-table'))[0].at(-1), '✗ no', 'the row');
  await page.unroute('**/admin/v1/audit');
});

check('what wants attention is told, and that all is well when it is', async () => {
  await until(async () => assert.match(await text(page, '#state-title'), /All is well|to look at/), 'as it is');
  await page.route('**/metrics', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/^castle_low_space .*/m, 'castle_low_space 1') });
  });
  await until(async () => {
    assert.match(await text(page, '#state-title'), /needs? you now/);
    assert.match(await text(page, '#alarms li[data-grave=true]'), /No space/);
  }, 'no space');
  await accessible(page, 'with an alarm');
  await page.unroute('**/metrics');
  await until(async () => assert.doesNotMatch(await text(page, '#state-title'), /you now/), 'space again');
});

check('after a cut it says so, and is live again', async () => {
  heard.rough = true;
  way.cut();
  await until(async () => eq(await page.getAttribute('#connection', 'data-state'), 'lost', 'the state'), 'it says so');
  assert.match(await text(page, '#state-title'), /1 thing needs you now/);
  assert.match(await text(page, '#alarms'), /does not answer.* of \d\d:\d\d:\d\d/);
  await limit('alice', 'BUY', '10000');
  way.open();
  await until(async () => {
    eq(await page.getAttribute('#connection', 'data-state'), 'live', 'the state');
    eq(await count(page, 'Open orders'), (await admin('GET', 'audit')).openOrders, 'open orders');
  }, 'it is back');
  heard.rough = false;
  await signed('alice', 'DELETE', 'openOrders', { symbol: SYMBOL });
});

check('axe finds nothing serious, in dark and light, on a phone, which needs no scrolling sideways', async () => {
  for (const theme of ['dark', 'light']) {
    await accessible(page, theme);
    await picture(page, `operator-${theme}`, { fullPage: true });
    await page.click('#theme');
  }
  const phone = await lookIn(await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }));
  await until(async () => assert.ok((await rowsOf(phone, '#symbol-table')).length), 'symbols');
  await fitsIn(phone, 'a phone');
  await accessible(phone, 'a phone');
  await picture(phone, 'operator-phone', { fullPage: true });
  await phone.close();
});

check('without plots in the build it says so, and the rest works', async () => {
  const bare = await lookIn(await open({ before: (it) => it.route('**/web/built.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'export const charts = false, plots = false;' })) }));
  assert.match(await text(bare, '#banner'), /npm/);
  eq(await bare.$('#plots-by'), null, 'a link to what is not there');
  await until(async () => {
    eq(await count(bare, 'Users'), (await admin('GET', 'users')).length, 'users');
    assert.ok((await rowsOf(bare, '#symbol-table')).length, 'symbols');
  }, 'the rest');
  await bare.click('#leave');
  await lookIn(bare);
  await bare.close();
});

check('a token that is no longer good, and one that is forgotten, are asked for again', async () => {
  page.refusals = heard.rough = true;
  await page.route('**/admin/v1/shards', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{"code":-2015,"msg":"The admin token is missing or wrong."}' }));
  await until(async () => eq([await page.isVisible('#view'), await text(page, '#token-said')], [false, 'The token is no longer good.'], 'the question'), 'it asks');
  await page.unroute('**/admin/v1/shards');
  page.refusals = heard.rough = false;
  await lookIn(page);
  await page.click('#leave');
  eq([await page.isVisible('#view'), await page.isVisible('#token-form')], [false, true], 'what is shown');
});

check('no console, no page and no request has said anything wrong', () => eq(heard.wrong, [], 'wrong'));

await run();
await browser.close();
way.end();
process.exit();
