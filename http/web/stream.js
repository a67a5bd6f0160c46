// Market streams over one connection: who wants a stream is told its events, when it has become live, and when it was lost.
//
// live() comes once for each connection, when the server has said that the stream is subscribed: what is asked by REST from
// then on meets the events. lost() comes when events may have been missed; live() follows when the connection is back.
import { Socket } from './socket.js';

export class Streams {
  constructor(on) { // state(text), latency(ms)
    this.wanted = new Map(); // name: the sets of those who want it
    this.pending = new Map(); // name: who has just come to want it
    this.on = on;
    this.socket = new Socket('/stream', 'LIST_SUBSCRIPTIONS', {
      opened: () => {
        on.state('live');
        this.ask(this.wanted);
      },
      lost: () => {
        on.state('lost');
        for (const listeners of this.wanted.values()) {
          for (const listener of listeners) {
            listener.lost?.();
          }
        }
      },
      latency: on.latency,
      message: (message) => {
        for (const listener of this.wanted.get(message.stream) ?? []) {
          listener.event(message.data);
        }
      },
    });
  }

  // Returns a function that ends it.
  want(name, listener) {
    if (!this.wanted.has(name)) {
      this.wanted.set(name, new Set());
    }
    this.wanted.get(name).add(listener);
    this.later(name).add(listener);
    return () => {
      const left = this.wanted.get(name);
      left.delete(listener);
      if (!left.size) {
        this.wanted.delete(name);
      }
      this.later(name).delete(listener);
    };
  }

  // A change of symbol is many streams: they go in one frame.
  later(name) {
    if (!this.pending.size) {
      queueMicrotask(() => {
        const pending = this.pending;
        this.pending = new Map();
        if (this.socket.open) {
          this.leave([...pending.keys()].filter((one) => !this.wanted.has(one)));
          this.ask(new Map([...pending].filter(([, listeners]) => listeners.size)));
        }
      });
    }
    if (!this.pending.has(name)) {
      this.pending.set(name, new Set());
    }
    return this.pending.get(name);
  }

  leave(names) {
    if (names.length) {
      this.socket.request('UNSUBSCRIBE', names).catch(() => {});
    }
  }

  // Subscribes, and tells those listeners when it is done.
  ask(names) {
    const whom = [...names].flatMap(([name, listeners]) => [...listeners].map((listener) => [name, listener]));
    if (!whom.length) {
      return;
    }
    this.socket.request('SUBSCRIBE', [...names.keys()]).then(() => {
      this.socket.settled();
      for (const [name, listener] of whom) {
        if (this.wanted.get(name)?.has(listener)) {
          listener.live?.();
        }
      }
    }, () => {}); // the connection was lost: the next one asks again
  }
}
