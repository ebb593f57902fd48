import { whole } from "./refused.js";

/**
 * Adds up energies or weights.
 *
 * @param {readonly bigint[]} values
 * @returns {bigint}
 */
export function sum(values) {
  let total = 0n;
  for (const value of values) total += value;
  return total;
}

/**
 * Returns where the circle of positions begins in this round: the seed modulo the number of positions. Whoever hands out single
 * watt-hours from there on favours nobody by its name over a month.
 *
 * @param {import("./types.d.ts").Round} round
 * @returns {number}
 */
export function turn(round) {
  return Number(round.seed % BigInt(Math.max(1, round.positions.length)));
}

/**
 * Splits `total` in proportion to `weights`, by the largest remainder: `split(100n, [1n, 1n, 1n])` is `[34n, 33n, 33n]`.
 *
 * Part i is ⌊total·wᵢ/Σw⌋; the units left over go one each to the largest remainders, of equal ones first to the one at or after
 * `first` around the circle (see `turn`). The parts add up to `total`; if all weights are 0n, all parts are.
 *
 * @param {bigint} total
 * @param {readonly bigint[]} weights
 * @param {number} [first]
 * @returns {bigint[]}
 */
export function split(total, weights, first = 0) {
  whole(total, "total", 0n, 2n ** 128n);
  const all = sum(weights);
  if (all === 0n) return weights.map(() => 0n);
  let leftOver = total;
  /** @type {bigint[]} */
  const remainders = [];
  const parts = weights.map((weight) => {
    const product = total * weight;
    const part = product / all;
    remainders.push(product - part * all);
    leftOver -= part;
    return part;
  });
  if (leftOver > 0n) {
    const circle = weights.map((_, place) => (place + first) % weights.length);
    circle.sort((a, b) => compare(remainders[b], remainders[a]));
    for (const index of circle.slice(0, Number(leftOver))) parts[index] += 1n;
  }
  return parts;
}

/**
 * Splits `total` by weight, but gives each at most its cap: what somebody cannot take is split again among the others, until nothing
 * is left or nobody who can take more has a weight. `cascade(100n, [2n, 1n, 1n], [20n, 100n, 30n])` is `[20n, 50n, 30n]`.
 *
 * @param {bigint} total
 * @param {readonly bigint[]} weights
 * @param {readonly bigint[]} caps
 * @param {number} [first]
 * @returns {bigint[]}
 */
export function cascade(total, weights, caps, first = 0) {
  const got = weights.map(() => 0n);
  while (total > 0n) {
    const open = weights.map((weight, index) => (got[index] < caps[index] ? weight : 0n));
    const before = total;
    split(total, open, first).forEach((part, index) => {
      const room = caps[index] - got[index];
      const taken = part < room ? part : room;
      got[index] += taken;
      total -= taken;
    });
    if (total === before) break;
  }
  return got;
}

/**
 * Compares two keys for sorting in ascending order.
 *
 * @param {bigint | number} a
 * @param {bigint | number} b
 * @returns {number}
 */
export function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
