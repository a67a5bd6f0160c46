// The trader's open orders as lines on the chart: each at its price, or, while it waits for its stop, at that.
import { parse, plain, toNumber } from './decimal.js';

const NAMES = { BUY: '▲ Buy', SELL: '▼ Sell' }, WAITING = { BUY: '▲ Stop buy', SELL: '▼ Stop sell' };

function lineOf(order, [buy, sell]) {
  const stop = parse(order.stop), waits = stop > 0n && !order.working;
  return { price: toNumber(waits ? stop : parse(order.price)), color: order.side === 'BUY' ? buy : sell, lineWidth: 1, lineStyle: waits ? 2 : 0,
    axisLabelVisible: true, title: `${(waits ? WAITING : NAMES)[order.side]} ${plain(parse(order.quantity) - parse(order.filled))}` };
}

export class Lines {
  constructor(series) {
    this.series = series;
    this.drawn = new Map(); // order's id: {line, as: its options as text}
  }

  // Those of one symbol, with the colours of buying and selling; what has not changed stays.
  draw(orders, colours) {
    const wanted = new Map(orders.filter(({ status }) => status !== 'PENDING_NEW').map((order) => [order.id, lineOf(order, colours)]));
    for (const [id, { line, as }] of this.drawn) {
      if (as !== JSON.stringify(wanted.get(id))) {
        this.series.removePriceLine(line);
        this.drawn.delete(id);
      }
    }
    for (const [id, options] of wanted) {
      if (!this.drawn.has(id)) {
        this.drawn.set(id, { line: this.series.createPriceLine(options), as: JSON.stringify(options) });
      }
    }
  }
}
