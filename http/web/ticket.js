// The order ticket: what is typed becomes an order of REST, with its total and fee estimated from the book while it is typed.
import { $, $$, el, say, soon } from './dom.js';
import { fixed, floorTo, grouped, max, min, over, parse, plain, times, timesUp } from './decimal.js';

const HUNDRED = 100n;

// What a market order of so much would get now: base amount and quote amount, and whether the book is enough.
export function walk(side, { base, quote }, step) {
  let got = 0n, cost = 0n;
  for (const price of side.prices) {
    const there = side.quantities.get(price);
    const wanted = base !== undefined ? base - got : floorTo(over(quote - cost, price), step);
    const taken = min(there, wanted);
    got += taken;
    cost += times(price, taken);
    if (taken < there) {
      return { got, cost, enough: true };
    }
  }
  return { got, cost, enough: base !== undefined && got === base };
}

// The order that a filled-in ticket means: {path, params} of REST. `last` is the newest price.
export function orderOf({ kind, side, price, stop, stopLimit, amount, inQuote, postOnly, tif }, last) {
  const buy = side === 'BUY', quantity = amount;
  if (kind === 'MARKET') {
    return { path: 'order', params: { side, type: 'MARKET', ...(inQuote ? { quoteOrderQty: amount } : { quantity }) } };
  }
  if (kind === 'LIMIT') {
    return { path: 'order', params: postOnly ? { side, type: 'LIMIT_MAKER', quantity, price }
      : { side, type: 'LIMIT', timeInForce: tif, quantity, price } };
  }
  if (kind === 'STOP') { // a stop that lies against the trade limits a loss, one that lies with it takes a profit
    const above = parse(stop) > last;
    return { path: 'order', params: { side, type: buy === above ? 'STOP_LOSS_LIMIT' : 'TAKE_PROFIT_LIMIT', timeInForce: tif, quantity, price, stopPrice: stop } };
  }
  const far = buy ? 'above' : 'below', near = buy ? 'below' : 'above'; // the stop's leg, and the limit's
  return { path: 'orderList/oco', params: { side, quantity, [`${near}Type`]: 'LIMIT_MAKER', [`${near}Price`]: price,
    [`${far}StopPrice`]: stop, ...(stopLimit ? { [`${far}Type`]: 'STOP_LOSS_LIMIT', [`${far}Price`]: stopLimit, [`${far}TimeInForce`]: tif }
      : { [`${far}Type`]: 'STOP_LOSS' }) } };
}

export class Ticket {
  constructor({ book, account, askKeys }) {
    Object.assign(this, { book, account, askKeys });
    this.form = $('#ticket');
    this.draw = () => this.drawNow();
    const { form } = this;
    form.addEventListener('input', (event) => this.typed(event.target));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.place();
    });
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
        const step = { ArrowUp: 1n, ArrowDown: -1n }[event.key], price = parse(event.target.value);
        if (step && price !== null && this.market) {
          event.preventDefault();
          event.target.value = fixed(max(price + step * this.market.tick * (event.shiftKey ? HUNDRED : 1n), this.market.tick), this.market.pricePlaces);
          soon(this.draw);
        }
      });
    }
  }

  get values() {
    const { elements } = this.form, text = (name) => elements[name].value.trim();
    return { kind: elements.kind.value, side: elements.side.value, price: text('price'), stop: text('stop'), stopLimit: text('stopLimit'),
      amount: text('amount'), inQuote: elements.kind.value === 'MARKET' && text('unit') === 'quote', postOnly: elements.postOnly.checked, tif: text('tif') };
  }

  show(market) {
    this.market = market;
    for (const unit of $$('[data-unit]', this.form)) {
      say(unit, market.quote);
    }
    $('#amount-unit').replaceChildren(el('option', { value: 'base' }, market.base), el('option', { value: 'quote' }, market.quote));
    for (const name of ['price', 'stop', 'stopLimit', 'amount']) {
      this.form.elements[name].value = '';
    }
    $('#part').value = 0;
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
    soon(this.draw);
  }

  price(text) {
    const { elements } = this.form;
    if (elements.kind.value === 'MARKET') {
      elements.kind.value = 'LIMIT';
    }
    elements.price.value = text;
    soon(this.draw);
  }

  pick(which) {
    const { bid, ask } = this.book;
    const price = { bid, ask, mid: bid !== undefined && ask !== undefined ? floorTo((bid + ask) / 2n, this.market.tick) : undefined }[which];
    if (price !== undefined) {
      this.form.elements.price.value = fixed(price, this.market.pricePlaces);
    }
    soon(this.draw);
  }

  typed(target) {
    if (target.id === 'part') {
      this.take(BigInt(target.value));
    } else if (target.name === 'amount' || target.name === 'unit') {
      $('#part').value = 0;
    }
    if (target.name === 'unit') {
      this.form.elements.amount.value = '';
    }
    soon(this.draw);
  }

  // The price that a buy pays at most, as far as it is known.
  get worst() {
    const { kind, price, stop, stopLimit } = this.values, of = (text) => parse(text) ?? 0n;
    if (kind === 'MARKET') {
      return this.book.ask ?? 0n;
    }
    return kind === 'OCO' ? max(of(price), of(stopLimit || stop)) : of(price);
  }

  // So many percent of what is free.
  take(percent) {
    const { side, inQuote } = this.values, { market } = this, buy = side === 'BUY';
    const free = (this.account.free(buy ? market.quote : market.base) * percent) / HUNDRED;
    let amount = buy ? null : floorTo(free, market.step);
    if (inQuote) {
      amount = buy ? free : times(free, this.book.bid ?? 0n);
    } else if (buy && this.worst) {
      amount = floorTo(over(free, this.worst), market.step);
    }
    this.form.elements.amount.value = amount === null ? '' : plain(amount);
    soon(this.draw);
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
      note = !found.enough ? 'The book does not hold that much.' : base ? `About ${grouped(over(total, base), market.pricePlaces)} ${market.quote} each.` : '';
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
    const unit = $('#amount-unit');
    unit.disabled = kind !== 'MARKET';
    if (kind !== 'MARKET') {
      unit.value = 'base';
    }
    $('#tif').disabled = kind === 'LIMIT' && $('#post-only').checked;
    const asset = buy ? market.quote : market.base;
    say($('#available'), account.signed ? `${grouped(account.free(asset), asset === market.base ? market.quantityPlaces : 2)} ${asset}` : '–');
    const estimate = this.estimate();
    say($('#total'), estimate ? `${grouped(estimate.total, 8).replace(/(\.\d\d)\d*$/, '$1')} ${market.quote}` : '–');
    say($('#fee'), estimate && estimate.fee !== null ? `${plain(estimate.fee)} ${estimate.feeAsset} (${plain(estimate.rate * HUNDRED)} % ${estimate.taker ? 'taker' : 'maker'})` : '–');
    say($('#ticket-hint'), kind === 'OCO' && !estimate?.note ? (buy ? 'A bid below the market, and a stop above it: when one ends, the other does.'
      : 'An offer above the market, and a stop below it: when one ends, the other does.') : estimate?.note ?? '');
    const submit = $('#submit');
    submit.disabled = this.busy || market.status !== 'TRADING';
    say(submit, market.status !== 'TRADING' ? `${market.symbol} is not trading (${market.status})`
      : account.signed ? `${buy ? 'Buy' : 'Sell'} ${market.base}` : 'Enter keys to trade');
  }

  // What is wrong with the ticket before anybody is asked; null: nothing is seen.
  wrong() {
    const { kind, price, stop, stopLimit, amount, inQuote } = this.values, { market } = this;
    const on = (text, step) => parse(text) !== null && parse(text) > 0n && parse(text) % step === 0n;
    if (!on(amount, inQuote ? 1n : market.step)) {
      return ['amount', `The amount is a multiple of ${plain(inQuote ? 1n : market.step)}.`];
    }
    for (const [name, text, kinds] of [['price', price, 'LIMIT STOP OCO'], ['stop', stop, 'STOP OCO'], ['stopLimit', stopLimit || String(plain(market.tick)), 'OCO']]) {
      if (kinds.includes(kind) && !on(text, market.tick)) {
        return [name, `Prices are multiples of ${plain(market.tick)}.`];
      }
    }
    return kind === 'STOP' && this.last === undefined ? ['stop', 'There is no trade yet that a stop could be compared to.'] : null;
  }

  said(text, good = true) {
    const node = $('#ticket-said');
    node.textContent = text;
    node.dataset.good = good;
  }

  async place() {
    if (!this.account.signed) {
      this.askKeys();
      return;
    }
    const wrong = this.wrong(), { market } = this;
    if (wrong) {
      this.said(wrong[1], false);
      this.form.elements[wrong[0]].focus();
      return;
    }
    const { path, params } = orderOf(this.values, this.last);
    this.busy = true;
    this.said('Sending …');
    soon(this.draw);
    const begun = performance.now();
    try {
      const answer = await this.account.keys.rest('POST', path, { symbol: market.symbol, ...params, newOrderRespType: 'RESULT' });
      this.said(`${this.told(answer)} (${Math.round(performance.now() - begun)} ms)`);
    } catch (error) {
      this.said(error.unknown ? `${error.message} It is not known whether the order was taken: look at your orders.`
        : `${error.message}${error.code ? ` (${error.code})` : ''}`, false);
      if (error.unknown) {
        this.account.refresh().catch(() => this.account.socket?.drop()); // then all comes with the next connection
      }
    }
    this.busy = false;
    soon(this.draw);
  }

  told(answer) {
    const { market } = this;
    if (answer.orderReports) {
      return `OCO ${answer.orderListId} is placed.`;
    }
    const filled = parse(answer.executedQty), what = `${answer.side === 'BUY' ? 'Bought' : 'Sold'} ${fixed(filled, market.quantityPlaces)} ${market.base}`;
    const average = filled ? ` at ${fixed(over(parse(answer.cummulativeQuoteQty), filled), market.pricePlaces)}` : '';
    const states = { NEW: `Order ${answer.orderId} is placed.`, FILLED: `${what}${average}.`, PARTIALLY_FILLED: `${what}${average}; the rest is in the book.`,
      EXPIRED: filled ? `${what}${average}; the rest expired.` : 'Expired: nobody took the other side.' };
    return states[answer.status] ?? `Order ${answer.orderId}: ${answer.status}.`;
  }
}
