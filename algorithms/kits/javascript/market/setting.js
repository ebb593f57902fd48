import { PRICE_MAX, PRICE_MIN, Refused } from "./refused.js";

/** One setting that an algorithm reads. */
export class Setting {
  /** @param {{ key: string, summary: string, default: string }} setting */
  constructor(setting) {
    /** The key in the community's configuration, such as `price`. @readonly */
    this.key = setting.key;
    /** One sentence on its effect, with its unit. @readonly */
    this.summary = setting.summary;
    /** The value that applies if the community sets none. @readonly */
    this.default = setting.default;
  }

  /**
   * Returns the community's value, or else the default.
   *
   * @param {import("./types.d.ts").Round} round
   * @returns {string}
   */
  text(round) {
    return round.settings.find(([key]) => key === this.key)?.[1] ?? this.default;
  }

  /**
   * Returns the value as a whole number from `least` to `most`, or refuses the round.
   *
   * @param {import("./types.d.ts").Round} round
   * @param {bigint} [least]
   * @param {bigint} [most]
   * @returns {bigint}
   */
  integer(round, least = PRICE_MIN, most = PRICE_MAX) {
    const text = this.text(round);
    // A number of thousands of digits would take forever.
    const number = /^[+-]?[0-9]{1,100}$/.test(text) ? BigInt(text.replace("+", "")) : undefined;
    if (number === undefined || number < least || number > most) {
      throw this.refused(round, `a whole number, ${least} to ${most}`);
    }
    return number;
  }

  /**
   * The exception for a value that is not what the rule says, such as "mid, retail or feed-in".
   *
   * @param {import("./types.d.ts").Round} round
   * @param {string} rule
   */
  refused(round, rule) {
    return new Refused(
      `setting ${this.key} is "${this.text(round)}" but must be ${rule} (leave it out for "${this.default}")`,
    );
  }
}
