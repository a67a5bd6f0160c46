// A WebSocket that comes back: requests with answers, a pulse that measures the way there and back, growing pauses.

const PULSE_MS = 5000, DEAD_MS = 8000, PAUSE_MIN_MS = 250, PAUSE_MAX_MS = 8000;
const SPACING_MS = 220; // at most 5 frames a second are taken (API.md)

export class Socket {
  // `on`: opened(), lost(), message(value), latency(ms). `pulse`: a method that is harmless, and costs little.
  constructor(path, pulse, on) {
    this.url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
    this.pulse = pulse;
    this.on = on;
    this.pause = PAUSE_MIN_MS;
    this.next = 1;
    this.asked = new Map();
    this.queue = [];
    this.online = () => this.hurry();
    addEventListener('online', this.online);
    this.connect();
  }

  connect() {
    this.timer = null;
    const ws = this.ws = new WebSocket(this.url);
    ws.onopen = () => {
      this.open = true;
      this.beat();
      this.on.opened();
    };
    ws.onmessage = (event) => this.take(JSON.parse(event.data));
    ws.onclose = () => ws === this.ws && this.gone();
  }

  // Its user has all that it came for: only then the next pause is a short one, for a server that opens and then refuses is none to hurry.
  settled() {
    this.pause = PAUSE_MIN_MS;
  }

  take(message) {
    const waiting = message.id === undefined ? undefined : this.asked.get(message.id);
    if (!waiting) {
      this.on.message(message);
      return;
    }
    this.asked.delete(message.id);
    const error = message.error ?? (message.code !== undefined ? message : null);
    if (error) {
      const { retryAfter = 0, serverTime = 0 } = error.data ?? {}; // when it may be asked again, and now
      waiting.no(Object.assign(new Error(error.msg), { code: error.code, retryMs: Math.max(retryAfter - serverTime, 0) }));
    } else {
      waiting.yes(message.result);
    }
  }

  // The next connection comes after a pause, of `leastMs` at least.
  gone(leastMs = 0) {
    const was = this.open;
    this.open = false;
    this.ws = null;
    this.queue = [];
    clearTimeout(this.heart);
    for (const waiting of this.asked.values()) {
      waiting.no(Object.assign(new Error('The connection was lost.'), { code: 0 }));
    }
    this.asked.clear();
    if (was) {
      this.on.lost();
    }
    if (!this.ended) {
      this.timer = setTimeout(() => this.connect(), Math.max(this.pause * (0.75 + Math.random() / 2), leastMs));
      this.pause = Math.min(this.pause * 2, PAUSE_MAX_MS);
    }
  }

  // Does not wait for a close handshake: what is dead does not answer one.
  drop(leastMs) {
    const ws = this.ws;
    if (ws) {
      ws.onclose = ws.onmessage = ws.onopen = null;
      ws.close();
      this.gone(leastMs);
    }
  }

  hurry() {
    if (this.timer) {
      clearTimeout(this.timer);
      this.pause = PAUSE_MIN_MS;
      this.connect();
    }
  }

  end() {
    this.ended = true;
    removeEventListener('online', this.online);
    clearTimeout(this.timer);
    this.drop();
  }

  beat() {
    const begun = performance.now(), ws = this.ws;
    const dead = setTimeout(() => ws === this.ws && this.drop(), DEAD_MS);
    this.request(this.pulse, undefined, true).then(() => this.on.latency(performance.now() - begun), () => {}).finally(() => {
      clearTimeout(dead);
      if (ws === this.ws) {
        this.heart = setTimeout(() => this.beat(), PULSE_MS);
      }
    });
  }

  request(method, params, first = false) {
    const id = this.next++;
    const text = JSON.stringify(params === undefined ? { id, method } : { id, method, params });
    return new Promise((yes, no) => {
      this.asked.set(id, { yes, no });
      if (first) {
        this.ws.send(text);
      } else {
        this.queue.push(text);
        this.drain();
      }
    });
  }

  drain() {
    if (this.draining || !this.queue.length) {
      return;
    }
    this.draining = true;
    this.ws.send(this.queue.shift());
    setTimeout(() => {
      this.draining = false;
      this.drain();
    }, SPACING_MS);
  }
}
