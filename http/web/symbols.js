// All symbols with their 24 hours, and the figures of the chosen one.
import { $, el, say, soon } from './dom.js';
import { grouped, parse } from './decimal.js';

// Percent with its sign, and which way that is.
function percent(open, last) {
  const basis = open ? Number(((last - open) * 10000n) / open) : 0;
  return [`${SIGNS[Math.sign(basis)]}${(Math.abs(basis) / 100).toFixed(2)} %`, Math.sign(basis)];
}

const TITLE_MS = 1000; // a tab's title is for glances
const HALTED = { HALT: 'halted', CANCEL_ONLY: 'cancel only', BREAK: 'closed' };
const CLASSES = { '-1': 'down', 0: '', 1: 'up' }, SIGNS = { '-1': '−', 0: '', 1: '+' }, ARROWS = { '-1': '▼ ', 0: '', 1: '▲ ' };

export class Symbols {
  // unknown(): told when there are figures of a symbol that is not in `markets`.
  constructor({ markets, chosen, streams, figures, unknown }) {
    Object.assign(this, { markets, chose: chosen, unknown });
    this.list = $('#symbols');
    this.day = new Map(); // symbol: {open, last, high, low, volume, turnover}
    this.draw = () => this.drawNow();
    this.rows = new Map();
    this.list.replaceChildren();
    this.grow();
    $('#search').addEventListener('input', (event) => this.search(event.target.value));
    $('#search').addEventListener('keydown', (event) => {
      const first = [...this.rows.values()].find(({ row }) => !row.hidden);
      if (event.key === 'Enter' && first) { // what was searched is found: keys mean something else again
        first.button.click();
        event.target.value = '';
        this.search('');
        event.target.blur();
      } else if (event.key === 'ArrowDown' && first) {
        event.preventDefault();
        first.button.focus();
      }
    });
    this.list.addEventListener('keydown', (event) => this.move(event));
    streams.want('!miniTicker@arr', {
      live: async () => this.take((await figures().catch(() => [])).map((one) => [one.symbol, one.openPrice, one.lastPrice, one.highPrice,
        one.lowPrice, one.volume, one.quoteVolume])),
      event: (all) => this.take(all.map((one) => [one.s, one.o, one.c, one.h, one.l, one.v, one.q])),
    });
  }

  // A row for each market that has none yet.
  grow() {
    for (const market of this.markets.values()) {
      if (!this.rows.has(market.symbol)) {
        const cells = ['name', 'last', 'change'].map((name) => el('span', { className: name }));
        cells[0].append(market.base, el('small', {}, `/${market.quote}`));
        const button = el('button', { type: 'button', 'data-symbol': market.symbol, on: { click: () => this.chose(market.symbol) } }, ...cells);
        const row = el('li', {}, button);
        this.list.append(row);
        this.rows.set(market.symbol, { row, button, cells });
      }
    }
    this.search($('#search').value);
    soon(this.draw);
  }

  take(figures) {
    if (figures.some(([symbol]) => !this.markets.has(symbol))) {
      this.unknown();
    }
    for (const [symbol, ...texts] of figures) {
      const [open, last, high, low, volume, turnover] = texts.map(parse);
      this.day.set(symbol, { open, last, high, low, volume, turnover });
    }
    soon(this.draw);
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], seen = [...this.rows.values()].filter(({ row }) => !row.hidden);
    const next = seen[seen.findIndex(({ button }) => button === document.activeElement) + step];
    if (step) {
      event.preventDefault();
      (next?.button ?? $('#search')).focus();
    }
  }

  search(text) {
    const wanted = text.trim().toUpperCase().replace('/', '');
    let found = 0;
    for (const [symbol, { row }] of this.rows) {
      row.hidden = !symbol.includes(wanted);
      found += !row.hidden;
    }
    $('#symbols-none').hidden = found > 0;
  }

  choose(symbol) {
    this.chosen = symbol;
    this.up = undefined;
    for (const [name, { button }] of this.rows) {
      button.setAttribute('aria-current', String(name === symbol));
    }
    soon(this.draw);
  }

  // The newest trade, which comes before the ticker does.
  traded(last, up) {
    const day = this.day.get(this.chosen);
    this.up = up;
    if (day) {
      day.last = last;
    }
    soon(this.draw);
  }

  drawNow() {
    for (const [symbol, { cells: [, last, change] }] of this.rows) {
      const day = this.day.get(symbol), { pricePlaces, status } = this.markets.get(symbol), closed = status !== 'TRADING';
      const [text, sign] = closed ? [HALTED[status] ?? status, 0] : day?.last ? percent(day.open, day.last) : ['', 0];
      if (day?.last) {
        say(last, grouped(day.last, pricePlaces));
      }
      say(change, text);
      change.className = `change ${closed ? 'closed' : CLASSES[sign]}`;
    }
    this.drawChosen();
  }

  drawChosen() {
    const market = this.markets.get(this.chosen), day = this.day.get(this.chosen), root = $('#stats');
    if (!market) {
      return;
    }
    const put = (name, text) => say($(`[data-of=${name}]`, root), text);
    put('name', `${market.base}/${market.quote}`);
    const [text, sign] = day?.last ? percent(day.open, day.last) : ['–', 0];
    put('change', ARROWS[sign] + text);
    $('[data-of=change]', root).className = CLASSES[sign];
    put('last', day?.last ? grouped(day.last, market.pricePlaces) : '–');
    put('high', day ? grouped(day.high, market.pricePlaces) : '–');
    put('low', day ? grouped(day.low, market.pricePlaces) : '–');
    put('volume', day ? `${grouped(day.volume, 2)} ${market.base}` : '–');
    put('turnover', day ? `${grouped(day.turnover, 0)} ${market.quote}` : '–');
    $('.market-last', root).className = `market-last ${this.up === undefined ? '' : this.up ? 'up' : 'down'}`;
    const title = day?.last ? `${grouped(day.last, market.pricePlaces)} ${market.symbol} · Castle` : `${market.symbol} · Castle`;
    if (document.title !== title && !(Date.now() - this.titledAt < TITLE_MS)) {
      this.titledAt = Date.now();
      document.title = title;
    }
  }
}
