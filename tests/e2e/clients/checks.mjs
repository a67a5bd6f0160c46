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
