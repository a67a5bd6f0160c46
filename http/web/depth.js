// The depth chart: what would be bought or sold up to a price, drawn on a canvas.
import { $, soon } from './dom.js';
import { fixed, grouped, toNumber } from './decimal.js';

export class Depth {
  constructor(book) {
    this.book = book;
    this.canvas = $('#depth');
    this.draw = () => this.drawNow();
    this.pointer = null;
    new ResizeObserver(() => soon(this.draw)).observe(this.canvas);
    $('#depth-range').addEventListener('change', () => soon(this.draw));
    this.canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    this.canvas.addEventListener('pointerleave', () => this.point(null));
  }

  point(x) {
    this.pointer = x;
    soon(this.draw);
  }

  show(market) {
    this.market = market;
    soon(this.draw);
  }

  // The steps of a side up to `limit`: [[price, sum]...].
  stepsOf(side, limit) {
    const steps = [];
    let sum = 0n;
    for (const price of side.prices) {
      if (side.sign > 0 ? price > limit : price < limit) {
        break;
      }
      sum += side.quantities.get(price);
      steps.push([price, sum]);
    }
    return steps;
  }

  drawNow() {
    const { canvas, book, market } = this, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height || !market) {
      return;
    }
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (book.bid === undefined || book.ask === undefined) {
      canvas.setAttribute('aria-label', 'Depth chart: the book has no two sides');
      return;
    }
    const mid = (book.bid + book.ask) / 2n, reach = (mid * BigInt($('#depth-range').value)) / 10000n || 1n;
    const bids = this.stepsOf(book.bids, mid - reach), asks = this.stepsOf(book.asks, mid + reach);
    const most = [bids, asks].reduce((sum, steps) => (steps.length && steps.at(-1)[1] > sum ? steps.at(-1)[1] : sum), 1n);
    const floor = height - 16;
    const xOf = (price) => (toNumber(price - mid + reach) / toNumber(2n * reach)) * width;
    const yOf = (sum) => floor - (toNumber(sum) / toNumber(most)) * (floor - 8);
    const colours = this.colours ??= getComputedStyle(document.documentElement); // it is live
    this.area(pen, bids, xOf, yOf, xOf(mid - reach), floor, colours.getPropertyValue('--buy'));
    this.area(pen, asks, xOf, yOf, xOf(mid + reach), floor, colours.getPropertyValue('--sell'));
    pen.fillStyle = colours.getPropertyValue('--muted');
    pen.font = '11px system-ui, sans-serif';
    const label = (text, x, align) => {
      pen.textAlign = align;
      pen.fillText(text, x, height - 4);
    };
    label(grouped(mid - reach, market.pricePlaces), 2, 'left');
    label(grouped(mid, market.pricePlaces), width / 2, 'center');
    label(grouped(mid + reach, market.pricePlaces), width - 2, 'right');
    canvas.setAttribute('aria-label', `Depth chart: ${fixed(bids.at(-1)?.[1] ?? 0n, market.quantityPlaces)} ${market.base} bid and ` +
      `${fixed(asks.at(-1)?.[1] ?? 0n, market.quantityPlaces)} offered around ${fixed(mid, market.pricePlaces)} ${market.quote}`);
    this.cross(pen, { width, floor, mid, reach, bids, asks, colours });
  }

  area(pen, steps, xOf, yOf, edge, floor, colour) {
    if (!steps.length) {
      return;
    }
    pen.beginPath();
    pen.moveTo(xOf(steps[0][0]), floor);
    let y = floor;
    for (const [price, sum] of steps) {
      const x = xOf(price);
      pen.lineTo(x, y);
      pen.lineTo(x, y = yOf(sum));
    }
    pen.lineTo(edge, y);
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.lineTo(edge, floor);
    pen.closePath();
    pen.globalAlpha = 0.18;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
  }

  // What lies up to where the pointer is.
  cross(pen, { width, floor, mid, reach, bids, asks, colours }) {
    if (this.pointer === null) {
      return;
    }
    const price = mid - reach + BigInt(Math.round((this.pointer / width) * Number(2n * reach)));
    const steps = price < mid ? bids.filter(([at]) => at >= price) : asks.filter(([at]) => at <= price);
    const text = `${grouped(price, this.market.pricePlaces)}: ${fixed(steps.at(-1)?.[1] ?? 0n, this.market.quantityPlaces)} ${this.market.base}`;
    pen.strokeStyle = pen.fillStyle = colours.getPropertyValue('--text');
    pen.lineWidth = 0.5;
    pen.beginPath();
    pen.moveTo(this.pointer, 0);
    pen.lineTo(this.pointer, floor);
    pen.stroke();
    pen.textAlign = this.pointer < width / 2 ? 'left' : 'right';
    pen.fillText(text, this.pointer + (this.pointer < width / 2 ? 6 : -6), 12);
  }
}
