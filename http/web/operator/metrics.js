// What GET /metrics says (Prometheus' text format 0.0.4), at one moment, and what happened between two. No page, no network.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

const labelsOf = (text) => Object.fromEntries([...(text ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]));
const fits = (labels, wanted) => Object.entries(wanted).every(([name, value]) => labels[name] === value);

const UNUSED = /^castle_lane_(messages|full)_total/; // as many as cores squared

export class Metrics {
  constructor(text, ms) {
    this.ms = ms; // when it was read
    this.series = new Map(); // name → [{labels, value}]
    for (const line of text.split('\n')) {
      const found = line.startsWith('#') || UNUSED.test(line) ? null : LINE.exec(line);
      if (found) {
        const [, name, labels, value] = found;
        const row = { labels: labelsOf(labels), value: Number(value) };
        if (this.series.has(name)) {
          this.series.get(name).push(row);
        } else {
          this.series.set(name, [row]);
        }
      }
    }
  }

  // Forgets the rows of a family that do not pass: what is kept for a minute is to be small.
  thin(name, passes) {
    this.series.set(name, this.rows(name).filter(passes));
  }

  rows(name, wanted = {}) {
    return (this.series.get(name) ?? []).filter(({ labels }) => fits(labels, wanted));
  }

  // All series that have these labels, together; 0 where there is none.
  sum(name, wanted = {}) {
    return this.rows(name, wanted).reduce((sum, { value }) => sum + value, 0);
  }

  labels(name) {
    return this.series.get(name)?.[0]?.labels ?? {};
  }

  // {bounds, counts}: how many in each bucket, the last one above every bound.
  histogram(name, wanted = {}) {
    const rows = this.rows(`${name}_bucket`, wanted);
    const below = rows.map(({ value }) => value);
    return { bounds: rows.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le))),
      counts: below.map((value, i) => value - (i ? below[i - 1] : 0)) };
  }
}

// ---- between two: `then` may be undefined, which is nothing ----

export const grown = (now, then, name, wanted) => (then ? Math.max(0, now.sum(name, wanted) - then.sum(name, wanted)) : 0);

export const rate = (now, then, name, wanted) => (then && now.ms > then.ms ? (grown(now, then, name, wanted) * 1000) / (now.ms - then.ms) : 0);

export function between(now, then, name, wanted) {
  const after = now.histogram(name, wanted), before = then?.histogram(name, wanted);
  return { bounds: after.bounds, counts: after.counts.map((count, i) => Math.max(0, count - (before?.counts[i] ?? 0))) };
}

export const total = ({ counts }) => counts.reduce((sum, count) => sum + count, 0);

// The bound of the bucket that the q-th of its values is in: it is not above that. NaN of none.
export function quantile({ bounds, counts }, q) {
  const all = total({ counts });
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i];
    if (all && seen >= q * all) {
      return bounds[i];
    }
  }
  return NaN;
}
