// What an operator should look at, by the alarms of docs/OPERATIONS.md that can be judged in a minute. No page, no network.
import { between, grown, quantile, total } from './metrics.js';

const SHARE = 0.01, SYNC_SLOW = 0.02, TURN_SLOW = 0.01, NEARLY = 0.8, LANE_FULL = 0.75, ENOUGH = 100, FEW = 10, STUCK_MS = 5000, SNAPSHOTS = 3;

const percent = (part) => `${Math.round(part * 100)} %`;
const ms = (seconds) => (seconds === Infinity ? 'more than 10 s' : `${seconds * 1000} ms`);

// {grave, text} each. `now` and `then` are Metrics, `then` a minute ago at most, or undefined; `recent` is of STUCK_MS ago or more.
export function alarms(now, then, recent) {
  const found = [];
  const grave = (wrong, text) => wrong && found.push({ grave: true, text });
  const worth = (wrong, text) => wrong && found.push({ grave: false, text });
  const more = (name, wanted) => grown(now, then, name, wanted);

  grave(now.sum('castle_low_space'), 'No space for a next journal segment: new orders are refused with -1008. Free some on the data volume.');
  grave(now.sum('castle_snapshot_diverged'), 'Replaying the journal gave another state than serving it: no more snapshots are made. Keep the data directory.');
  grave(now.sum('castle_history_failed'), 'The history cannot be written. Trading goes on, and the journal is kept for it.');
  if (recent && now.ms - recent.ms >= STUCK_MS) {
    grave(now.sum('castle_journal_lag_records') && recent.sum('castle_journal_lag_records') && !grown(now, recent, 'castle_journal_batches_total'),
      'Records wait for the journal, and nothing was written for seconds: the disk hangs.');
    for (const { labels } of now.rows('castle_core_no_room_total')) {
      grave(grown(now, recent, 'castle_core_no_room_total', labels) && !grown(now, recent, 'castle_core_inputs_total', labels),
        `Core ${labels.core} does not get on: what its inputs cause has no room.`);
    }
  }
  worth(now.sum('castle_draining'), 'The server was told to end, and drains.');

  const answered = more('castle_http_requests_total');
  const busy = more('castle_http_requests_total', { code: '503' }) + more('castle_http_requests_total', { code: '504' });
  worth(answered >= ENOUGH && busy > answered * SHARE, `${percent(busy / answered)} of the last minute’s requests were answered 503 or 504: more load than this machine carries.`);
  worth(more('castle_http_requests_total', { code: '500' }), 'A request was answered 500 in the last minute.');
  for (const { labels, value } of now.rows('castle_gateway_slots_busy')) {
    worth(value > NEARLY * now.sum('castle_gateway_slots', labels), `Core ${labels.core}: more than ${percent(NEARLY)} of its requests’ slots are taken.`);
  }
  const full = (labels, depth) => depth > LANE_FULL * now.sum('castle_lane_capacity', { class: labels.class });
  for (const { labels, value } of now.rows('castle_lane_depth')) {
    worth(full(labels, value) && [recent, then].every((one) => one && full(labels, one.sum('castle_lane_depth', labels))),
      `The ${labels.class} lane from core ${labels.from} to core ${labels.to} stays more than ${percent(LANE_FULL)} full.`);
  }
  const syncs = between(now, then, 'castle_journal_sync_seconds'), many = total(syncs) >= ENOUGH;
  const sync = quantile(syncs, many ? 0.99 : 0.5); // of few, one that is slow says nothing: half of them do
  worth(then && total(syncs) >= FEW && sync > SYNC_SLOW, `The disk is slow: ${many ? '1 in 100 batches' : 'every other batch'} took ${ms(sync)} in the last minute.`);
  for (const { labels } of now.rows('castle_core_inputs_total')) {
    const turns = between(now, then, 'castle_core_turn_seconds', labels), slow = quantile(turns, 0.99);
    worth(then && total(turns) >= ENOUGH && slow > TURN_SLOW, `Core ${labels.core} is held up: 1 in 100 turns took ${ms(slow)} in the last minute.`);
  }
  worth(now.sum('castle_snapshots_failed_total'), 'A snapshot could not be made.');
  const since = now.sum('castle_journal_durable_lsn') - now.sum('castle_snapshot_lsn'), usual = now.sum('castle_snapshot_records');
  worth(usual && since > SNAPSHOTS * usual, `No snapshot for ${since.toLocaleString('en-GB')} records: a restart takes longer, and the journal grows.`);
  for (const what of ['open_orders', 'users', 'symbols']) {
    const most = now.sum(`castle_${what}_max`);
    worth(most && now.sum(`castle_${what}`) > NEARLY * most, `More than ${percent(NEARLY)} of the ${what.replace('_', ' ')} that there may be are there.`);
  }
  const room = now.sum('castle_money_moves_max');
  worth(room && now.sum('castle_money_moves') > NEARLY * room,
    `An account shard keeps more than ${percent(NEARLY)} of the deposits and withdrawals that it has room for: more will be refused.`);
  worth(now.sum('castle_history_reads_failed_total'), 'A lookup in the history failed.');
  worth(more('castle_ws_slow_closed_total'), 'A WebSocket client that did not keep up was closed in the last minute.');
  worth(more('castle_gateway_refused_total'), 'Requests were refused with -1008 in the last minute: more load than this machine carries.');
  worth(more('castle_connections_closed_total', { reason: 'resets' }), 'A connection was closed for its resets in the last minute: an attack, or a client that gives up too early.');
  worth(more('castle_ws_limited_total'), 'An address opened too many WebSockets in the last minute: it reconnects without end.');
  worth(more('castle_limit_refused_total', { limit: 'ban' }), 'A banned address goes on asking.');
  worth(more('castle_bans_total'), 'An address was banned in the last minute: it did not back off.');
  worth(more('castle_edge_refused_total', { reason: 'ambiguous' }), 'A request of ambiguous length was refused: a broken or hostile proxy.');
  worth(more('castle_connections_refused_total'), 'Connections were refused in the last minute: too many in all, or of one address.');
  worth(now.sum('process_open_fds') > NEARLY * now.sum('process_max_fds'), `More than ${percent(NEARLY)} of the files that may be open are.`);
  worth(now.sum('castle_log_lines_total', { level: 'error' }), 'There are errors in the log.');
  worth(now.sum('castle_log_lost_total', { reason: 'full' }) + now.sum('castle_log_lost_total', { reason: 'stdout' }),
    'Lines of the log were lost: who reads it is too slow, or has gone.');
  return found;
}
