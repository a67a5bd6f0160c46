// The tables of the account: open orders, history, trades, balances.
import { $, $$, shortTime, el, say, soon } from './dom.js';
import { fixed, grouped, over, parse, times } from './decimal.js';
import { isOpen } from './account.js';

const ROWS = 200;
const KINDS = { LIMIT: 'Limit', MARKET: 'Market', LIMIT_MAKER: 'Post-only', STOP_LOSS: 'Stop', STOP_LOSS_LIMIT: 'Stop-limit', TAKE_PROFIT: 'Take profit',
  TAKE_PROFIT_LIMIT: 'Take-profit limit' };
const STATES = { NEW: 'Open', PARTIALLY_FILLED: 'Partly filled', FILLED: 'Filled', CANCELED: 'Cancelled', EXPIRED: 'Expired', REJECTED: 'Rejected',
  PENDING_NEW: 'Waits', EXPIRED_IN_MATCH: 'Prevented' };

const priceOf = (text, market) => (Number(text) ? grouped(parse(text), market?.pricePlaces ?? 8) : '–');
const sideCell = (side) => [side === 'BUY' ? '▲ Buy' : '▼ Sell', side === 'BUY' ? 'up' : 'down'];

export class Tables {
  constructor({ account, markets, worth, state }) {
    Object.assign(this, { account, markets, worth, state });
    this.shown = 'orders';
    this.draw = () => this.drawNow();
    const tabs = $$('[role=tab]');
    for (const tab of tabs) {
      tab.addEventListener('click', () => this.choose(tab.id.slice(4)));
    }
    $('#tabs').addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], now = tabs.indexOf(document.activeElement);
      if (step && now >= 0) {
        const tab = tabs[(now + step + tabs.length) % tabs.length];
        this.choose(tab.id.slice(4));
        tab.focus();
      }
    });
    $('#this-symbol').addEventListener('change', () => soon(this.draw));
    $('#cancel-all').addEventListener('click', () => this.cancelAll());
    soon(this.draw);
  }

  choose(name) {
    this.shown = name;
    for (const tab of $$('[role=tab]')) {
      const mine = tab.id === `tab-${name}`;
      tab.setAttribute('aria-selected', String(mine));
      tab.tabIndex = mine ? 0 : -1;
      $(`#page-${tab.id.slice(4)}`).hidden = !mine;
    }
    soon(this.draw);
  }

  show(market) {
    this.market = market;
    soon(this.draw);
  }

  // The rows, of the chosen symbol only if that is asked for; newest first.
  only(rows) {
    const wanted = $('#this-symbol').checked ? this.market?.symbol : null;
    return rows.filter((row) => !wanted || row.symbol === wanted).sort((a, b) => b.ms - a.ms || b.id - a.id).slice(0, ROWS);
  }

  drawNow() {
    const { account } = this, open = account.open;
    say($('#tabs [data-of=orders]'), String(open.length));
    const cancelAll = $('#cancel-all');
    cancelAll.hidden = this.shown !== 'orders';
    cancelAll.disabled = !this.only(open).length;
    const page = $(`#page-${this.shown}`);
    if (!account.signed) {
      for (const one of $$('.pages > *')) { // also those that are not shown: they are somebody's
        one.replaceChildren(el('p', { className: 'nothing' }, 'Enter keys to see your orders, trades and balances.'));
      }
      return;
    }
    const [heads, rows] = { orders: () => this.ordersTable(this.only(open)), history: () => this.historyTable(this.only([...account.orders.values()].filter((order) => !isOpen(order)))),
      trades: () => this.tradesTable(this.only([...account.trades.values()])), balances: () => this.balancesTable() }[this.shown]();
    if (!rows.length) {
      page.replaceChildren(el('p', { className: 'nothing' }, { orders: 'No open orders.', history: 'No orders that are over, as far as this page has asked: choose their symbol.',
        trades: 'No trades, as far as this page has asked: choose their symbol.', balances: 'Nothing is there.' }[this.shown]));
      return;
    }
    const focused = document.activeElement?.closest?.('[data-key]')?.dataset.key;
    page.replaceChildren(el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((text) => el('th', { scope: 'col' }, text)))),
      el('tbody', {}, ...rows.map(([key, ...cells]) => el('tr', { 'data-key': key }, ...cells.map((cell, at) => this.cell(cell, heads[at])))))));
    if (focused) { // a table that is drawn anew must not take the keyboard away
      ($(`[data-key="${focused}"] button`, page) ?? page).focus();
    }
  }

  // With the name of its column, which a phone shows beside it.
  cell(content, name) {
    const [text, className = ''] = Array.isArray(content) ? content : [content];
    return el('td', { className, 'data-name': name }, text);
  }

  common(order) {
    const market = this.markets.get(order.symbol);
    const filled = parse(order.filled), average = filled ? grouped(over(parse(order.turnover), filled), market?.pricePlaces ?? 8) : null;
    return { market, quantity: (text) => fixed(parse(text), market?.quantityPlaces ?? 8), average };
  }

  ordersTable(orders) {
    return [['Time', 'Symbol', 'Side', 'Type', 'Price', 'Stop', 'Amount', 'Filled', 'State', ''], orders.map((order) => {
      const { market, quantity } = this.common(order);
      const text = order.list >= 0 ? 'Cancel both' : 'Cancel';
      const button = el('button', { type: 'button', className: 'quiet', 'aria-label': `${text}: ${order.side.toLowerCase()} order ${order.id} of ${order.symbol}`,
        on: { click: () => this.cancel(order) } }, text);
      return [`${order.symbol} ${order.id}`, shortTime(order.ms), order.symbol, sideCell(order.side), `${KINDS[order.type]}${order.list >= 0 ? ` · list ${order.list}` : ''}${order.tif && order.tif !== 'GTC' ? ` · ${order.tif}` : ''}`,
        priceOf(order.price, market), priceOf(order.stop, market), quantity(order.quantity), quantity(order.filled), STATES[order.status], button];
    })];
  }

  historyTable(orders) {
    return [['Time', 'Symbol', 'Side', 'Type', 'Price', 'Stop', 'Amount', 'Filled', 'Average', 'State'], orders.map((order) => {
      const { market, quantity, average } = this.common(order);
      return [`${order.symbol} ${order.id}`, shortTime(order.ms), order.symbol, sideCell(order.side), `${KINDS[order.type]}${order.list >= 0 ? ` · list ${order.list}` : ''}`,
        priceOf(order.price, market), priceOf(order.stop, market), quantity(order.quantity), quantity(order.filled), average ?? '–', STATES[order.status] ?? order.status];
    })];
  }

  tradesTable(trades) {
    return [['Time', 'Symbol', 'Side', 'Price', 'Amount', 'Total', 'Fee', 'Role'], trades.map((trade) => {
      const market = this.markets.get(trade.symbol);
      return [`${trade.symbol} ${trade.id}`, shortTime(trade.ms), trade.symbol, sideCell(trade.side), priceOf(trade.price, market), fixed(parse(trade.quantity), market?.quantityPlaces ?? 8),
        grouped(times(parse(trade.price), parse(trade.quantity)), 2), `${trade.fee.replace(/\.?0+$/, '')} ${trade.feeAsset}`, trade.maker ? 'Maker' : 'Taker'];
    })];
  }

  balancesTable() {
    const rows = [...this.account.balances].filter(([, { free, locked }]) => free || locked).sort(([a], [b]) => (a < b ? -1 : 1));
    return [['Asset', 'Free', 'In orders', 'Total', '≈ USDT'], rows.map(([asset, { free, locked }]) => {
      const price = this.worth(asset);
      return [asset, asset, [grouped(free, 8), 'free'], [grouped(locked, 8), 'locked'], grouped(free + locked, 8), price ? grouped(times(free + locked, price), 2) : '–'];
    })];
  }

  async cancel(order) {
    try {
      await this.account.cancel(order);
    } catch (error) {
      this.state(`Not cancelled: ${error.message}`, false);
    }
  }

  // Of every symbol that is shown.
  async cancelAll() {
    for (const symbol of new Set(this.only(this.account.open).map((order) => order.symbol))) {
      try {
        await this.account.cancelAll(symbol);
      } catch (error) {
        this.state(`Not cancelled: ${error.message}`, false);
      }
    }
  }
}
