import { PRICE_MAX, PRICE_MIN, Refused, whole } from "./refused.js";

/**
 * Returns the midpoint of two prices, rounded towards minus infinity: `mid(162400n, 30000n)` is `96200n`.
 *
 * @param {bigint} a in µEUR/kWh
 * @param {bigint} b in µEUR/kWh
 * @returns {bigint}
 */
export function mid(a, b) {
  return (a + b) >> 1n;
}

/**
 * Returns the price that lies so many millionths of the way from one price to another, rounded towards minus infinity:
 * `between(30000n, 162400n, 250000n)` is `63100n`.
 *
 * @param {bigint} from in µEUR/kWh
 * @param {bigint} to in µEUR/kWh
 * @param {bigint} millionths 0n to 1000000n
 * @returns {bigint}
 */
export function between(from, to, millionths) {
  whole(millionths, "millionths of the way", 0n, 1_000_000n);
  const way = (to - from) * millionths;
  const steps = way / 1_000_000n; // rounded towards 0
  return from + (way < 0n && steps * 1_000_000n !== way ? steps - 1n : steps);
}

/**
 * The limits on prices between members, in µEUR/kWh. The host rejects a result with a price outside them, so pass every price
 * between members through `clamp`.
 */
export class PriceLimits {
  /**
   * Reads the limits of a round; a missing one allows every price.
   *
   * @param {import("./types.d.ts").Round} round
   */
  constructor(round) {
    /** @readonly */
    this.floor = round.priceFloor ?? PRICE_MIN;
    /** @readonly */
    this.ceiling = round.priceCeiling ?? PRICE_MAX;
    if (this.floor > this.ceiling) {
      throw new Refused(
        `price floor ${this.floor} is above price ceiling ${this.ceiling} (lower the floor or raise the ceiling)`,
      );
    }
  }

  /**
   * Returns the price within the limits that is nearest.
   *
   * @param {bigint} price
   * @returns {bigint}
   */
  clamp(price) {
    return this.lower(this.raise(price));
  }

  /**
   * Returns the price, raised to the floor if it is below.
   *
   * @param {bigint} price
   * @returns {bigint}
   */
  raise(price) {
    return price < this.floor ? this.floor : price;
  }

  /**
   * Returns the price, lowered to the ceiling if it is above.
   *
   * @param {bigint} price
   * @returns {bigint}
   */
  lower(price) {
    return price > this.ceiling ? this.ceiling : price;
  }
}
