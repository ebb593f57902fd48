import { pairs } from "./pair.js";
import { ENERGY_MAX, PRICE_MAX, PRICE_MIN, whole } from "./refused.js";
import { compare, split } from "./split.js";

/**
 * @typedef {import("./types.d.ts").Position} Position
 * @typedef {import("./types.d.ts").Party} Party
 * @typedef {import("./types.d.ts").Trade} Trade
 */

/**
 * What is left of each position while a round is cleared, and the trades so far.
 *
 * A book never sells or buys more than a member has, and makes no trade of 0 Wh nor of anybody with itself. Members are indexes of
 * positions. A member with both a surplus and a deficit is a seller and a buyer at once. Finish with `rest`.
 */
export class Book {
  /**
   * Opens a book in which nothing is traded yet.
   *
   * @param {import("./types.d.ts").Round} round
   */
  constructor(round) {
    /** The round's positions; trades do not change them. @readonly */
    this.positions = round.positions;
    /** The unsold surplus of each position, in Wh. Only `trade` changes it. @readonly */
    this.surplus = round.positions.map((position) => position.surplus);
    /** The uncovered deficit of each position, in Wh. Only `trade` changes it. @readonly */
    this.deficit = round.positions.map((position) => position.deficit);
    /** The trades so far. @type {Trade[]} @readonly */
    this.trades = [];
  }

  /** Returns the members with unsold surplus, in the round's order. */
  sellers() {
    return withEnergy(this.surplus);
  }

  /** Returns the members with an uncovered deficit, in the round's order. */
  buyers() {
    return withEnergy(this.deficit);
  }

  /**
   * Returns the members with unsold surplus in merit order, least key first, ties in the round's order:
   * `book.sellersBy((position) => position.offer)`.
   *
   * @param {(position: Position) => bigint | number} key
   * @returns {number[]}
   */
  sellersBy(key) {
    return this.sellers().sort((a, b) => compare(key(this.positions[a]), key(this.positions[b])));
  }

  /**
   * Returns the members with an uncovered deficit in merit order, least key first, ties in the round's order:
   * `book.buyersBy((position) => -position.bid)`.
   *
   * @param {(position: Position) => bigint | number} key
   * @returns {number[]}
   */
  buyersBy(key) {
    return this.buyers().sort((a, b) => compare(key(this.positions[a]), key(this.positions[b])));
  }

  /**
   * Returns what these members have left to sell together, in Wh.
   *
   * @param {readonly number[]} sellers
   * @returns {bigint}
   */
  supply(sellers) {
    return sellers.reduce((total, seller) => total + this.surplus[seller], 0n);
  }

  /**
   * Returns what these members have left to buy together, in Wh.
   *
   * @param {readonly number[]} buyers
   * @returns {bigint}
   */
  demand(buyers) {
    return buyers.reduce((total, buyer) => total + this.deficit[buyer], 0n);
  }

  /**
   * Makes supply and demand equal: splits the smaller total among the members of the larger side in proportion to their energy; each
   * trades what it has above its part with the grid. Does nothing without sellers or without buyers.
   *
   * @param {readonly number[]} sellers
   * @param {readonly number[]} buyers
   */
  proRata(sellers, buyers) {
    if (sellers.length === 0 || buyers.length === 0) return;
    const supply = this.supply(sellers);
    const demand = this.demand(buyers);
    if (supply > demand) {
      const parts = split(demand, sellers.map((seller) => this.surplus[seller]));
      sellers.forEach((seller, place) => this.sellToGrid(seller, this.surplus[seller] - parts[place]));
    } else {
      const parts = split(supply, buyers.map((buyer) => this.deficit[buyer]));
      buyers.forEach((buyer, place) => this.buyFromGrid(buyer, this.deficit[buyer] - parts[place]));
    }
  }

  /**
   * Serves the buyers in order, each from the sellers in order, until its deficit is covered or no surplus is left, all at one price,
   * or at the price of each pair.
   *
   * @param {readonly number[]} sellers
   * @param {readonly number[]} buyers
   * @param {bigint | ((seller: Position, buyer: Position) => bigint)} price in µEUR/kWh
   */
  greedy(sellers, buyers, price) {
    // A buyer that meets itself in the queue of sellers is passed over as a seller, and comes first for the next buyer; there is at
    // most one such seller at any time.
    let next = 0;
    /** @type {number | undefined} */
    let passedOver;
    for (const buyer of buyers) {
      while (this.deficit[buyer] > 0n) {
        const isBack = passedOver !== undefined && passedOver !== buyer;
        if (!isBack && sellers[next] === buyer) passedOver = sellers[next++];
        const seller = isBack ? passedOver : sellers[next];
        if (seller === undefined) break;
        const at = typeof price === "function" ? price(this.positions[seller], this.positions[buyer]) : price;
        this.trade(seller, buyer, ENERGY_MAX, at);
        if (this.surplus[seller] > 0n) continue;
        if (isBack) passedOver = undefined;
        else next++;
      }
    }
  }

  /**
   * Trades `gives[i]` Wh of every position's surplus against `takes[i]` Wh of every position's deficit, so that nobody trades with
   * itself and all that can be shared is shared. Both have one bigint for each position, and the same sum.
   *
   * @param {readonly bigint[]} gives
   * @param {readonly bigint[]} takes
   * @param {bigint} price in µEUR/kWh
   */
  pair(gives, takes, price) {
    for (const [seller, buyer, energy] of pairs([...gives], [...takes])) this.trade(seller, buyer, energy, price);
  }

  /**
   * Makes a trade of at most `energy` Wh at `price` (µEUR/kWh), as far as the seller's surplus and the buyer's deficit allow, and
   * returns its energy.
   *
   * @param {Party} seller
   * @param {Party} buyer
   * @param {bigint} energy
   * @param {bigint} price
   * @returns {bigint}
   */
  trade(seller, buyer, energy, price) {
    // Written out, because this is called more often than anything else.
    if (typeof energy !== "bigint" || energy < 0n || energy > ENERGY_MAX) whole(energy, "energy", 0n, ENERGY_MAX);
    if (typeof price !== "bigint" || price < PRICE_MIN || price > PRICE_MAX) whole(price, "price", PRICE_MIN, PRICE_MAX);
    const { surplus, deficit } = this;
    const has = typeof seller === "number" ? surplus[seller] : energy;
    const needs = typeof buyer === "number" ? deficit[buyer] : energy;
    if (has === undefined || needs === undefined) {
      throw new RangeError(`there is no position ${has === undefined ? seller : buyer}: the round has ${surplus.length}`);
    }
    if (has < energy) energy = has;
    if (needs < energy) energy = needs;
    if (energy === 0n || seller === buyer) return 0n;
    if (typeof seller === "number") surplus[seller] = has - energy;
    if (typeof buyer === "number") deficit[buyer] = needs - energy;
    this.trades.push({ seller, buyer, energy, price });
    return energy;
  }

  /**
   * Sells up to `energy` Wh of a member's surplus to the grid, at the member's feed-in price.
   *
   * @param {number} seller
   * @param {bigint} energy
   */
  sellToGrid(seller, energy) {
    this.trade(seller, "grid", energy, this.positions[seller].feedIn);
  }

  /**
   * Buys up to `energy` Wh of a member's deficit from the grid, at the member's retail price.
   *
   * @param {number} buyer
   * @param {bigint} energy
   */
  buyFromGrid(buyer, energy) {
    this.trade("grid", buyer, energy, this.positions[buyer].retail);
  }

  /** Trades all that is left with the grid and returns all trades. */
  rest() {
    for (let member = 0; member < this.positions.length; member++) {
      if (this.surplus[member] > 0n) this.sellToGrid(member, ENERGY_MAX);
      if (this.deficit[member] > 0n) this.buyFromGrid(member, ENERGY_MAX);
    }
    return this.trades;
  }
}

/**
 * @param {readonly bigint[]} energies
 * @returns {number[]}
 */
function withEnergy(energies) {
  /** @type {number[]} */
  const members = [];
  for (let member = 0; member < energies.length; member++) {
    if (energies[member] > 0n) members.push(member);
  }
  return members;
}
