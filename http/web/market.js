// What exchangeInfo says of a symbol, as amounts in atoms.
import { parse, placesOf } from './decimal.js';

export function marketOf(info) {
  const filters = Object.fromEntries(info.filters.map((filter) => [filter.filterType, filter]));
  const step = parse(filters.LOT_SIZE?.stepSize ?? '0') || 1n, tick = parse(filters.PRICE_FILTER?.tickSize ?? '0') || 1n;
  const notional = filters.NOTIONAL ?? filters.MIN_NOTIONAL;
  const pricePlaces = placesOf(tick), quantityPlaces = placesOf(step);
  return { symbol: info.symbol, base: info.baseAsset, quote: info.quoteAsset, status: info.status, tick, step,
    pricePlaces, quantityPlaces, quotePlaces: Math.min(pricePlaces + quantityPlaces, 8), // of a price times a quantity
    quantityMin: parse(filters.LOT_SIZE?.minQty ?? '0'), quantityMax: parse(filters.LOT_SIZE?.maxQty ?? '0'),
    notionalMin: parse(notional?.minNotional ?? '0') };
}
