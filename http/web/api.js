// REST: requests, signatures, the server's clock.

export class ApiError extends Error {
  constructor(status, code, text, retryMs = 0) {
    super(text);
    this.retryMs = retryMs; // of 429 and 418: how long the exchange wants to be left alone
    this.status = status;
    this.code = code;
    // Whether an order may have been taken all the same (-1007, or no answer at all).
    this.unknown = status === 0 || status === 504 || code === -1007;
  }
}

let aloneUntil = 0; // the exchange wants to be left alone until then
let tooMuch = () => {};

// listener(until): told when the exchange wants that.
export const onTooMuch = (listener) => tooMuch = listener;

let clockOffset = 0; // server's time minus ours, ms

export const serverNow = () => Date.now() + clockOffset;

// The halfway point of the quickest of a few questions is when the server looked at its clock.
export async function setClock() {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const begun = performance.now(), from = Date.now();
    const { serverTime } = await get('time');
    const took = performance.now() - begun;
    if (took < best) {
      best = took;
      clockOffset = Math.round(serverTime - (from + took / 2));
    }
  }
}

// Nothing is taken from the browser's cache: an old snapshot of a book would never meet its events.
// Nor is anything looked up while the exchange wants to be left alone, which would make it longer; what a user does is sent.
async function call(method, path, query, headers = {}, body = undefined) {
  let answer, value;
  const alone = aloneUntil - Date.now();
  if (method === 'GET' && alone > 0) {
    throw new ApiError(429, -1003, `The exchange was asked too much: it answers again in ${Math.ceil(alone / 1000)} s.`, alone);
  }
  try {
    answer = await fetch(`/api/v3/${path}${query ? `?${query}` : ''}`,
      { method, headers, body, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(15000) });
    value = await answer.json();
  } catch {
    throw new ApiError(answer?.status ?? 0, 0, 'The exchange did not answer.');
  }
  if (!answer.ok) {
    const retryMs = Number(answer.headers.get('retry-after') ?? 0) * 1000;
    if (value.code === -1003 && retryMs) { // -1015 is of orders alone
      tooMuch(aloneUntil = Date.now() + retryMs);
    }
    throw new ApiError(answer.status, value.code, value.msg ?? `HTTP ${answer.status}`, retryMs);
  }
  return value;
}

const formOf = (params) => new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined)).toString();

export const get = (path, params = {}) => call('GET', path, formOf(params));

const INSIST_MIN_MS = 500, INSIST_MAX_MS = 15000;

// Asks until there is an answer; null once nobody wants it any more.
export async function insist(ask, wanted) {
  for (let pause = INSIST_MIN_MS; wanted(); pause = Math.min(pause * 2, INSIST_MAX_MS)) {
    try {
      return await ask();
    } catch (error) {
      await new Promise((done) => setTimeout(done, Math.max(pause, error.retryMs ?? 0)));
    }
  }
  return null;
}

// A key and what signs with it. The secret itself is not kept: the browser holds it and does not give it out again.
export class Keys {
  static get possible() {
    return Boolean(globalThis.crypto?.subtle); // only where the context is secure
  }

  static async of(key, secret) {
    if (!/^[\x21-\x7e]+$/.test(key)) { // no header can be made of it
      throw new ApiError(401, -2014, 'API-key format invalid.');
    }
    const keys = new Keys();
    keys.key = key;
    keys.signer = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret),
      { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    return keys;
  }

  async sign(text) {
    const bytes = new Uint8Array(await crypto.subtle.sign('HMAC', this.signer, new TextEncoder().encode(text)));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  // What comes too early or too late by our clock is not taken (-1021): the clock is set, and it goes once more.
  async rest(method, path, params = {}) {
    try {
      return await this.once(method, path, params);
    } catch (error) {
      if (error.code !== -1021) {
        throw error;
      }
      await setClock();
      return this.once(method, path, params);
    }
  }

  async once(method, path, params) {
    const text = formOf({ ...params, timestamp: serverNow() });
    const signed = `${text}&signature=${await this.sign(text)}`;
    const headers = { 'X-MBX-APIKEY': this.key };
    if (method === 'POST') {
      return call(method, path, '', { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' }, signed);
    }
    return call(method, path, signed, headers);
  }

  // The parameters of a signed method of the WebSocket API: sorted by name.
  async params(params = {}) {
    const all = { ...params, apiKey: this.key, timestamp: serverNow() };
    const text = Object.keys(all).sort().map((name) => `${name}=${all[name]}`).join('&');
    return { ...all, signature: await this.sign(text) };
  }
}
