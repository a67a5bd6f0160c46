// The latency heat map: time from left to right, latency upwards in the buckets of a histogram, colour for how many.
import { axes, fitted, options } from './plots.js';
import { total } from './metrics.js';

// Dark blue to yellow, growing steadily in lightness: told apart by any eye, in both themes.
const STOPS = [[24, 60, 130], [54, 76, 122], [85, 91, 108], [124, 123, 120], [165, 156, 114], [210, 192, 92], [255, 234, 70]];
const SHADES = 64, HEIGHT = 270, LABELLED = 3, WIDEST = 3.5; // s

export const shades = Array.from({ length: SHADES }, (_, i) => {
  const at = (i / (SHADES - 1)) * (STOPS.length - 1), low = Math.min(Math.floor(at), STOPS.length - 2), part = at - low;
  return `rgb(${STOPS[low].map((value, c) => Math.round(value + (STOPS[low + 1][c] - value) * part)).join(' ')})`;
});

// The shade of a count among at most `most`: by its logarithm, so that one slow request is seen beside a thousand quick ones.
export const shade = (count, most) => shades[most > 1 ? Math.min(SHADES - 1, Math.floor((Math.log(count) / Math.log(most)) * SHADES)) : SHADES - 1];

export const latency = (seconds) => (seconds === Infinity ? '> 10 s' : seconds >= 1 ? `${seconds} s` : seconds >= 0.001 ? `${+(seconds * 1e3).toFixed(3)} ms`
  : `${+(seconds * 1e6).toFixed(3)} µs`);

export const between = (bounds, i) => (i === 0 ? `up to ${latency(bounds[0])}` : bounds[i] === Infinity ? `over ${latency(bounds[i - 1])}`
  : `${latency(bounds[i - 1])} to ${latency(bounds[i])}`);

export class Heat {
  constructor({ uPlot, place, said }) {
    Object.assign(this, { uPlot, place, said });
    this.times = [];
    this.columns = []; // of each time, {bounds, counts}
    this.paint();
    fitted(() => this.plot, place, HEIGHT);
  }

  paint() {
    this.plot?.destroy();
    const bounds = () => this.columns[0]?.bounds ?? [];
    const [across, upwards] = axes((mark) => (mark && bounds()[mark - 1] ? latency(bounds()[mark - 1]) : ''));
    upwards.splits = () => bounds().map((bound, i) => i).filter((i) => i % LABELLED === 1);
    this.plot = new this.uPlot(options(this.place, {
      scales: { x: { time: true }, y: { range: () => [0, Math.max(bounds().length, 1)] } },
      axes: [across, upwards],
      legend: { show: false },
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [(plot) => this.cells(plot)], setCursor: [(plot) => this.tell(plot)] },
    }, HEIGHT), this.data(), this.place);
  }

  data() {
    return [this.times, this.times.map(() => 0)];
  }

  draw(times, columns) {
    Object.assign(this, { times, columns });
    this.plot.setData(this.data());
  }

  // Where a column begins: at the one before, or a moment before itself when a gap comes before it.
  begin(column) {
    return Math.max(this.times[column - 1] ?? 0, this.times[column] - WIDEST);
  }

  cells(plot) {
    const { ctx } = plot, most = Math.max(1, ...this.columns.flatMap(({ counts }) => counts));
    ctx.save();
    this.columns.forEach(({ counts }, column) => {
      const left = Math.max(plot.valToPos(this.begin(column), 'x', true), plot.bbox.left), right = plot.valToPos(this.times[column], 'x', true);
      counts.forEach((count, i) => {
        if (count) {
          const top = plot.valToPos(i + 1, 'y', true), bottom = plot.valToPos(i, 'y', true);
          ctx.fillStyle = shade(count, most);
          ctx.fillRect(left, top, Math.max(1, right - left), bottom - top);
        }
      });
    });
    ctx.restore();
  }

  // What the pointer is on, in words.
  tell(plot) {
    const { left, top } = plot.cursor, at = left < 0 ? Infinity : plot.posToVal(left, 'x');
    const idx = this.times.findIndex((time) => at <= time), column = this.columns[idx];
    if (!column || at < this.begin(idx)) {
      this.said('');
      return;
    }
    const i = Math.floor(plot.posToVal(top, 'y')), time = new Date(this.times[idx] * 1000).toLocaleTimeString('en-GB');
    this.said(i in column.counts ? `${time}, ${between(column.bounds, i)}: ${column.counts[i]} of ${total(column)}` : time);
  }
}
