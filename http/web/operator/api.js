// The admin API. The token is in this page's memory only, and goes to the listener that the page came from.

export class Refused extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status; // 0: no answer
    this.code = code;
  }
}

const DEADLINE_MS = 15000;
const SENDABLE = /^[\x21-\x7e]*$/; // of other letters no header can be made, and no token is

export class Admin {
  constructor() {
    this.token = '';
  }

  async ask(method, path, body) {
    let answer, text;
    if (!SENDABLE.test(this.token)) {
      throw new Refused(401, -2015, 'The admin token is missing or wrong.');
    }
    try {
      answer = await fetch(path, { method, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(DEADLINE_MS),
        headers: { Authorization: `Bearer ${this.token}` }, body: body && JSON.stringify(body) });
      text = await answer.text();
    } catch {
      throw new Refused(0, 0, 'The exchange does not answer.');
    }
    if (answer.ok) {
      return text;
    }
    let told = {};
    try {
      told = JSON.parse(text);
    } catch { /* not ours: a proxy's */ }
    throw new Refused(answer.status, told.code ?? 0, told.msg ?? `HTTP ${answer.status}`);
  }

  async json(method, path, body) {
    const text = await this.ask(method, `/admin/v1/${path}`, body);
    try {
      return JSON.parse(text);
    } catch {
      throw new Refused(0, 0, 'What answers is not the exchange.');
    }
  }

  get(path) {
    return this.json('GET', path);
  }

  put(path, body) {
    return this.json('PUT', path, body);
  }

  async metrics() {
    const text = await this.ask('GET', '/metrics');
    if (!text.includes('\ncastle_build_info{')) {
      throw new Refused(0, 0, 'What answers is not the exchange.');
    }
    return text;
  }
}
