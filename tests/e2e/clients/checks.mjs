// What the Node sessions share: a runner, amounts in atoms, and the facts of the session that the runner sends on stdin.
//
// Nothing here knows what an answer ought to be: the sessions say that. Node 18, no package.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

// {base, funds, alice, bob, reader: {key, secret}, closed}: see test_clients.py.
export const facts = JSON.parse(readFileSync(0, 'utf8'));
export const overTls = facts.base.startsWith('https:');

const checks = [];

// The name is the sentence that is checked.
export function check(name, body) {
  checks.push([name, body]);
}

// Runs all checks in the order of their definition, each after before(), and says "N passed, N failed".
export async function run(before = async () => {}) {
  let passed = 0;
  for (const [name, body] of checks) {
    try {
      await before();
      await body();
      passed++;
      console.log(`ok ${name}`);
    } catch (error) { // a failed check must not hide the next ones
      console.log(`FAIL ${name}: ${why(error)}`);
    }
  }
  const failed = checks.length - passed;
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}

// The message and the lines of the session that led to it, on one line.
function why(error) {
  const lines = (error.stack ?? '').match(/_session\.mjs:\d+/g) ?? [];
  const kind = error instanceof assert.AssertionError ? '' : `${error.constructor.name}: `;
  return `${kind}${error.message} [${lines.reverse().join(' > ')}]`.replace(/\s*\n\s*/g, ' | ');
}

export function eq(got, expected, what) {
  try {
    assert.deepStrictEqual(got, expected);
  } catch {
    const show = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part));
    assert.fail(`${what}: got ${show(got)}, expected ${show(expected)}`);
  }
}

// ---- money: integers of 1e-8, as in the exchange ----

const ATOM = 100_000_000n;

// A decimal text, exactly; or a number as ccxt gives it, which holds 1e-8 exactly below 2^53 atoms.
export function atoms(value) {
  if (typeof value === 'number') {
    return BigInt(Math.round(value * 1e8));
  }
  assert.match(value, /^-?\d+(\.\d{1,8})?$/, `not an amount: ${value}`);
  const [whole, part = ''] = value.split('.');
  return BigInt(whole + part.padEnd(8, '0'));
}

// A fill's quote amount: price x quantity in atoms, rounded down.
export const quoteOf = (price, quantity) => (price * quantity) / ATOM;

// What a limit buy holds: the same, rounded up.
export const holdOf = (price, quantity) => (price * quantity + ATOM - 1n) / ATOM;

// 0.1 % of what was received, rounded up: never in the user's favour.
export const feeOf = (received) => (received + 999n) / 1000n;

// ---- lists of orders ----

export const OPEN = ['EXEC_STARTED', 'EXECUTING'], DONE = ['ALL_DONE', 'ALL_DONE'];
export const statusOf = (list) => [list.listStatusType, list.listOrderStatus];

// What an OCO can be made of.
export const STOPS = ['STOP_LOSS', 'STOP_LOSS_LIMIT'], OTHERS = ['LIMIT_MAKER', 'TAKE_PROFIT', 'TAKE_PROFIT_LIMIT'];

// The parameters of the two orders of an OCO: one begins at `up`, the other at `down`, limits 100 further out.
export function pairOf(above, below, up, down) {
  const params = { aboveType: above, belowType: below };
  for (const [name, kind, stop, price] of [['above', above, up, up + 100], ['below', below, down, down - 100]]) {
    Object.assign(params, kind !== 'LIMIT_MAKER' && { [`${name}StopPrice`]: stop }, kind.includes('LIMIT') && { [`${name}Price`]: price },
      kind.endsWith('_LIMIT') && { [`${name}TimeInForce`]: 'GTC' });
  }
  return params;
}

export const pending = (params) =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [`pending${name[0].toUpperCase()}${name.slice(1)}`, value]));

// The parameters of a working order, a limit to buy, and of side and quantity of what is pending.
export const workingOf = (price, quantity) => ({ workingType: 'LIMIT', workingSide: 'BUY', workingPrice: price,
  workingQuantity: quantity, workingTimeInForce: 'GTC', pendingSide: 'SELL', pendingQuantity: quantity });

// What an order that is pending can be, with its parameters; the stops are at `down`, what takes profit at `up`.
export const pendingKinds = (up, down) => [['LIMIT', { pendingPrice: up, pendingTimeInForce: 'GTC' }], ['LIMIT_MAKER', { pendingPrice: up }],
  ['STOP_LOSS', { pendingStopPrice: down }], ['TAKE_PROFIT', { pendingStopPrice: up }],
  ['STOP_LOSS_LIMIT', { pendingStopPrice: down, pendingPrice: down, pendingTimeInForce: 'GTC' }],
  ['TAKE_PROFIT_LIMIT', { pendingStopPrice: up, pendingPrice: up, pendingTimeInForce: 'GTC' }], ['MARKET', {}]];
