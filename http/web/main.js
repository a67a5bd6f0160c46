// The page: what is chosen, and who is told of it. Every other module has one thing to do, and none knows another's elements.
import { Keys, get, insist, onTooMuch, setClock } from './api.js';
import { Account } from './account.js';
import { Book, follow } from './book.js';
import { Chart } from './chart.js';
import { Depth } from './depth.js';
import { $, $$, say, soon } from './dom.js';
import { Ladder } from './ladder.js';
import { Listing } from './listing.js';
import { banner, news, tooMuch } from './notices.js';
import { stale } from './stale.js';
import { Streams } from './stream.js';
import { Symbols } from './symbols.js';
import { Tables } from './tables.js';
import { Tape } from './tape.js';
import { theme } from './theme.js';
import { Ticket } from './ticket.js';
import { parse } from './decimal.js';

onTooMuch(tooMuch);

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

const LEVELS = 1000; // of each side of the book are known

const markets = new Map(), book = new Book(LEVELS);
let market = null, leave = [], symbols = null;
const account = new Account({
  changed: () => soon(accountChanged),
  news,
  state: (user) => connected({ user }),
});
const ladder = new Ladder({ book, picked: (price) => {
  ticket.price(price);
  view('ticket'); // where one panel is shown at a time, it is that one
}, owns: () => {
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
const ticket = new Ticket({ book, account, askKeys: () => openKeys(), closed: () => listing.look(market) });
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

const FAST_MS = 1000, CALM_MS = 200; // who goes through the symbols fast asks only for those that are stayed at
let chosenAt = -Infinity, coming = null;

function choose(symbol) {
  if (market?.symbol === symbol) {
    return;
  }
  leave.forEach((one) => one());
  leave = [];
  market = markets.get(symbol);
  history.replaceState(null, '', `#${symbol}`);
  ticket.last = undefined;
  book.begin();
  for (const part of [ladder, depth, ticket, tables, tape]) {
    part.show(market);
  }
  symbols.choose(symbol);
  const now = performance.now();
  clearTimeout(coming);
  if (now - chosenAt < FAST_MS) {
    coming = setTimeout(load, CALM_MS);
  } else {
    load();
  }
  chosenAt = now;
}

// What there is to know of the chosen symbol. A snapshot of so many levels weighs a fifth of one of all.
function load() {
  const { symbol } = market;
  account.choose(symbol);
  leave = [
    follow(book, { streams, symbol, changed: bookChanged, snapshot: () => get('depth', { symbol, limit: LEVELS }) }),
    tape.follow({ market, streams, recent: () => insist(() => get('trades', { symbol, limit: 50 }), () => market.symbol === symbol).then((all) => all ?? []) }),
  ];
  chart.follow(market);
  if (market.status !== 'TRADING') {
    listing.look(market);
  }
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
  if (event.ctrlKey || event.metaKey || event.altKey || $('dialog[open]') || event.target.matches('input:not([type=radio]):not([type=checkbox]), select')) {
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

// ---- the beginning ----

const listing = new Listing({ markets, changed: (other) => {
  if (other === market) { // other decimals
    ladder.show(market);
    chart.follow(market);
  }
}, learned: () => {
  symbols?.grow();
  soon(ticket.draw);
} });

let figuresTurn = 0; // the figures of an earlier connection are not waited for
function figures() {
  const mine = ++figuresTurn;
  return insist(() => get('ticker/24hr'), () => mine === figuresTurn).then((all) => all ?? []);
}

async function begin() {
  await listing.begin(banner);
  listing.watch(() => market);
  await chart.start().catch(() => chart.missing('The chart did not load. Everything else works; it may load with the page another time.'));
  symbols = new Symbols({ markets, streams, figures, unknown: () => listing.again(), chosen: (symbol) => {
    choose(symbol);
    view('chart');
  } });
  const asked = location.hash.slice(1);
  choose(markets.has(asked) ? asked : markets.keys().next().value);
}

begin();
