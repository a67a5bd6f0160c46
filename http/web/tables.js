// The tables of the account: open orders, history, trades, balances.
import { $, $$, shortTime, el, say, soon } from './dom.js';
import { fixed, grouped, over, parse, shortened, times } from './decimal.js';
import { isOpen } from './account.js';
import { ask } from './notices.js';
import { Rows } from './rows.js';

const ROWS = 200;
const KINDS = { LIMIT: 'Limit', MARKET: 'Market', LIMIT_MAKER: 'Post-only', STOP_LOSS: 'Stop', STOP_LOSS_LIMIT: 'Stop-limit', TAKE_PROFIT: 'Take profit',
  TAKE_PROFIT_LIMIT: 'Take-profit limit' };
const STATES = { NEW: 'Open', PARTIALLY_FILLED: 'Partly filled', FILLED: 'Filled', CANCELED: 'Cancelled', EXPIRED: 'Expired', REJECTED: 'Rejected',
  PENDING_NEW: 'Waits', EXPIRED_IN_MATCH: 'Prevented' };

const priceOf = (text, market) => (Number(text) ? grouped(parse(text), market?.pricePlaces ?? 8) : '–');
const quoteOf = (atoms, market) => shortened(atoms, market?.quotePlaces ?? 8);
const HEADS = {
  orders: ['Time', 'Symbol', 'Side', 'Type', 'Price', 'Stop', 'Amount', 'Filled', 'State', ''],
  history: ['Time', 'Symbol', 'Side', 'Type', 'Price', 'Stop', 'Amount', 'Filled', 'Average', 'State'],
  trades: ['Time', 'Symbol', 'Side', 'Price', 'Amount', 'Total', 'Fee', 'Role'],
  balances: ['Asset', 'Free', 'In orders', 'Total', '≈ USDT'],
};
const NOTHING = { orders: 'No open orders.', history: 'No orders that are over, as far as this page has asked: choose their symbol.',
  trades: 'No trades, as far as this page has asked: choose their symbol.', balances: 'Nothing is there.' };
const sideCell = (side) => [side === 'BUY' ? '▲ Buy' : '▼ Sell', side === 'BUY' ? 'up' : 'down'];

export class Tables {
  constructor({ account, markets, worth, state }) {
    Object.assign(this, { account, markets, worth, state });
    this.shown = 'orders';
    this.tables = Object.fromEntries(Object.entries(HEADS).map(([name, heads]) => [name, new Rows(heads)]));
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
    this.cancelByRow($('#page-orders'));
    soon(this.draw);
  }

  // While a button is held down no row moves away below it. The second click of a double one may meet another row: it means nothing.
  cancelByRow(page) {
    const buttonOf = ({ target }) => target.closest('[data-key] button');
    page.addEventListener('pointerdown', (event) => this.held = event.button === 0 && buttonOf(event) !== null);
    for (const name of ['pointerup', 'pointercancel']) {
      addEventListener(name, () => {
        this.held = false;
        soon(this.draw); // after the click, which comes next
      });
    }
    page.addEventListener('click', (event) => {
      const order = event.detail < 2 && this.account.orders.get(buttonOf(event)?.closest('[data-key]').dataset.key);
      if (order) {
        this.cancel(order);
      }
    });
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

  // Of the chosen symbol only if that is asked for.
  ofSymbol(rows) {
    const wanted = $('#this-symbol').checked ? this.market?.symbol : null;
    return rows.filter((row) => !wanted || row.symbol === wanted);
  }

  // The rows of those, newest first.
  only(rows) {
    return this.ofSymbol(rows).sort((a, b) => b.ms - a.ms || b.id - a.id).slice(0, ROWS);
  }

  drawNow() {
    const { account } = this, open = account.open;
    say($('#tabs [data-of=orders]'), String(open.length));
    const cancelAll = $('#cancel-all');
    cancelAll.hidden = this.shown !== 'orders';
    cancelAll.disabled = !this.ofSymbol(open).length;
    if (!account.signed) {
      for (const one of $$('.pages > *')) { // also those that are not shown: they are somebody's
        this.nothing(one, 'Enter keys to see your orders, trades and balances.');
      }
      Object.values(this.tables).forEach((table) => table.draw([]));
    } else if (!this.held) {
      const rows = { orders: () => this.ordersRows(this.only(open)), history: () => this.historyRows(this.only([...account.orders.values()].filter((order) => !isOpen(order)))),
        trades: () => this.tradesRows(this.only([...account.trades.values()])), balances: () => this.balancesRows() }[this.shown]();
      this.drawPage($(`#page-${this.shown}`), rows);
    }
  }

  drawPage(page, rows) {
    const { table } = this.tables[this.shown], inside = table.contains(document.activeElement);
    this.tables[this.shown].draw(rows);
    if (!rows.length) {
      this.nothing(page, NOTHING[this.shown]);
    } else if (page.firstChild !== table) {
      page.replaceChildren(table);
    }
    if (inside && !table.contains(document.activeElement)) { // its row is gone: the keyboard stays near
      page.focus({ preventScroll: true });
    }
  }

  nothing(page, text) {
    if (page.textContent !== text) {
      page.replaceChildren(el('p', { className: 'nothing' }, text));
    }
  }

  common(order) {
    const market = this.markets.get(order.symbol);
    const filled = parse(order.filled), average = filled ? grouped(over(parse(order.turnover), filled), market?.pricePlaces ?? 8) : null;
    return { market, quantity: (text) => fixed(parse(text), market?.quantityPlaces ?? 8), average };
  }

  ordersRows(orders) {
    return orders.map((order) => {
      const { market, quantity } = this.common(order), text = order.list >= 0 ? 'Cancel both' : 'Cancel';
      return [`${order.symbol} ${order.id}`, shortTime(order.ms), order.symbol, sideCell(order.side), `${KINDS[order.type]}${order.list >= 0 ? ` · list ${order.list}` : ''}${order.tif && order.tif !== 'GTC' ? ` · ${order.tif}` : ''}`,
        priceOf(order.price, market), priceOf(order.stop, market), quantity(order.quantity), quantity(order.filled), STATES[order.status],
        { text, label: `${text}: ${order.side.toLowerCase()} order ${order.id} of ${order.symbol}` }];
    });
  }

  historyRows(orders) {
    return orders.map((order) => {
      const { market, quantity, average } = this.common(order);
      return [`${order.symbol} ${order.id}`, shortTime(order.ms), order.symbol, sideCell(order.side), `${KINDS[order.type]}${order.list >= 0 ? ` · list ${order.list}` : ''}`,
        priceOf(order.price, market), priceOf(order.stop, market), quantity(order.quantity), quantity(order.filled), average ?? '–', STATES[order.status] ?? order.status];
    });
  }

  tradesRows(trades) {
    return trades.map((trade) => {
      const market = this.markets.get(trade.symbol);
      return [`${trade.symbol} ${trade.id}`, shortTime(trade.ms), trade.symbol, sideCell(trade.side), priceOf(trade.price, market), fixed(parse(trade.quantity), market?.quantityPlaces ?? 8),
        quoteOf(times(parse(trade.price), parse(trade.quantity)), market), `${trade.fee.replace(/\.?0+$/, '')} ${trade.feeAsset}`, trade.maker ? 'Maker' : 'Taker'];
    });
  }

  balancesRows() {
    const rows = [...this.account.balances].filter(([, { free, locked }]) => free || locked).sort(([a], [b]) => (a < b ? -1 : 1));
    return rows.map(([asset, { free, locked }]) => {
      const price = this.worth(asset);
      return [asset, asset, [grouped(free, 8), 'free'], [grouped(locked, 8), 'locked'], grouped(free + locked, 8), price ? grouped(times(free + locked, price), 2) : '–'];
    });
  }

  async cancel(order) {
    try {
      await this.account.cancel(order);
    } catch (error) {
      this.state(`Not cancelled: ${error.message}`, false);
    }
  }

  // Of every symbol that is shown, once it is clear how many that are.
  async cancelAll() {
    const orders = this.ofSymbol(this.account.open), symbols = [...new Set(orders.map((order) => order.symbol))];
    const what = `${orders.length} open order${orders.length === 1 ? '' : 's'}`;
    if (!await ask(`Cancel ${what} of ${symbols.length === 1 ? symbols[0] : `${symbols.length} symbols`}?`, `Cancel ${what}`)) {
      return;
    }
    for (const symbol of symbols) {
      try {
        await this.account.cancelAll(symbol);
      } catch (error) {
        this.state(`Not cancelled: ${error.message}`, false);
      }
    }
  }
}
