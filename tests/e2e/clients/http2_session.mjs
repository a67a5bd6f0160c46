// http2_session.mjs - a plain HTTP/2 client, Node's own: many orders multiplexed on one connection without waiting.
//
// Goal: orders of one connection reach the book in the order in which they were sent (PROTOCOL P1, P2), no answer is lost
// or doubled, and a cancel sent right behind its order finds it; by prior knowledge and, over TLS, by ALPN.
// Method: every request goes out before the first answer is awaited, with its parameters in the query, so that the order
// of the streams is the order of the requests; order ids, statuses and balances say what the exchange made of them.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import tls from 'node:tls';
import { atoms, check, eq, facts, feeOf, holdOf, overTls, run } from './checks.mjs';

const COUNT = 200; // twice the streams that the server lets a client have at once, and all that a symbol lets rest
let serial = 0;
const name = () => `http2-${serial++}`;

const sessions = [];

async function connect() {
  const opened = http2.connect(facts.base);
  sessions.push(opened);
  await once(opened, 'connect');
  return opened;
}

// Signs and sends; the promise is the whole answer. `form` puts the parameters into the body.
function send(session, keys, method, path, params = {}, form = false) {
  const signed = keys ? { ...params, recvWindow: 60000, timestamp: Date.now() } : params;
  let text = new URLSearchParams(signed).toString();
  if (keys) {
    text += `&signature=${createHmac('sha256', keys.secret).update(text).digest('hex')}`;
  }
  const headers = { ':method': method, ':path': form || !text ? path : `${path}?${text}` };
  if (keys) {
    headers['x-mbx-apikey'] = keys.key;
  }
  if (form) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
  }
  const stream = session.request(headers, { endStream: !form });
  if (form) {
    stream.end(text);
  }
  return new Promise((resolve, reject) => {
    let answers = 0, status, type, body = '';
    stream.setEncoding('utf8');
    stream.on('response', (got) => {
      answers++;
      status = got[':status'];
      type = got['content-type'];
    });
    stream.on('data', (part) => {
      body += part;
    });
    stream.on('error', reject);
    stream.on('close', () => {
      try {
        eq([answers, stream.rstCode], [1, http2.constants.NGHTTP2_NO_ERROR], 'answers, reset code');
        assert.match(type, /^application\/json/);
        resolve({ status, body: JSON.parse(body) });
      } catch (error) {
        reject(error);
      }
    });
  });
}

// The bodies of answers that must all be good, in the order of their requests.
async function good(requests) {
  const answers = await Promise.all(requests);
  const bad = answers.filter(({ status }) => status !== 200);
  eq(bad.slice(0, 3), [], `answers other than 200 (${bad.length} of ${answers.length})`);
  return answers.map(({ body }) => body);
}

const limit = (symbol, side, quantity, price) => ({ symbol, side, type: 'LIMIT', timeInForce: 'GTC', quantity, price,
  newClientOrderId: name() });
const place = (session, keys, order, form) => send(session, keys, 'POST', '/api/v3/order', order, form);
const cancelAll = (session, keys, symbol) => send(session, keys, 'DELETE', '/api/v3/openOrders', { symbol });

async function locked(session, keys) {
  const [account] = await good([send(session, keys, 'GET', '/api/v3/account', { omitZeroBalances: true })]);
  return Object.fromEntries(account.balances.filter(({ locked: held }) => atoms(held)).map(({ asset, locked: held }) =>
    [asset, atoms(held)]));
}

function increasing(ids, what) {
  eq(ids.findIndex((id, i) => i > 0 && id <= ids[i - 1]), -1, `${what}: first place where ${ids.length} ids do not increase`);
}

let session;

check(overTls ? 'ALPN chooses HTTP/2, HTTP/1.1 for those who ask for it' : 'prior knowledge opens HTTP/2', async () => {
  session = await connect();
  eq([session.alpnProtocol, session.encrypted], overTls ? ['h2', true] : ['h2c', false], 'protocol');
  eq(await good([send(session, null, 'GET', '/api/v3/ping')]), [{}], 'ping');
  if (!overTls) {
    return;
  }
  const { hostname: host, port } = new URL(facts.base);
  for (const [offered, chosen] of [[['h2', 'http/1.1'], 'h2'], [['http/1.1'], 'http/1.1'], [undefined, false]]) {
    const socket = tls.connect({ host, port, ALPNProtocols: offered });
    await once(socket, 'secureConnect');
    eq([socket.alpnProtocol, socket.authorized], [chosen, true], `chosen of ${offered}`);
    assert(['TLSv1.2', 'TLSv1.3'].includes(socket.getProtocol()), socket.getProtocol());
    socket.destroy();
  }
  const stranger = tls.connect({ host, port, ca: tls.rootCertificates }); // who was not given the authority
  const [error] = await once(stranger, 'error').catch((thrown) => [thrown]);
  assert.match(error.code, /SELF_SIGNED|UNABLE_TO/);
});

check('the order of the requests is the order in the book', async () => {
  const orders = Array.from({ length: COUNT }, (_, i) => limit('BTCUSDT', 'BUY', '0.001', String(20000 + i)));
  const answers = await good(orders.map((order) => place(session, facts.alice, order)));
  eq(answers.map((answer) => answer.clientOrderId), orders.map((order) => order.newClientOrderId), 'each its own answer');
  increasing(answers.map((answer) => answer.orderId), 'order ids');
  const hold = orders.reduce((sum, order) => sum + holdOf(atoms(order.price), atoms(order.quantity)), 0n);
  eq(await locked(session, facts.alice), { USDT: hold }, 'what the orders hold');
  const [open] = await good([send(session, facts.alice, 'GET', '/api/v3/openOrders', { symbol: 'BTCUSDT' })]);
  eq(open.map((order) => order.clientOrderId), orders.map((order) => order.newClientOrderId), 'open orders');
});

check('each symbol keeps its own order of interleaved requests', async () => {
  const symbols = [['BTCUSDT', '0.001'], ['ETHUSDT', '0.01'], ['SOLUSDT', '0.1']];
  const sent = Array.from({ length: COUNT }, (_, i) => symbols[i % 3]);
  const answers = await good(sent.map(([symbol, quantity]) =>
    place(session, facts.alice, limit(symbol, 'BUY', quantity, '10000'))));
  for (const [symbol] of symbols) {
    increasing(answers.filter((answer) => answer.symbol === symbol).map((answer) => answer.orderId), symbol);
  }
});

check('a cancel right behind its order finds it', async () => {
  const requests = [];
  for (let i = 0; i < COUNT; i++) {
    const order = limit('BTCUSDT', 'BUY', '0.001', '20000');
    requests.push(place(session, facts.alice, order),
      send(session, facts.alice, 'DELETE', '/api/v3/order', { symbol: 'BTCUSDT', origClientOrderId: order.newClientOrderId }));
  }
  const answers = await good(requests);
  for (let i = 0; i < answers.length; i += 2) {
    const [placed, canceled] = answers.slice(i, i + 2);
    eq([placed.status, canceled.status, canceled.orderId], ['NEW', 'CANCELED', placed.orderId], `order ${i / 2}`);
  }
  eq(await locked(session, facts.alice), {}, 'what is held afterwards');
});

check('price-time priority is the order of the requests', async () => {
  const makers = await good(Array.from({ length: COUNT / 4 }, () =>
    place(session, facts.alice, limit('ETHUSDT', 'SELL', '0.01', '2000'))));
  const takers = await good(Array.from({ length: COUNT / 4 }, () =>
    place(session, facts.bob, limit('ETHUSDT', 'BUY', '0.01', '2000'))));
  eq(takers.map((answer) => [answer.status, answer.fills.length]), takers.map(() => ['FILLED', 1]), 'takers');
  increasing(takers.map((answer) => answer.fills[0].tradeId), 'trade ids');
  eq(takers[0].fills[0].commission, '0.00001000', `commission, ${feeOf(atoms('0.01'))} atoms`);
  const [trades] = await good([send(session, facts.alice, 'GET', '/api/v3/myTrades', { symbol: 'ETHUSDT', limit: 1000 })]);
  eq(trades.map((trade) => [trade.orderId, trade.id]), makers.map((maker, i) =>
    [maker.orderId, takers[i].fills[0].tradeId]), 'who was met by whom');
  eq(await locked(session, facts.alice), {}, 'what is held afterwards');
});

check('connections side by side lose and double nothing', async () => {
  const four = await Promise.all(Array.from({ length: 4 }, connect));
  const sent = four.map((one, i) => Array.from({ length: COUNT / 4 }, () =>
    [one, limit('BTCUSDT', 'BUY', '0.001', String(21000 + i))]));
  const requests = [];
  for (let i = 0; i < COUNT; i++) { // in turns, with the parameters in the body
    requests.push([i % 4, place(sent[i % 4][i >> 2][0], facts.alice, sent[i % 4][i >> 2][1], true)]);
  }
  const answers = await good(requests.map(([, answer]) => answer));
  eq(new Set(answers.map((answer) => answer.orderId)).size, COUNT, 'order ids');
  for (let i = 0; i < 4; i++) {
    eq(answers.filter((_, at) => at % 4 === i).map((answer) => answer.clientOrderId),
      sent[i].map(([, order]) => order.newClientOrderId), `answers of connection ${i}`);
  }
  const [open] = await good([send(session, facts.alice, 'GET', '/api/v3/openOrders', { symbol: 'BTCUSDT' })]);
  eq(open.map((order) => order.orderId), answers.map((answer) => answer.orderId).sort((a, b) => a - b), 'open orders');
});

check('refusals come among good answers, each to its request', async () => {
  const requests = [];
  for (let i = 0; i < COUNT / 2; i++) {
    requests.push(place(session, facts.alice, limit('BTCUSDT', 'BUY', i % 2 ? '0.001' : '8000', '22000')));
  }
  const answers = await Promise.all(requests);
  eq(answers.map(({ status, body }) => [status, body.code ?? body.status]),
    answers.map((_, i) => (i % 2 ? [200, 'NEW'] : [400, -2010])), 'answers');
  increasing(answers.filter((_, i) => i % 2).map(({ body }) => body.orderId), 'order ids');
});

check('a closing client gets the answers under way', async () => {
  const last = await connect();
  const requests = Array.from({ length: 50 }, () => place(last, facts.alice, limit('BTCUSDT', 'BUY', '0.001', '23000')));
  last.close(); // GOAWAY: no new streams, the open ones go on
  eq((await good(requests)).map((answer) => answer.status), requests.map(() => 'NEW'), 'answers');
});

async function clear() {
  if (session) {
    await Promise.all(['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].flatMap((symbol) =>
      [facts.alice, facts.bob].map((keys) => cancelAll(session, keys, symbol))));
  }
}

await run(clear);
sessions.forEach((opened) => opened.destroy());
