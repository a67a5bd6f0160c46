// Symbols and what may be done to them: halt, cancel only, resume, each after a question.
import { $, el, say } from '../dom.js';
import { perSecond } from './panels.js';
import { Table } from './table.js';

const STATES = {
  TRADING: { verb: 'Resume', does: 'Orders are taken and matched again, from the book as it stands.' },
  CANCEL_ONLY: { verb: 'Cancel only', does: 'New orders are refused with -2010; what rests can be cancelled, and nothing trades.' },
  HALT: { verb: 'Halt', does: 'New orders are refused with -2010 and cancels with -2011, “Market is closed.” What rests stays where it is, its funds held.' },
};
const NEXT = { TRADING: ['HALT', 'CANCEL_ONLY'], CANCEL_ONLY: ['TRADING', 'HALT'], HALT: ['TRADING', 'CANCEL_ONLY'], BREAK: ['TRADING'] };

const LISTED = 8;
const listOf = (names) => names.slice(0, LISTED).join(', ') + (names.length > LISTED ? ` and ${names.length - LISTED} more` : '');

export class Symbols {
  // told(text): what is in HALT or BREAK and could be resumed, '' if nothing is.
  constructor({ admin, changed, told }) {
    Object.assign(this, { admin, changed, told, cells: new Map(), symbols: [], places: new Map() });
    this.table = new Table({ place: $('#symbol-table'), caption: 'Symbols', key: ({ symbol }) => symbol, columns: [
      { title: 'Symbol', scope: true, cell: ({ symbol }) => symbol },
      { title: 'Status', className: 'left', cell: (row) => this.cell(row).status },
      { title: 'Change', className: 'left', cell: (row) => this.cell(row).acts },
      { title: 'Shard', cell: ({ symbol }) => this.places.get(symbol)?.shard ?? '–' },
      { title: 'Core', cell: ({ symbol }) => this.places.get(symbol)?.core ?? '–' },
      { title: 'Shard’s inputs/s', cell: ({ symbol }) => perSecond(this.rates?.get(this.places.get(symbol)?.shard) ?? 0) }] });
    $('#search').addEventListener('input', () => this.show());
    $('#confirm-no').addEventListener('click', () => $('#confirm').close());
    $('#confirm-yes').addEventListener('click', () => this.act());
  }

  // Status and buttons of a symbol; made anew only when its status is another. A delisted one has none: that is for good.
  cell({ symbol, status, delisted }) {
    const is = delisted ? `${status}, delisted` : status;
    let cell = this.cells.get(symbol);
    if (cell?.is !== is) {
      const state = el('span', { className: 'status' }, is);
      state.dataset.status = status;
      cell = { is, status: state, acts: el('span', { className: 'acts' }, ...(delisted ? [] : NEXT[status] ?? []).map((next) =>
        el('button', { type: 'button', 'aria-label': `${STATES[next].verb} ${symbol}`, on: { click: () => this.ask(symbol, status, next) } }, `${STATES[next].verb} …`))) };
      this.cells.set(symbol, cell);
    }
    return cell;
  }

  ask(symbol, from, to) {
    this.asked = { symbol, from, to };
    const { verb, does } = STATES[to];
    say($('#confirm-title'), `${verb}: ${symbol}?`);
    say($('#confirm-text'), `It is ${from} now, for everybody. ${does}`);
    say($('#confirm-said'), '');
    say($('#confirm-yes'), `${verb} ${symbol}`);
    $('#confirm-yes').disabled = false;
    if (!$('#confirm').open) {
      $('#confirm').showModal();
    }
    $('#confirm-no').focus();
  }

  // Somebody else may have changed it meanwhile: then the question is another one.
  async act() {
    const { asked } = this, { symbol, from, to } = asked;
    const tell = (text) => say($(this.asked === asked && $('#confirm').open ? '#confirm-said' : '#symbols-said'), text);
    $('#confirm-yes').disabled = true;
    try {
      const now = (await this.admin.get('symbols')).find((one) => one.symbol === symbol);
      if (this.asked !== asked || !$('#confirm').open) {
        return; // it was left
      }
      if (now.delisted) {
        say($('#symbols-said'), `${symbol} was delisted meanwhile, for good.`);
        $('#confirm').close();
        return;
      }
      if (now.status !== from) {
        this.ask(symbol, now.status, to);
        say($('#confirm-said'), `Somebody has changed it meanwhile: it was ${from}.`);
        return;
      }
      const answer = await this.admin.put(`symbols/${encodeURIComponent(symbol)}/status`, { status: to });
      say($('#symbols-said'), `${answer.symbol} is ${answer.status}.`);
      if (this.asked === asked) {
        $('#confirm').close();
      }
    } catch (error) {
      tell(`${error.message}${error.code ? ` (${error.code})` : ''}`);
    } finally {
      if (this.asked === asked) {
        $('#confirm-yes').disabled = false;
      }
      await this.changed();
      if (this.asked === asked && !$('#confirm').open) {
        this.cells.get(symbol)?.acts.querySelector('button')?.focus(); // what was pressed is gone
      }
    }
  }

  draw(symbols) {
    this.symbols = symbols;
    this.show();
    const closed = ['HALT', 'BREAK'].map((status) => [status, symbols.filter((one) => one.status === status && !one.delisted).map(({ symbol }) => symbol)]);
    this.told(closed.filter(([, names]) => names.length).map(([status, names]) => `${status}: ${listOf(names)}`).join('. '));
  }

  drawPlaces(shards, rates) {
    this.rates = rates;
    this.places = new Map(shards.flatMap(({ shard, core, symbols }) => symbols.map((symbol) => [symbol, { shard, core }])));
    this.show();
  }

  show() {
    const wanted = $('#search').value.trim().toUpperCase();
    this.table.draw(this.symbols.filter(({ symbol }) => symbol.includes(wanted)));
  }
}
