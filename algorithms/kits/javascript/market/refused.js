/**
 * Refuses a round: `throw new Refused("retail is 0 µEUR/kWh, but must be more")`. The message comes back instead of trades: in lower
 * case, with the wrong value and the way out.
 */
export class Refused extends Error {}

/** The largest energy, in Wh. */
export const ENERGY_MAX = 2n ** 64n - 1n;
/** The lowest and the highest price, in µEUR/kWh. */
export const PRICE_MIN = -(2n ** 63n);
export const PRICE_MAX = 2n ** 63n - 1n;

/**
 * Throws unless a value is a bigint within bounds.
 *
 * @param {unknown} value
 * @param {string} what
 * @param {bigint} least
 * @param {bigint} most
 */
export function whole(value, what, least, most) {
  if (typeof value !== "bigint") {
    throw new TypeError(`${what} is ${String(value)}, a ${typeof value}, but must be a bigint, such as 5n`);
  }
  if (value < least || value > most) throw new RangeError(`${what} is ${value}, but must be ${least} to ${most}`);
}
