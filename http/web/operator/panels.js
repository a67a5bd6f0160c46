// The tables: cores and lanes, shards, connections, latencies, the audit.
import { grouped, parse } from '../decimal.js';
import { $, el, say } from '../dom.js';
import { between, quantile, rate, total } from './metrics.js';
import { latency } from './heat.js';
import { KINDS } from './history.js';
import { Table } from './table.js';

export const whole = (value) => Math.round(value).toLocaleString('en-GB');
export const perSecond = (value) => (value >= 100 ? whole(value) : value >= 0.05 ? value.toFixed(1) : '0');
const QUANTILES = [['p50', 0.5], ['p99', 0.99], ['p99.9', 0.999]];
const asked = (histogram, q) => (total(histogram) ? latency(quantile(histogram, q)) : '–');

export class Latencies {
  constructor(place) {
    this.table = new Table({ place, caption: 'Latency of the last minute', key: ({ kind }) => kind, columns: [
      { title: 'Last minute', scope: true, cell: ({ kind }) => KINDS[kind].title },
      { title: 'Timed', cell: ({ histogram }) => whole(total(histogram)) },
      ...QUANTILES.map(([title, q]) => ({ title: `${title} at most`, cell: ({ histogram }) => asked(histogram, q) }))] });
  }

  draw(now, then) {
    this.table.draw(Object.entries(KINDS).map(([kind, { name, labels }]) => ({ kind, histogram: between(now, then, name, labels) })));
  }
}

// A lane's bar is made once and then changed.
class Lane {
  constructor(name) {
    this.meter = el('meter', { min: 0, 'aria-label': name });
    this.words = el('span');
    this.node = el('span', { className: 'lane' }, this.meter, this.words);
  }

  draw({ depth, capacity }) {
    Object.assign(this.meter, { max: capacity, low: capacity * 0.5, high: capacity * 0.75, optimum: 0, value: depth });
    say(this.words, `${depth} of ${whole(capacity)}`);
    return this.node;
  }
}

const CLASSES = ['request', 'order', 'report', 'out', 'market'];

export class Cores {
  constructor(place) {
    this.lanes = new Map();
    const of = (name) => ({ now, then, core }) => perSecond(rate(now, then, name, { core: String(core.core) }));
    const turns = ({ now, minute, core }) => between(now, minute, 'castle_core_turn_seconds', { core: String(core.core) });
    this.table = new Table({ place, caption: 'Cores and their lanes', key: ({ core }) => core.core, columns: [
      { title: 'Core', scope: true, cell: ({ core }) => core.core },
      { title: 'Inputs/s', cell: of('castle_core_inputs_total') },
      { title: 'Records/s', cell: of('castle_core_records_total') },
      { title: 'Turn p50', cell: (row) => asked(turns(row), 0.5) },
      { title: 'Turn p99', cell: (row) => asked(turns(row), 0.99) },
      { title: 'No room/s', cell: of('castle_core_no_room_total') },
      { title: 'Chunks not durable', cell: ({ core }) => core.journalLagChunks },
      ...CLASSES.map((name) => ({ title: `Lane ${name}`, cell: ({ core }) => this.fullest(core, name) }))] });
  }

  // Of the lanes of a class that end at this core, the one with the most in it.
  fullest(core, name) {
    const key = `lane ${name} of core ${core.core}`, lanes = core.lanes.filter((lane) => lane.class === name);
    if (!lanes.length) {
      return '–';
    }
    if (!this.lanes.has(key)) {
      this.lanes.set(key, new Lane(key));
    }
    return this.lanes.get(key).draw(lanes.reduce((most, lane) => (lane.depth > most.depth ? lane : most)));
  }

  draw(cores, now, then, minute) {
    this.table.draw(cores.map((core) => ({ core, now, then, minute })));
  }
}

export class Shards {
  constructor(place) {
    this.before = null;
    this.rates = new Map();
    this.busy = new Set(); // that took something since the page looks
    this.table = new Table({ place, caption: 'Shards', key: ({ shard }) => shard, columns: [
      { title: 'Shard', scope: true, cell: ({ shard }) => shard },
      { title: 'Kind', className: 'left', cell: ({ kind }) => kind },
      { title: 'Owner', className: 'left', cell: ({ owner }) => owner },
      { title: 'Core', cell: ({ core }) => core },
      { title: 'Inputs', cell: ({ inputs }) => whole(inputs) },
      { title: 'Inputs/s', cell: ({ shard }) => perSecond(this.rates.get(shard) ?? 0) },
      { title: 'Symbols', className: 'many', cell: ({ symbols }) => symbols.join(' ') }] });
    $('#all-shards').addEventListener('change', () => this.show());
  }

  draw(shards, ms) {
    const { before } = this;
    for (const { shard, inputs } of shards) {
      this.rates.set(shard, before && ms > before.ms ? (Math.max(0, inputs - (before.inputs.get(shard) ?? inputs)) * 1000) / (ms - before.ms) : 0);
    }
    this.rates.forEach((inputs, shard) => inputs && this.busy.add(shard));
    this.before = { ms, inputs: new Map(shards.map(({ shard, inputs }) => [shard, inputs])) };
    this.shards = shards;
    this.show();
  }

  show() {
    this.table.draw((this.shards ?? []).filter(({ shard, symbols }) => $('#all-shards').checked || this.busy.has(shard) || symbols.length));
  }
}

export class Connections {
  constructor({ listeners, slow, none }) {
    this.none = none;
    const count = (name, labels = {}) => ({ now, listener }) => whole(now.sum(name, { listener, ...labels }));
    this.table = new Table({ place: listeners, caption: 'Connections by listener', key: ({ listener }) => listener, columns: [
      { title: 'Listener', scope: true, cell: ({ listener }) => listener },
      { title: 'Open', cell: count('castle_connections') },
      { title: 'Accepted', cell: count('castle_connections_accepted_total') },
      { title: 'Too many', cell: count('castle_connections_refused_total') },
      { title: 'Closed: slow', cell: count('castle_connections_closed_total', { reason: 'slow' }) },
      { title: 'stalled', cell: count('castle_connections_closed_total', { reason: 'stalled' }) },
      { title: 'resets', cell: count('castle_connections_closed_total', { reason: 'resets' }) },
      { title: 'Requests refused', cell: count('castle_edge_refused_total') }] });
    this.slow = new Table({ place: slow, caption: 'WebSocket connections by what waits for them', key: ({ key }) => key, columns: [
      { title: 'Address', scope: true, cell: ({ address }) => address },
      { title: 'Speaks', className: 'left', cell: ({ kind }) => (kind === 'api' ? 'WebSocket API' : 'market streams') },
      { title: 'Core', cell: ({ core }) => core },
      { title: 'Since', cell: ({ openedAt }) => new Date(openedAt).toLocaleTimeString('en-GB') },
      { title: 'Subscribed', cell: ({ subscriptions }) => whole(subscriptions) },
      { title: 'Waits, KiB', cell: ({ waitingBytes }) => whole(waitingBytes / 1024) },
      { title: 'of', cell: ({ budgetBytes }) => whole(budgetBytes / 1024) },
      { title: 'Behind', cell: ({ behind }) => (behind ? 'yes' : 'no') }] });
  }

  draw(now) {
    this.table.draw(['public', 'admin'].map((listener) => ({ now, listener })));
  }

  drawSlow({ webSockets }) {
    const times = new Map(); // one address may have opened several at a time
    this.none.hidden = webSockets.length > 0;
    this.slow.draw(webSockets.map((row) => {
      const begins = `${row.address} ${row.kind} ${row.core} ${row.openedAt}`, number = times.get(begins) ?? 0;
      times.set(begins, number + 1);
      return { ...row, key: `${begins} ${number}` };
    }));
  }
}

// The audit, added up here once more: the page does not take the server's word for it.
const SUMS = ['deposits', 'withdrawals', 'free', 'locked', 'fees', 'inFlight'];
const sum = (text) => (text[0] === '-' ? -parse(text.slice(1)) : parse(text));

export function balanced(row) {
  const [deposits, withdrawals, free, locked, fees, inFlight] = SUMS.map((name) => sum(row[name]));
  return free + locked + fees + inFlight === deposits - withdrawals;
}

export class Audit {
  constructor(place) {
    this.place = place;
    const titles = ['Deposits', 'Withdrawals', 'Free', 'Locked', 'Fees', 'In flight'];
    this.table = new Table({ place, caption: 'The audit by asset', key: ({ asset }) => asset, columns: [
      { title: 'Asset', scope: true, cell: ({ asset }) => asset },
      ...SUMS.map((name, i) => ({ title: titles[i], cell: (row) => grouped(sum(row[name]), 8) })),
      { title: 'Adds up', cell: (row) => (balanced(row) ? '✓ yes' : '✗ no') }] });
  }

  draw(audit) {
    const well = audit.ok && audit.assets.every(balanced);
    this.place.hidden = false;
    this.table.draw(audit.assets);
    $('#audit-said').dataset.good = String(well);
    say($('#audit-said'), `${well ? '✓ Everything adds up' : `✗ It does NOT add up${audit.wrong ? `: ${audit.wrong}` : ''}`}. LSN ${whole(audit.lsn)}, state hash ${audit.stateHash}, `
      + `${whole(audit.openOrders)} open orders, at ${new Date().toLocaleTimeString('en-GB')}.`);
  }
}
