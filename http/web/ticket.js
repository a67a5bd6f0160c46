// The order ticket: what is typed becomes an order of REST, with its total and fee estimated from the book while it is typed.
import { $, $$, el, say, soon } from './dom.js';
import { fixed, floorTo, grouped, max, over, parse, plain, shortened, times, timesUp } from './decimal.js';
import { numberOf, orderOf, toldOf, walk, wrongOf } from './order.js';

const HUNDRED = 100n;

const refusalOf = ({ message, unknown, code, retryMs }) => [message,
  unknown ? 'It is not known whether the order was taken: look at your orders.' : code ? `(${code})` : '',
  retryMs ? `Again in ${Math.ceil(retryMs / 1000)} s.` : ''].filter(Boolean).join(' ');

export class Ticket {
  // closed(): asks the exchange whether the symbol trades, and returns when that is known.
  constructor({ book, account, askKeys, closed }) {
    Object.assign(this, { book, account, askKeys, closed });
    this.form = $('#ticket');
    this.draw = () => this.drawNow();
    const { form } = this;
    form.addEventListener('input', (event) => this.typed(event.target));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.place();
    });
    form.addEventListener('keydown', (event) => event.key === 'Enter' && event.repeat && event.preventDefault()); // held down is meant once
    $('#submit').addEventListener('click', (event) => event.detail > 1 && event.preventDefault()); // so is a double click
    for (const button of $$('[data-pick]')) {
      button.addEventListener('click', () => this.pick(button.dataset.pick));
    }
    for (const button of $$('[data-part]')) {
      button.addEventListener('click', () => {
        $('#part').value = button.dataset.part;
        this.take(BigInt(button.dataset.part));
      });
    }
    for (const name of ['price', 'stop', 'stopLimit']) { // the arrows move a price by a tick
      form.elements[name].addEventListener('keydown', (event) => {
        const step = { ArrowUp: 1n, ArrowDown: -1n }[event.key], price = parse(numberOf(event.target.value));
        if (step && price !== null && this.market) {
          event.preventDefault();
          event.target.value = fixed(max(price + step * this.market.tick * (event.shiftKey ? HUNDRED : 1n), this.market.tick), this.market.pricePlaces);
          this.changed();
        }
      });
    }
  }

  get values() {
    const { elements } = this.form, number = (name) => numberOf(elements[name].value);
    return { kind: elements.kind.value, side: elements.side.value, price: number('price'), stop: number('stop'), stopLimit: number('stopLimit'),
      amount: number('amount'), inQuote: elements.kind.value === 'MARKET' && elements.unit.value === 'quote', postOnly: elements.postOnly.checked,
      tif: elements.tif.value };
  }

  show(market) {
    this.market = market;
    for (const unit of $$('[data-unit]', this.form)) {
      say(unit, market.quote);
    }
    $('#amount-unit').replaceChildren(el('option', { value: 'base' }, market.base), el('option', { value: 'quote' }, market.quote));
    for (const name of ['price', 'stop', 'stopLimit']) {
      this.form.elements[name].value = '';
    }
    this.emptied();
    this.fresh = true;
    this.said('');
    soon(this.draw);
  }

  // A first price, once the book is known.
  ready() {
    if (this.fresh && this.book.ready && (this.book.bid ?? this.book.ask) !== undefined) {
      this.fresh = false;
      if (!this.form.elements.price.value) {
        this.pick(this.form.elements.side.value === 'BUY' ? 'bid' : 'ask');
      }
    }
    soon(this.draw);
  }

  side(name) {
    this.form.elements.side.value = name;
    $(`#ticket input[name=side][value=${name}]`).focus();
    this.changed();
  }

  price(text) {
    const { elements } = this.form;
    if (elements.kind.value === 'MARKET') {
      elements.kind.value = 'LIMIT';
      this.inBase();
    }
    elements.price.value = text;
    this.changed();
  }

  pick(which) {
    const { bid, ask } = this.book;
    const price = { bid, ask, mid: bid !== undefined && ask !== undefined ? floorTo((bid + ask) / 2n, this.market.tick) : undefined }[which];
    if (price !== undefined) {
      this.form.elements.price.value = fixed(price, this.market.pricePlaces);
    }
    this.changed();
  }

  typed({ id, name, value }) {
    if (id === 'part') {
      this.take(BigInt(value));
    } else if (name === 'amount') {
      $('#part').value = 0;
    } else if (name === 'unit') {
      this.emptied();
    } else if (name === 'kind' && value !== 'MARKET') {
      this.inBase();
    }
    if (['side', 'kind', 'price', 'stop', 'stopLimit'].includes(name)) {
      this.changed();
    }
    soon(this.draw);
  }

  // Only a market order has an amount of the quote asset: for another kind that number would be as many of the base asset.
  inBase() {
    const { unit, amount } = this.form.elements;
    if (unit.value === 'quote') {
      unit.value = 'base';
      amount.value = '';
    }
  }

  // What is a part of the balance stays that part when price, side or kind become others.
  changed() {
    const percent = BigInt($('#part').value);
    if (percent && this.account.signed) {
      this.take(percent);
    }
    soon(this.draw);
  }

  emptied() {
    this.form.elements.amount.value = '';
    $('#part').value = 0;
  }

  // The price that a buy pays at most, as far as it is known.
  get worst() {
    const { kind, price, stop, stopLimit } = this.values, of = (text) => parse(text) ?? 0n;
    return kind === 'OCO' ? max(of(price), of(stopLimit || stop)) : of(price);
  }

  // So many percent of what is free.
  take(percent) {
    if (!this.account.signed) {
      this.emptied();
      this.said('Enter keys to use a part of the balance.', false);
      return;
    }
    const amount = this.partOf(percent);
    this.form.elements.amount.value = amount ? plain(amount) : '';
    soon(this.draw);
  }

  // As an amount of the chosen unit. The fee of a buy is taken from what is bought, so nothing has to be left for it.
  partOf(percent) {
    const { kind, side, inQuote } = this.values, { market, book } = this, buy = side === 'BUY';
    const free = (this.account.free(buy ? market.quote : market.base) * percent) / HUNDRED, base = floorTo(free, market.step);
    if (kind === 'MARKET' && buy) {
      return inQuote ? free : walk(book.asks, { quote: free }, market.step).got;
    }
    if (kind === 'MARKET' && inQuote) {
      return walk(book.bids, { base }, market.step).cost;
    }
    const { worst } = this;
    return !buy ? base : worst && floorTo(over(free, worst), market.step);
  }

  // {total, fee, feeAsset, taker, note}: what the order would cost or bring.
  estimate() {
    const { kind, side, price, amount, inQuote, postOnly } = this.values, { market, book } = this;
    const quantity = parse(amount), limit = parse(price), buy = side === 'BUY', across = buy ? book.asks : book.bids;
    if (!quantity || (kind !== 'MARKET' && !limit)) {
      return null;
    }
    let base = quantity, total = kind === 'OCO' && buy ? timesUp(this.worst, quantity) : times(limit ?? 0n, quantity), taker = kind === 'STOP', note = '';
    if (kind === 'MARKET') {
      const found = walk(across, inQuote ? { quote: quantity } : { base: quantity }, market.step);
      base = found.got;
      total = found.cost;
      taker = true;
      if (!found.enough) {
        note = `${across.edge === null ? 'The book does' : `The best ${across.prices.length} prices do`} not hold that much.`;
      } else if (base) {
        note = `About ${grouped(over(total, base), market.pricePlaces)} ${market.quote} each.`;
      }
    } else if (kind === 'LIMIT' && !postOnly) {
      taker = across.prices.length > 0 && (buy ? across.prices[0] <= limit : across.prices[0] >= limit);
    }
    if (kind === 'LIMIT' && postOnly && across.prices.length && (buy ? across.prices[0] <= limit : across.prices[0] >= limit)) {
      note = 'It would match at once, and a post-only order may not.';
    }
    if (!note && market.notionalMin && total < market.notionalMin) {
      note = `The least is ${plain(market.notionalMin)} ${market.quote}.`;
    }
    const rates = this.account.rates(market.symbol), rate = rates ? rates[taker ? 'taker' : 'maker'] : null;
    return { total, fee: rate === null ? null : timesUp(buy ? base : total, rate), rate, feeAsset: buy ? market.base : market.quote, taker, note };
  }

  drawNow() {
    const { market, account } = this, { kind, side } = this.values, buy = side === 'BUY';
    if (!market) {
      return;
    }
    this.form.dataset.side = side;
    for (const part of $$('[data-for]', this.form)) {
      part.hidden = !part.dataset.for.split(' ').includes(kind);
    }
    $('#amount-unit').disabled = kind !== 'MARKET';
    $('#tif').disabled = kind === 'LIMIT' && $('#post-only').checked;
    const asset = buy ? market.quote : market.base;
    const free = account.free(asset), shown = buy ? shortened(free, market.quotePlaces) : grouped(free, market.quantityPlaces);
    say($('#available'), account.signed ? `${shown} ${asset}` : '–');
    const estimate = this.estimate();
    say($('#total'), estimate ? `${shortened(estimate.total, market.quotePlaces)} ${market.quote}` : '–');
    say($('#fee'), estimate && estimate.fee !== null ? `${plain(estimate.fee)} ${estimate.feeAsset} (${plain(estimate.rate * HUNDRED)} % ${estimate.taker ? 'taker' : 'maker'})` : '–');
    say($('#ticket-hint'), kind === 'OCO' && !estimate?.note ? (buy ? 'A bid below the market, and a stop above it: when one ends, the other does.'
      : 'An offer above the market, and a stop below it: when one ends, the other does.') : estimate?.note ?? '');
    const submit = $('#submit'), closed = market.status !== 'TRADING';
    submit.disabled = this.busy;
    submit.setAttribute('aria-disabled', String(closed)); // it can be pressed: then the exchange is asked whether that is still so
    say(submit, closed ? `${market.symbol} is not trading (${market.status})` : account.signed ? `${buy ? 'Buy' : 'Sell'} ${market.base}` : 'Enter keys to trade');
  }

  said(text, good = true) {
    const node = $('#ticket-said');
    node.textContent = text;
    node.dataset.good = good;
    if (text) {
      node.scrollIntoView({ block: 'nearest' });
    }
  }

  async place() {
    const { market, account } = this;
    if (this.busy) {
      return;
    }
    if (!account.signed) {
      this.askKeys();
      return;
    }
    if (market.status !== 'TRADING') {
      this.askWhether(market);
      return;
    }
    const { values, last } = this, wrong = wrongOf(values, market, last);
    if (wrong) {
      this.said(wrong[1], false);
      this.form.elements[wrong[0]].focus();
      return;
    }
    this.busy = true;
    this.said('Sending …');
    soon(this.draw);
    await this.send(market, values, orderOf(values, last));
    this.busy = false;
    soon(this.draw);
  }

  // What is known of a symbol that does not trade may be old: nothing is sent to it, but it is asked for.
  async askWhether(market) {
    const closed = () => `${market.symbol} is not trading (${market.status}).`;
    this.said(`${closed()} Asking the exchange again …`, false);
    await this.closed();
    if (market === this.market) {
      this.said(market.status === 'TRADING' ? `${market.symbol} is trading again.` : closed(), market.status === 'TRADING');
    }
  }

  // The answer may come when another symbol is chosen: it is told with its own.
  async send(market, { amount }, { path, params }) {
    const begun = performance.now(), name = () => (market === this.market ? '' : `${market.symbol}: `);
    try {
      const answer = await this.account.keys.rest('POST', path, { symbol: market.symbol, ...params, newOrderRespType: 'RESULT' });
      this.said(`${name()}${toldOf(answer, market)} (${Math.round(performance.now() - begun)} ms)`);
      if (market === this.market && amount === this.values.amount) {
        this.emptied(); // so that one more order is typed, not slipped into
      }
    } catch (error) {
      this.said(name() + refusalOf(error), false);
      if (error.unknown) {
        this.account.refresh().catch(() => this.account.socket?.drop()); // then all comes with the next connection
      } else if (error.message === 'Market is closed.') {
        this.closed();
      }
    }
  }
}
