// The operator's view: asks the admin listener again and again, and tells the panels. The token first.
import { plots } from '../built.js';
import { $, clockTime, el, say } from '../dom.js';
import { theme } from '../theme.js';
import { alarms } from './alarms.js';
import { Admin, Refused } from './api.js';
import { Heat, latency, shades } from './heat.js';
import { History, KINDS } from './history.js';
import { Metrics, between, quantile, rate, total } from './metrics.js';
import { Audit, Connections, Cores, Latencies, Shards, perSecond, whole } from './panels.js';
import { Lines } from './plots.js';
import { Symbols } from './symbols.js';

const TICK_MS = 1000, SHARDS_TICKS = 2, CONNECTIONS_TICKS = 5, SYMBOLS_TICKS = 10, MINUTE_MS = 60000, RECENT_MS = 5500;

const admin = new Admin(), history = new History();
const latencies = new Latencies($('#latency')), cores = new Cores($('#cores')), shards = new Shards($('#shards'));
const connections = new Connections({ listeners: $('#connections'), slow: $('#slow'), none: $('#slow-none') });
const audit = new Audit($('#audit-table')), symbols = new Symbols({ admin, changed: () => attempt(readSymbols), told: (text) => say($('#closed'), text) });
let rounds = 0;
let samples = []; // Metrics of the last minute, oldest first
let shown = []; // the plots
let made = null; // a promise of them, once
let kind = 'order', ticks = 0, round = 0; // round: each time that a token was taken, 0 while there is none

function banner(text) {
  $('#banner').hidden = !text;
  say($('#banner'), text);
}

function connected(state) {
  const words = { live: 'live', lost: 'no answer', connecting: 'not connected' };
  $('#connection').dataset.state = state;
  say($('#connection [data-of=state]'), words[state]);
}

// ---- plots ----

function withoutPlots(why) {
  banner(why);
  for (const place of document.querySelectorAll('.plot')) {
    place.remove();
  }
  $('.scale').remove();
  $('#plots-by').remove();
}

async function makePlots() {
  if (!plots) {
    withoutPlots('This build is without plots: npm could not be reached when it was made. Everything else is here.');
    return;
  }
  let uPlot;
  try {
    uPlot = (await import('/web/uplot.js')).default;
  } catch {
    withoutPlots('The plots could not be loaded. Everything else is here; for them load the page again.');
    return;
  }
  document.head.append(el('link', { rel: 'stylesheet', href: '/web/uplot.css' }));
  const { lines } = history, seconds = (value) => latency(value);
  const made = (place, text, names, log) => {
    const plot = new Lines({ uPlot, place: $(place), text, log, lines: names.map(([, label, colour, dash]) => ({ label, colour, dash })) });
    return { paint: () => plot.paint(), draw: () => plot.draw(history.times, names.map(([name]) => history.lines[name])) };
  };
  shown = [
    made('#rates', perSecond, [['good', 'done', '--buy'], ['wrong', 'refused (4xx)', '--muted', [6, 4]], ['limited', 'too many (429, 418)', '--sell'],
      ['failed', 'failed (5xx)', '--bad', [2, 3]]]),
    made('#work', perSecond, [['sent', 'requests to shards', '--buy'], ['records', 'journal records', '--sell', [6, 4]]]),
    made('#sync', seconds, [['syncHalf', 'half within', '--buy'], ['syncWorst', '99 of 100 within', '--sell', [6, 4]]], true),
    made('#lag', whole, [['lag', 'not durable yet', '--buy'], ['historyLag', 'not in the history yet', '--sell', [6, 4]]]),
  ];
  const heat = new Heat({ uPlot, place: $('#heat'), said: (text) => say($('#heat-said'), text) });
  shown.push({ paint: () => heat.paint(), draw: () => heat.draw(history.times, history.heat[kind]) });
  const scale = $('#scale').getContext('2d');
  shades.forEach((shade, i) => {
    scale.fillStyle = shade;
    scale.fillRect((i * 128) / shades.length, 0, 128 / shades.length + 1, 10);
  });
}

for (const [name, { title }] of Object.entries(KINDS)) {
  $('#kinds').append(el('button', { type: 'button', 'aria-pressed': String(name === kind), on: { click: (event) => {
    kind = name;
    [...$('#kinds').children].forEach((button) => button.setAttribute('aria-pressed', String(button === event.target)));
    shown.forEach((plot) => plot.draw());
  } } }, title));
}

// ---- figures ----

const FIGURES = [
  ['Answers/s', ({ now, then }) => perSecond(rate(now, then, 'castle_http_requests_total'))],
  ['Records/s', ({ now, then }) => perSecond(rate(now, then, 'castle_journal_records_total'))],
  ['Open orders', ({ now }) => whole(now.sum('castle_open_orders'))],
  ['Users', ({ now }) => whole(now.sum('castle_users'))],
  ['Symbols', ({ now }) => whole(now.sum('castle_symbols'))],
  ['Connections', ({ now }) => whole(now.sum('castle_connections', { listener: 'public' }))],
  ['WebSockets', ({ now }) => whole(now.sum('castle_ws_connections'))],
  ['Streams subscribed', ({ now }) => whole(now.sum('castle_ws_subscriptions'))],
  ['Frames/s', ({ now, then }) => perSecond(rate(now, then, 'castle_ws_frames_total'))],
  ['Slow ones closed', ({ now }) => whole(now.sum('castle_ws_slow_closed_total'))],
  ['Sync p99, minute', ({ now, minute }) => {
    const syncs = between(now, minute, 'castle_journal_sync_seconds');
    return total(syncs) ? latency(quantile(syncs, 0.99)) : '–';
  }],
  ['Not durable yet', ({ now }) => whole(now.sum('castle_journal_lag_records'))],
  ['History behind', ({ now }) => whole(now.sum('castle_history_lag_records'))],
  ['Durable LSN', ({ now }) => whole(now.sum('castle_journal_durable_lsn'))],
  ['Since snapshot', ({ now }) => whole(Math.max(0, now.sum('castle_journal_durable_lsn') - now.sum('castle_snapshot_lsn')))],
  ['CPU', ({ now, then }) => `${Math.round(rate(now, then, 'process_cpu_seconds_total') * 100)} %`],
  ['Memory', ({ now }) => `${whole(now.sum('process_resident_memory_bytes') / 2 ** 20)} MiB`],
  ['Open files', ({ now }) => whole(now.sum('process_open_fds'))],
].map(([title, value]) => {
  const shows = el('dd');
  $('#figures').append(el('div', {}, el('dt', {}, title), shows));
  return { value, shows };
});

function ago(seconds) {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']].map(([length, unit], i, all) =>
    [Math.floor((i ? seconds % all[i - 1][0] : seconds) / length), unit]);
  const first = parts.findIndex(([count]) => count);
  return (first < 0 ? parts.slice(-1) : parts.slice(first, first + 2)).map((part) => part.join(' ')).join(' ');
}

function drawState(found) {
  const grave = found.filter((one) => one.grave).length;
  $('.state').dataset.well = String(!found.length);
  say($('#state-title'), !found.length ? '✓ All is well' : grave ? `${grave} ${grave === 1 ? 'thing needs' : 'things need'} you now` : `${found.length} to look at`);
  const texts = found.map(({ text }) => text).join('\n');
  if ($('#alarms').said !== texts) {
    $('#alarms').said = texts;
    $('#alarms').replaceChildren(...found.map((one) => {
      const line = el('li', {}, one.text);
      line.dataset.grave = String(one.grave);
      return line;
    }));
  }
}

// ---- asking: each reads, and shows what it read if the token is still the one it was asked with ----

async function read(ask, show) {
  const mine = round, found = await ask();
  if (mine === round) {
    show(found);
  }
}

const readMetrics = () => read(() => admin.metrics(), (text) => {
  const now = new Metrics(text, Date.now());
  const started = now.sum('process_start_time_seconds');
  if (samples.length && samples.at(-1).sum('process_start_time_seconds') !== started) { // it has begun anew
    samples = [];
    history.clear();
    shards.before = null;
  }
  samples = samples.filter((one) => now.ms - one.ms <= MINUTE_MS);
  const then = samples.at(-1), minute = samples[0];
  const { version, commit } = now.labels('castle_build_info');
  say($('#what'), `${version} (${commit}) on ${location.host}, up ${ago(Math.max(0, Math.floor(now.ms / 1000 - started)))}`);
  FIGURES.forEach(({ value, shows }) => say(shows, value({ now, then, minute })));
  drawState(alarms(now, minute, samples.findLast((one) => now.ms - one.ms >= RECENT_MS)));
  latencies.draw(now, minute);
  connections.draw(now);
  now.thin('castle_lane_depth', ({ value }) => value > 0);
  samples.push(now);
  history.add(now);
  shown.forEach((plot) => plot.draw());
});

const readShards = () => read(() => admin.get('shards'), (found) => {
  shards.draw(found.shards, Date.now());
  symbols.drawPlaces(found.shards, shards.rates);
  cores.draw(found.cores, samples.at(-1), samples.at(-2), samples[0]);
});

const readSymbols = () => read(() => admin.get('symbols'), (found) => symbols.draw(found));

// It stops the exchange for a moment: only while somebody looks.
let slowSeen = false;
new IntersectionObserver(([entry]) => (slowSeen = entry.isIntersecting)).observe($('#slow').parentElement);
const readSlow = () => slowSeen && read(() => admin.get('connections'), (found) => connections.drawSlow(found));

const READS = [[readMetrics, 1], [readShards, SHARDS_TICKS], [readSlow, CONNECTIONS_TICKS], [readSymbols, SYMBOLS_TICKS]]
  .map(([what, every]) => ({ what, every, due: 0 }));

function lost(why) {
  if ($('#connection').dataset.state !== 'lost') {
    connected('lost');
    $('#view').dataset.stale = 'true';
    drawState([{ grave: true, text: `${why} What is shown is of ${clockTime(samples.at(-1)?.ms ?? Date.now())}, and older.` }]);
  }
}

// Whether it could be read. A token that is no longer good is asked for again, the rest is tried again.
async function attempt(what) {
  const mine = round;
  if (!mine) {
    return false;
  }
  try {
    await what();
    return mine === round;
  } catch (error) {
    if (mine !== round) {
      return false;
    }
    if (error.status === 401) {
      leave('The token is no longer good.');
    } else {
      lost(error instanceof Refused ? error.message : 'This page has failed: load it again.');
      if (!(error instanceof Refused)) {
        console.error(error);
      }
    }
    return false;
  }
}

async function tick(mine) {
  const begun = performance.now();
  if (mine !== round) {
    return;
  }
  if (!document.hidden) {
    let all = true;
    for (const one of READS) {
      if (all && one.due <= ticks) {
        all = await attempt(one.what);
        one.due = all ? ticks + one.every : ticks;
      }
    }
    if (all && mine === round) {
      connected('live');
      $('#view').dataset.stale = 'false';
    }
    ticks++;
  }
  setTimeout(tick, Math.max(0, TICK_MS - (performance.now() - begun)), mine);
}

// ---- the token ----

function leave(text) {
  round = 0;
  admin.token = '';
  samples = [];
  history.clear();
  $('#view').hidden = $('#leave').hidden = true;
  $('#ask').hidden = false;
  $('#confirm').close();
  connected('connecting');
  say($('#token-said'), text);
  $('#token').focus();
}

$('#leave').addEventListener('click', () => leave('The token is forgotten.'));

$('#token-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = $('#token-form [type=submit]');
  admin.token = $('#token').value.trim();
  button.disabled = true;
  say($('#token-said'), 'Asking the exchange …');
  try {
    await admin.get('filters');
    $('#token-form').reset();
    say($('#token-said'), '');
    $('#ask').hidden = true;
    $('#view').hidden = $('#leave').hidden = false;
    await (made ??= makePlots());
    ticks = 0;
    READS.forEach((one) => (one.due = 0));
    tick(round = ++rounds);
  } catch (error) {
    admin.token = '';
    say($('#token-said'), error.message);
    if (!(error instanceof Refused)) {
      throw error;
    }
  } finally {
    button.disabled = false;
  }
});

$('#audit').addEventListener('click', async () => {
  $('#audit').disabled = true;
  say($('#audit-said'), 'Adding up …');
  try {
    await read(() => admin.get('audit'), (found) => audit.draw(found));
  } catch (error) {
    $('#audit-said').dataset.good = 'false';
    say($('#audit-said'), error.message);
    if (!(error instanceof Refused)) {
      throw error;
    }
  } finally {
    $('#audit').disabled = false;
  }
});

theme(() => shown.forEach((plot) => plot.paint()));
$('#token').focus();
