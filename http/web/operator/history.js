// What the plots show: of each second what happened in it, for the last five minutes. No page, no network.
import { between, quantile, rate } from './metrics.js';

const KEPT = 300, GAP_MS = 3500;

// What can be shown on the heat map: a histogram each.
export const KINDS = {
  order: { title: 'Orders', name: 'castle_request_seconds', labels: { kind: 'order' } },
  read: { title: 'Account reads', name: 'castle_request_seconds', labels: { kind: 'read' } },
  edge: { title: 'Market data and refusals', name: 'castle_request_seconds', labels: { kind: 'edge' } },
  admin: { title: 'Admin', name: 'castle_request_seconds', labels: { kind: 'admin' } },
  sync: { title: 'Journal syncs', name: 'castle_journal_sync_seconds', labels: {} },
};

const answered = (metrics, fits) => metrics.rows('castle_http_requests_total').filter(({ labels }) => fits(labels.code)).reduce((sum, { value }) => sum + value, 0);
const codes = (now, then, fits) => ((answered(now, fits) - answered(then, fits)) * 1000) / (now.ms - then.ms);

const LINES = {
  good: (now, then) => codes(now, then, (code) => code[0] === '2' || code[0] === '3'),
  wrong: (now, then) => codes(now, then, (code) => code[0] === '4' && !['418', '429'].includes(code)),
  limited: (now, then) => codes(now, then, (code) => ['418', '429'].includes(code)),
  failed: (now, then) => codes(now, then, (code) => code[0] === '5'),
  sent: (now, then) => rate(now, then, 'castle_gateway_requests_total'),
  records: (now, then) => rate(now, then, 'castle_journal_records_total'),
  syncHalf: (now, then) => quantile(between(now, then, 'castle_journal_sync_seconds'), 0.5),
  syncWorst: (now, then) => quantile(between(now, then, 'castle_journal_sync_seconds'), 0.99),
  lag: (now) => now.sum('castle_journal_lag_records'),
  historyLag: (now) => now.sum('castle_history_lag_records'),
};

const drawn = (value) => (Number.isFinite(value) ? value : null);

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.last = undefined;
    this.times = []; // seconds
    this.lines = Object.fromEntries(Object.keys(LINES).map((name) => [name, []]));
    this.heat = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));
  }

  push(time, line, heat) {
    this.times.push(time);
    Object.entries(this.lines).forEach(([name, values]) => values.push(line(name)));
    Object.entries(this.heat).forEach(([kind, columns]) => columns.push(heat(kind)));
    if (this.times.length > KEPT) {
      [this.times, ...Object.values(this.lines), ...Object.values(this.heat)].forEach((values) => values.shift());
    }
  }

  // The next second: Metrics. After a time that was not looked at, there is a gap.
  add(now) {
    const then = this.last;
    this.last = now;
    if (!then) {
      return;
    }
    if (now.ms - then.ms > GAP_MS) {
      const histogram = (kind) => now.histogram(KINDS[kind].name, KINDS[kind].labels);
      this.push(now.ms / 1000, () => null, (kind) => ({ bounds: histogram(kind).bounds, counts: histogram(kind).counts.map(() => 0) }));
      return;
    }
    this.push(now.ms / 1000, (name) => drawn(LINES[name](now, then)), (kind) => between(now, then, KINDS[kind].name, KINDS[kind].labels));
  }
}
