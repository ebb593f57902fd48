/** What an algorithm gets and returns. Energy is in whole watt-hours (Wh), prices are in micro-euro per kilowatt-hour (µEUR/kWh). */

import type { Setting } from "./setting.js";

/** What one member has and wants in one interval. */
export interface Position {
  /** The member's name, unique within the round. */
  member: string;
  /** Energy to sell, in Wh. It must be sold to the last watt-hour. */
  surplus: bigint;
  /** Energy to buy, in Wh. It must be bought to the last watt-hour. */
  deficit: bigint;
  /** The lowest price at which the member sells, in µEUR/kWh. */
  offer: bigint;
  /** The highest price at which the member buys, in µEUR/kWh. */
  bid: bigint;
  /** What the grid charges this member, in µEUR/kWh. */
  retail: bigint;
  /** What the grid pays this member, in µEUR/kWh. */
  feedIn: bigint;
  /** The member's sharing coefficient, in parts per million. */
  share: number;
  /** The member's priority; 0 comes first. */
  rank: number;
}

/** The input of one clearing. */
export interface Round {
  /** The community's name. */
  community: string;
  /** Start of the interval, in Unix seconds (UTC). */
  start: bigint;
  /** Length of the interval, in seconds. */
  duration: number;
  /** The community's reference tariff for energy from the grid, in µEUR/kWh. */
  retail: bigint;
  /** The community's reference tariff for energy to the grid, in µEUR/kWh. */
  feedIn: bigint;
  /** The lowest price between members, in µEUR/kWh; undefined if there is no limit. */
  priceFloor?: bigint | undefined;
  /** The highest price between members, in µEUR/kWh; undefined if there is no limit. */
  priceCeiling?: bigint | undefined;
  /** Derived from community and start, for algorithms that draw lots. */
  seed: bigint;
  /** What the community has set, as [key, value]. A `Setting` reads it. */
  settings: [string, string][];
  /** One position per member, sorted by member in byte order. */
  positions: Position[];
}

/**
 * One side of a trade: a member, as an index into the round's positions (from 0); `"grid"`, which sells at a member's `retail`
 * price and buys at its `feedIn` price; or `"operator"`, the community's own account, which keeps no energy, must not lose money,
 * and cannot trade with the grid.
 */
export type Party = number | "grid" | "operator";

/** One exchange of energy for money. */
export interface Trade {
  /** The party that delivers the energy. */
  seller: Party;
  /** The party that receives the energy. */
  buyer: Party;
  /** Wh, never 0n. */
  energy: bigint;
  /** µEUR/kWh. */
  price: bigint;
}

/** A matching algorithm: decides who sells how much to whom, and at what price. */
export interface Algorithm {
  /** Short, such as `mid-market-rate`. */
  name: string;
  /** Such as `1.0.0`. */
  version: string;
  /** One sentence on the matching rule. */
  summary: string;
  /** Every setting that `clear` reads. */
  settings?: Setting[];
  /** Clears one round: returns all trades, including those with the grid. Throw `Refused` if it cannot be cleared. */
  clear(round: Round): Trade[];
}
