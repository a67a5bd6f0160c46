// While the connection is lost, what is shown is of then: it is dimmed, and a banner says since when, unless it is back in a moment.
import { $, clockTime, say } from './dom.js';

const MOMENT_MS = 1000;
let timer = null; // not null: it is lost

export function stale(lost) {
  if (lost === (timer !== null)) {
    return;
  }
  document.body.dataset.stale = String(lost);
  clearTimeout(timer);
  timer = null;
  $('#stale').hidden = true;
  if (lost) {
    say($('#stale'), `No connection to the exchange since ${clockTime(Date.now())}: trades, candles and figures are of then. Trying again …`);
    timer = setTimeout(() => ($('#stale').hidden = false), MOMENT_MS);
  }
}
