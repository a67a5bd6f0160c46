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
async function call(method, path, query, headers = {}, body = undefined) {
  let answer, value;
  try {
    answer = await fetch(`/api/v3/${path}${query ? `?${query}` : ''}`,
      { method, headers, body, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(15000) });
    value = await answer.json();
  } catch {
    throw new ApiError(answer?.status ?? 0, 0, 'The exchange did not answer.');
  }
  if (!answer.ok) {
    throw new ApiError(answer.status, value.code, value.msg ?? `HTTP ${answer.status}`, Number(answer.headers.get('retry-after') ?? 0) * 1000);
  }
  return value;
}

const formOf = (params) => new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined)).toString();

export const get = (path, params = {}) => call('GET', path, formOf(params));

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

  async rest(method, path, params = {}) {
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
