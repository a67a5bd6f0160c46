// Amounts as BigInt atoms of 1e-8, as the exchange keeps them: what is shown, compared and sent is exact.

const ATOM = 100_000_000n;

// Of a text such as "12.5"; null when it is no amount, or has more than 8 decimals.
export function parse(text) {
  const found = /^(\d{0,20})(?:\.(\d{0,8})0*)?$/.exec(text.trim());
  if (!found || (!found[1] && !found[2])) {
    return null;
  }
  return BigInt((found[1] || '0') + (found[2] ?? '').padEnd(8, '0'));
}

// With so many decimals, the rest cut off.
export function fixed(atoms, places = 8) {
  const digits = (atoms < 0n ? -atoms : atoms).toString().padStart(9, '0');
  const whole = digits.slice(0, -8), part = digits.slice(-8, places - 8 || undefined);
  return (atoms < 0n ? '-' : '') + whole + (places ? `.${part}` : '');
}

// The shortest text of an amount: what an order is sent with.
export const plain = (atoms) => (atoms % ATOM ? fixed(atoms).replace(/0+$/, '') : fixed(atoms, 0));

// For eyes: with commas between thousands.
export function grouped(atoms, places) {
  const text = fixed(atoms, places), dot = text.indexOf('.');
  const whole = dot < 0 ? text : text.slice(0, dot);
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (dot < 0 ? '' : text.slice(dot));
}

// The same with at most so many decimals: zeros at the end are left out, down to two decimals.
export const shortened = (atoms, places) => grouped(atoms, places).replace(/(\.\d\d\d*?)0+$/, '$1');

// How many decimals a step such as 0.01 has.
export const placesOf = (step) => (step % ATOM ? fixed(step).replace(/0+$/, '').split('.')[1].length : 0);

export const times = (a, b) => (a * b) / ATOM; // rounded down
export const timesUp = (a, b) => (a * b + ATOM - 1n) / ATOM;
export const over = (a, b) => (a * ATOM) / b;
export const floorTo = (atoms, step) => (step ? atoms - (atoms % step) : atoms);
export const ceilTo = (atoms, step) => floorTo(atoms + step - 1n, step);
export const min = (a, b) => (a < b ? a : b);
export const max = (a, b) => (a > b ? a : b);
export const toNumber = (atoms) => Number(atoms) / 1e8; // for drawing, never for money
