// Candles and volume, drawn by TradingView's Lightweight Charts; the build says whether they are there.
import { charts } from './built.js';
import { Candles, LENGTHS, textOf } from './candles.js';
import { $, clockTime, dayTime, el, say, soon } from './dom.js';
import { grouped, toNumber } from './decimal.js';
import { Lines } from './lines.js';

const SHOWN = 500, FIRST = '1m', PAUSE_MS = 2000;
const NEAR = 20; // candles from the oldest one: more are asked for

export class Chart {
  constructor({ streams, klines, orders }) {
    this.streams = streams;
    this.klines = klines; // (params): REST's
    this.orders = orders; // (): the trader's that are open, of every symbol
    this.interval = FIRST;
    this.changed = new Map(); // since the last frame, by their begin
    this.draw = () => {
      this.drawChanged();
      this.drawLines();
      this.drawLegend();
    };
    $('#intervals').append(...Object.keys(LENGTHS).map((name) => el('button',
      { type: 'button', 'aria-pressed': String(name === FIRST), on: { click: () => this.choose(name) } }, name)));
  }

  async start() {
    if (!charts) {
      this.missing('This build has no charts: lightweight-charts, which npm has, was not there when it was made. ' +
        'Everything else works. Where npm can be reached, ./dev build puts them in.');
      return;
    }
    this.tv = await import('./lightweight-charts.js');
    this.chart = this.tv.createChart($('#chart'), { autoSize: true, layout: { attributionLogo: true, fontSize: 11, panes: { enableResize: false } },
      timeScale: { timeVisible: true, rightOffset: 4, tickMarkFormatter: (time, kind) => this.mark(time * 1000, kind) }, crosshair: { mode: 0 },
      localization: { timeFormatter: (time) => dayTime(time * 1000) } });
    this.series = this.chart.addSeries(this.tv.CandlestickSeries, {});
    this.lines = new Lines(this.series);
    this.series.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.24 } });
    this.volume = this.chart.addSeries(this.tv.HistogramSeries, { priceScaleId: 'volume', priceFormat: { type: 'volume' },
      lastValueVisible: false, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.chart.subscribeCrosshairMove(({ time }) => {
      this.hovered = time;
      soon(this.draw);
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && range.from < NEAR && this.older());
    this.paint();
  }

  // A mark of the time axis in the reader's own time, as the trades have it.
  mark(ms, kind) {
    const [day, time] = dayTime(ms).split(' ');
    return [day.slice(0, 4), day.slice(0, 7), day.slice(5), time.slice(0, 5), clockTime(ms)][kind];
  }

  missing(text) {
    $('#chart').hidden = true;
    $('#chart-none').hidden = false;
    say($('#chart-none'), text);
  }

  // The colours of the theme.
  paint() {
    if (!this.chart) {
      return;
    }
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    this.colours = [colour('--buy'), colour('--sell')];
    const lines = { color: colour('--line') };
    this.chart.applyOptions({ layout: { background: { color: colour('--panel') }, textColor: colour('--muted') },
      grid: { vertLines: lines, horzLines: lines }, rightPriceScale: { borderColor: colour('--line') }, timeScale: { borderColor: colour('--line') } });
    const [up, down] = this.colours;
    this.series.applyOptions({ upColor: colour('--panel'), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
    this.redraw();
  }

  choose(interval) {
    this.interval = interval;
    for (const button of $('#intervals').children) {
      button.setAttribute('aria-pressed', String(button.textContent === interval));
    }
    if (this.market) {
      this.follow(this.market);
    }
  }

  follow(market) {
    this.leave?.();
    this.market = market;
    const name = market.symbol.toLowerCase(), interval = this.interval, mine = this.candles = new Candles(interval);
    this.came(false);
    this.refused = null;
    this.series?.applyOptions({ priceFormat: { type: 'price', precision: market.pricePlaces, minMove: toNumber(market.tick) } });
    this.chart?.applyOptions({ timeScale: { secondsVisible: interval === '1s' } });
    this.redraw(true);
    const live = async () => {
      const rows = await this.ask(mine);
      if (rows) {
        const first = !this.ready;
        mine.load(rows);
        this.ended = false;
        this.redraw(first);
        this.came(true);
      }
    };
    const leaves = [this.streams.want(`${name}@kline_${interval}`, { live, event: (event) => this.take(mine, mine.kline(event.k)) }),
      this.streams.want(`${name}@trade`, { event: (event) => this.take(mine, mine.trade(event)) })];
    this.leave = () => leaves.forEach((leave) => leave());
  }

  // Whether REST's candles are there.
  came(ready) {
    this.ready = ready;
    $('#chart').dataset.ready = String(ready);
  }

  // REST's candles, asked for until they come; null when others have been chosen meanwhile.
  async ask(mine, params) {
    const { market: { symbol }, interval } = this;
    while (mine === this.candles) {
      try {
        const rows = await this.klines({ symbol, interval, limit: SHOWN, ...params });
        if (mine === this.candles) {
          this.refused = null;
          return rows;
        }
      } catch (error) {
        if (mine === this.candles) {
          this.refused = `The candles do not come: ${error.message} Trying again …`;
          soon(this.draw);
        }
        await new Promise((done) => setTimeout(done, Math.max(PAUSE_MS, error.retryMs ?? 0)));
      }
    }
    return null;
  }

  async older() {
    const mine = this.candles, first = mine?.all[0];
    if (!this.ready || !first || this.asking === first || this.ended) {
      return;
    }
    this.asking = first;
    const rows = await this.ask(mine, { endTime: first.begin - 1 });
    if (rows && first === mine.all[0]) { // not loaded anew meanwhile
      this.ended = rows.length < SHOWN;
      mine.prepend(rows);
      if (rows.length) {
        this.redraw();
      }
    }
  }

  bar(candle) {
    return { time: candle.begin / 1000, open: toNumber(candle.open), high: toNumber(candle.high), low: toNumber(candle.low), close: toNumber(candle.close) };
  }

  block(candle) {
    return { time: candle.begin / 1000, value: toNumber(candle.volume), color: `${this.colours[candle.close < candle.open ? 1 : 0]}66` };
  }

  take(candles, changed) {
    if (candles !== this.candles || !candles.all.length) {
      return;
    }
    for (const candle of changed) {
      this.changed.set(candle.begin, candle);
    }
    soon(this.draw);
  }

  // What has changed since the last frame, in order; behind the last candle it is a correction.
  drawChanged() {
    for (const [begin, candle] of this.chart ? [...this.changed].sort(([a], [b]) => a - b) : []) {
      const past = begin < this.drawnTo;
      this.series.update(this.bar(candle), past);
      this.volume.update(this.block(candle), past);
      this.drawnTo = Math.max(this.drawnTo, begin);
    }
    this.changed.clear();
  }

  redraw(fit = false) {
    this.changed.clear();
    if (this.chart && this.candles) {
      this.drawnTo = this.candles.all.at(-1)?.begin ?? 0;
      this.series.setData(this.candles.all.map((candle) => this.bar(candle)));
      this.volume.setData(this.candles.all.map((candle) => this.block(candle)));
      if (fit && this.candles.all.length) {
        this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(this.candles.all.length - 120, 0) - 2, to: this.candles.all.length + 4 });
      }
    }
    soon(this.draw);
  }

  // The last price and the trader's orders. A rising candle is hollow, so its own colour, the panel's, would not be seen.
  drawLines() {
    if (!this.chart) {
      return;
    }
    const last = this.candles?.all.at(-1), colour = this.colours[last?.close < last?.open ? 1 : 0];
    if (colour !== this.lastColour) {
      this.series.applyOptions({ priceLineColor: this.lastColour = colour });
    }
    this.lines.draw(last ? this.orders().filter(({ symbol }) => symbol === this.market.symbol) : [], this.colours);
  }

  drawLegend() {
    const { candles, market } = this;
    const candle = (this.hovered && candles?.all.find((one) => one.begin === this.hovered * 1000)) || candles?.all.at(-1);
    const legend = $('#legend');
    if (!candle || this.refused) {
      say(legend, this.refused ?? (this.ready ? 'no trades yet' : ''));
      legend.className = 'legend';
      return;
    }
    const price = (atoms) => grouped(atoms, market.pricePlaces);
    say(legend, `O ${price(candle.open)}  H ${price(candle.high)}  L ${price(candle.low)}  C ${price(candle.close)}  V ${grouped(candle.volume, market.quantityPlaces)}`);
    legend.className = `legend ${candle.close < candle.open ? 'down' : 'up'}`;
    legend.newest = () => candles.all.slice(-60).map((one) => textOf(one, market)); // for who wants exact figures
  }
}
