// What a filled-in ticket means: its numbers, what is wrong with them, the order of REST, what it would get, how its answer is told.
// Pure: no network, no page.
import { fixed, floorTo, grouped, min, over, parse, plain, times } from './decimal.js';

// A number as it is sent, of what was typed or pasted: ".5" is "0.5". Commas go where they can only stand between thousands; what is
// no number stays as it is.
export function numberOf(typed) {
  const text = typed.trim(), bare = /^\d{1,3}(,\d{3})+\.\d*$|^\d{1,3}(,\d{3}){2,}$/.test(text) ? text.replaceAll(',', '') : text;
  const atoms = parse(bare);
  return atoms === null ? text : plain(atoms);
}

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

// What is wrong with one number; null: nothing is.
function faultOf(text, step, called, several) {
  if (!text) {
    return `Enter ${called}.`;
  }
  const atoms = parse(text);
  if (atoms === null) {
    return text.includes(',') ? 'Numbers have a decimal point and no commas, such as 61603.62.' : `“${text}” is no number with at most 8 decimals.`;
  }
  return atoms === 0n || atoms % step ? `${several} of ${plain(step)}.` : null;
}

// What is wrong with a ticket before anybody is asked: [field, text]; null: nothing is seen.
export function wrongOf({ kind, price, stop, stopLimit, amount, inQuote }, market, last) {
  const prices = 'Prices are multiples';
  const faults = [['price', 'LIMIT STOP OCO', faultOf(price, market.tick, 'a price', prices)],
    ['stop', 'STOP OCO', faultOf(stop, market.tick, 'a stop price', prices)],
    ['stopLimit', 'OCO', stopLimit && faultOf(stopLimit, market.tick, '', prices)],
    ['amount', kind, faultOf(amount, inQuote ? 1n : market.step, 'an amount', 'The amount is a multiple')],
    ['stop', 'STOP', last === undefined ? 'There is no trade yet that a stop could be compared to.' : null]];
  const [field, , text] = faults.find(([, kinds, fault]) => fault && kinds.split(' ').includes(kind)) ?? [];
  return field ? [field, text] : null;
}

// The exchange's answer to an order of `market`, in words.
export function toldOf(answer, market) {
  if (answer.orderReports) {
    return `OCO ${answer.orderListId} is placed.`;
  }
  const filled = parse(answer.executedQty), what = `${answer.side === 'BUY' ? 'Bought' : 'Sold'} ${fixed(filled, market.quantityPlaces)} ${market.base}`;
  const average = filled ? ` at ${grouped(over(parse(answer.cummulativeQuoteQty), filled), market.pricePlaces)} ${market.quote}` : '';
  const states = { NEW: `Order ${answer.orderId} is placed.`, FILLED: `${what}${average}.`, PARTIALLY_FILLED: `${what}${average}; the rest is in the book.`,
    EXPIRED: filled ? `${what}${average}; the rest expired.` : 'Expired: nobody took the other side.' };
  return states[answer.status] ?? `Order ${answer.orderId}: ${answer.status}.`;
}
