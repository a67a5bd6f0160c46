// Lines over time, by uPlot. Points come once a second, and the last five minutes are shown.

const HEIGHT = 190, AXIS = 62, LEAST = 10;

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function axes(values) {
  const shared = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 } };
  return [{ ...shared, values: (plot, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString('en-GB')), space: 90 },
    { ...shared, size: AXIS, values: (plot, marks) => marks.map((mark) => (mark === null ? '' : values(mark))) }];
}

export const options = (place, more, height = HEIGHT) => ({ width: Math.max(place.clientWidth, 200), height, ms: 1e-3, cursor: { drag: { x: false, y: false } },
  ...more });

// One width with its place, whatever the window becomes.
export function fitted(plot, place, height = HEIGHT) {
  const watch = new ResizeObserver(() => place.clientWidth && plot().setSize({ width: place.clientWidth, height }));
  watch.observe(place);
}

export class Lines {
  // lines: [{label, colour: a name of style.css, dash}], text(value) for the axis and the legend; `log` on a logarithmic scale.
  constructor({ uPlot, place, lines, text, log = false }) {
    Object.assign(this, { uPlot, place, lines, text, log });
    this.data = [[], ...lines.map(() => [])];
    this.paint();
    fitted(() => this.plot, place);
  }

  paint() {
    const { lines, text } = this;
    this.plot?.destroy();
    this.plot = new this.uPlot(options(this.place, {
      scales: { x: { time: true }, y: this.log ? { distr: 3 } : { range: (plot, low, high) => [0, Math.max(high || 0, LEAST) * 1.05] } },
      axes: axes(text),
      series: [{ value: (plot, time) => (time === null || time === undefined ? 'now' : new Date(time * 1000).toLocaleTimeString('en-GB')) },
        ...lines.map(({ label, colour: name, dash }) => ({ label, stroke: colour(name), dash, width: 1.6, points: { show: false },
          value: (plot, value, series, at) => this.said(plot.data[series], value, at) }))],
    }), this.data, this.place);
  }

  // What the legend says: of the moment that is pointed at, else of the last one.
  said(values, value, at) {
    const shown = at === null || at === undefined ? values.at(-1) : value;
    return shown === null || shown === undefined ? '–' : this.text(shown);
  }

  draw(times, columns) {
    this.data = [times, ...columns];
    this.plot.setData(this.data);
  }
}
