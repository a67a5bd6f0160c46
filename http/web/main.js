// The page: what is chosen, and who is told of it. Every other module has one thing to do, and none knows another's elements.
import { Keys, get, setClock } from './api.js';
import { Account } from './account.js';
import { Book, follow } from './book.js';
import { Chart } from './chart.js';
import { Depth } from './depth.js';
import { $, $$, el, say, soon } from './dom.js';
import { Ladder } from './ladder.js';
import { marketOf } from './market.js';
import { stale } from './stale.js';
import { Streams } from './stream.js';
import { Symbols } from './symbols.js';
import { Tables } from './tables.js';
import { Tape } from './tape.js';
import { theme } from './theme.js';
import { Ticket } from './ticket.js';
import { parse } from './decimal.js';

const NEWS_MS = 6000, NEWS_MAX = 4;

function banner(text) {
  $('#banner').hidden = !text;
  say($('#banner'), text);
}

function news(text, good = true) {
  const line = el('p', { className: good ? '' : 'bad' }, text);
  $('#news').append(line);
  while ($('#news').children.length > NEWS_MAX) {
    $('#news').firstChild.remove();
  }
  setTimeout(() => line.remove(), NEWS_MS);
}

// ---- connection ----

const connection = { market: 'connecting', user: 'none' };

function connected(changes) {
  Object.assign(connection, changes);
  const { market, user } = connection, state = market !== 'live' ? market : user === 'lost' ? 'lost' : 'live';
  $('#connection').dataset.state = state;
  say($('#connection [data-of=state]'), { live: 'live', lost: 'reconnecting', connecting: 'connecting' }[state]);
  if (state !== 'live') {
    say($('#connection [data-of=latency]'), '');
  }
  stale(market === 'lost');
}

const streams = new Streams({
  state: (market) => connected({ market }),
  latency: (ms) => connection.market === 'live' && say($('#connection [data-of=latency]'), `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`),
});

// ---- what is chosen ----

const markets = new Map(), book = new Book();
let market = null, leave = [];
const account = new Account({
  changed: () => soon(accountChanged),
  news,
  state: (user) => connected({ user }),
});
const ladder = new Ladder({ book, picked: (price) => ticket.price(price), owns: () => {
  const own = { BUY: [], SELL: [] };
  for (const order of account.open) {
    if (order.symbol === market.symbol) {
      own[order.side].push(parse(order.price));
    }
  }
  return own;
} });
const depth = new Depth(book), chart = new Chart({ streams, klines: (params) => get('klines', params), orders: () => account.open });
const tape = new Tape({ traded: (price, up) => {
  symbols?.traded(price, up);
  ladder.last(price, up);
  ticket.last = price;
} });
const ticket = new Ticket({ book, account, askKeys: () => openKeys() });
let symbols = null;
const tables = new Tables({ account, markets, state: news, worth: (asset) => (asset === 'USDT' ? parse('1') : symbols?.day.get(`${asset}USDT`)?.last) });

function accountChanged() {
  $('#keys-open').textContent = account.signed ? 'Forget keys' : 'Enter keys';
  soon(tables.draw);
  soon(ticket.draw);
  soon(ladder.draw);
  soon(chart.draw);
}

function bookChanged() {
  soon(ladder.draw);
  soon(depth.draw);
  ticket.ready();
}

function choose(symbol) {
  if (market?.symbol === symbol) {
    return;
  }
  leave.forEach((one) => one());
  market = markets.get(symbol);
  history.replaceState(null, '', `#${symbol}`);
  ticket.last = undefined;
  for (const part of [ladder, depth, ticket, tables]) {
    part.show(market);
  }
  symbols.choose(symbol);
  account.choose(symbol);
  leave = [
    follow(book, { streams, symbol, changed: bookChanged, snapshot: () => get('depth', { symbol, limit: 5000 }) }),
    tape.follow({ market, streams, recent: () => get('trades', { symbol, limit: 50 }) }),
  ];
  chart.follow(market);
}

// ---- keys ----

const dialog = $('#keys'), form = $('#keys-form');

function openKeys() {
  say($('#keys-said'), Keys.possible ? '' : 'This browser signs only on pages that come over HTTPS, or from localhost or 127.0.0.1. Open the page that way to trade.');
  $('[type=submit]', form).disabled = !Keys.possible;
  dialog.showModal();
}

$('#keys-open').addEventListener('click', () => {
  if (account.signed) {
    account.end();
    news('The keys are forgotten.');
  } else {
    openKeys();
  }
});
$('#keys-cancel').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => form.reset());

// Two long words, as programs print them: the key and the secret.
form.addEventListener('paste', (event) => {
  const words = event.clipboardData.getData('text').match(/[A-Za-z0-9]{32,}/g) ?? [];
  if (words.length === 2) {
    event.preventDefault();
    [form.elements.key.value, form.elements.secret.value] = words;
  }
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const key = form.elements.key.value.trim(), secret = form.elements.secret.value.trim();
  if (!key || !secret) {
    say($('#keys-said'), 'Both are needed.');
    return;
  }
  $('[type=submit]', form).disabled = true;
  say($('#keys-said'), 'Asking the exchange …');
  try {
    await setClock();
    await account.sign(await Keys.of(key, secret), market.symbol);
    dialog.close();
  } catch (error) {
    say($('#keys-said'), `${error.message}${error.code ? ` (${error.code})` : ''}`);
  }
  $('[type=submit]', form).disabled = false;
});

// ---- colours, views, the keyboard ----

theme(() => {
  chart.paint();
  soon(depth.draw);
});

for (const button of $$('.views button')) {
  button.addEventListener('click', () => view(button.dataset.view));
}

function view(name) {
  document.body.dataset.view = name;
  for (const button of $$('.views button')) {
    button.setAttribute('aria-pressed', String(button.dataset.view === name));
  }
}

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || event.target.matches('input:not([type=radio]):not([type=checkbox]), select')) {
    return;
  }
  const act = { '/': () => { view('markets'); $('#search').focus(); }, b: () => { view('ticket'); ticket.side('BUY'); },
    s: () => { view('ticket'); ticket.side('SELL'); } }[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
});

addEventListener('hashchange', () => markets.has(location.hash.slice(1)) && choose(location.hash.slice(1)));

// Symbols may be listed, halted and given other filters while the page is open. A market stays the same object.
const LEARN_MS = 60000, LEARN_LEAST_MS = 5000;

async function learn() {
  for (const info of (await get('exchangeInfo')).symbols) {
    const known = markets.get(info.symbol), now = marketOf(info);
    if (!known) {
      markets.set(info.symbol, now);
      continue;
    }
    const other = known.tick !== now.tick || known.step !== now.step;
    Object.assign(known, now);
    if (other && known === market) { // other decimals
      ladder.show(market);
      chart.follow(market);
    }
  }
  symbols?.grow();
  soon(ticket.draw);
}

// No more often than that, and later where the exchange wants to be left alone.
let learnAfter = 0;
async function learnAgain() {
  if (Date.now() < learnAfter) {
    return;
  }
  learnAfter = Infinity;
  let wait = LEARN_LEAST_MS;
  try {
    await learn();
  } catch (error) {
    wait = Math.max(wait, error.retryMs ?? 0);
  }
  learnAfter = Date.now() + wait;
}
setInterval(learnAgain, LEARN_MS);

// ---- the beginning ----

async function begin() {
  for (;;) {
    try {
      await learn();
      break;
    } catch (error) {
      banner(`${error.message} Trying again …`);
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
  banner('');
  if (!markets.size) {
    banner('This exchange has no symbols yet.');
    return;
  }
  await chart.start();
  symbols = new Symbols({ markets, streams, figures: () => get('ticker/24hr'), unknown: learnAgain, chosen: (symbol) => {
    choose(symbol);
    view('chart');
  } });
  const asked = location.hash.slice(1);
  choose(markets.has(asked) ? asked : markets.keys().next().value);
}

begin();
