/**
 * Helpers for tests: concise rounds, trades as text, and the balance check.
 *
 * Start with `makeRound` and `lines`; `checkRandomRounds` covers unusual rounds. The check is a simple second implementation of the
 * host's: it stops at the first broken rule.
 *
 * @typedef {import("./types.d.ts").Position} Position
 * @typedef {import("./types.d.ts").Round} Round
 * @typedef {import("./types.d.ts").Trade} Trade
 * @typedef {import("./types.d.ts").Party} Party
 */

/**
 * Makes a round of `[member, surplus, deficit]` in Wh, without settings and price limits unless they are among the changes. The tariff
 * is 162400 µEUR/kWh retail and 30000 µEUR/kWh feed-in; every member offers at its feed-in price and bids at its retail price.
 *
 * @param {[member: string, surplus: bigint, deficit: bigint][]} members
 * @param {Partial<Round>} [changes]
 * @returns {Round}
 */
export function makeRound(members, changes = {}) {
  const tariff = { retail: 162_400n, feedIn: 30_000n };
  const positions = members.map(([member, surplus, deficit]) => (
    { member, surplus, deficit, offer: tariff.feedIn, bid: tariff.retail, ...tariff, share: 0, rank: 0 }
  ));
  return {
    community: "testing", start: 1_693_569_600n, duration: 900, ...tariff, seed: 0n, settings: [], positions, ...changes,
  };
}

/**
 * Formats trades as lines such as `anna > ben 700 Wh at 96200` (seller, buyer, Wh, µEUR/kWh), in their order.
 *
 * @param {Round} round
 * @param {Trade[]} trades
 * @returns {string[]}
 */
export function lines(round, trades) {
  /** @param {Party} party */
  const name = (party) => (typeof party === "number" ? round.positions[party]?.member ?? `no member ${party}` : party);
  return trades.map(({ seller, buyer, energy, price }) => `${name(seller)} > ${name(buyer)} ${energy} Wh at ${price}`);
}

/**
 * Checks trades by the host's rules: every watt-hour is sold and bought, trades with the grid are at its prices, and what members pay
 * each other and the operator is within the limits. Throws the first broken rule.
 *
 * @param {Round} round
 * @param {Trade[]} trades
 */
export function check(round, trades) {
  const sold = round.positions.map(() => 0n);
  const bought = round.positions.map(() => 0n);
  let kept = 0n;
  let money = 0n;
  for (const trade of trades) {
    const broken = brokenBy(round, trade);
    if (broken !== undefined) throw new Error(`${broken}: ${lines(round, [trade])}`);
    const { seller, buyer, energy, price } = trade;
    if (typeof seller === "number") sold[seller] += energy;
    else if (seller === "operator") [kept, money] = [kept - energy, money + energy * price];
    if (typeof buyer === "number") bought[buyer] += energy;
    else if (buyer === "operator") [kept, money] = [kept + energy, money - energy * price];
  }
  round.positions.forEach(({ member, surplus, deficit }, index) => {
    if (sold[index] !== surplus) throw new Error(`member ${member} sells ${sold[index]} Wh but has a surplus of ${surplus} Wh`);
    if (bought[index] !== deficit) throw new Error(`member ${member} buys ${bought[index]} Wh but has a deficit of ${deficit} Wh`);
  });
  if (kept !== 0n || money < 0n) throw new Error(`the operator keeps ${kept} Wh and ${money} nEUR`);
}

/**
 * @param {Round} round
 * @param {Trade} trade
 * @returns {string | undefined}
 */
function brokenBy(round, { seller, buyer, energy, price }) {
  const from = typeof seller === "number" ? round.positions[seller] : undefined;
  const to = typeof buyer === "number" ? round.positions[buyer] : undefined;
  if ((typeof seller === "number" && !from) || (typeof buyer === "number" && !to)) return "unknown member";
  if (seller === buyer) return "a party trades with itself";
  if (energy <= 0n) return "a trade has no energy";
  if (!from && !to) return "the grid trades with the operator";
  if (from && buyer === "grid" && price !== from.feedIn) return `the grid pays ${from.feedIn}`;
  if (to && seller === "grid" && price !== to.retail) return `the grid charges ${to.retail}`;
  const { priceFloor, priceCeiling } = round;
  if (from && buyer !== "grid" && priceFloor !== undefined && price < priceFloor) return `the price is below ${priceFloor}`;
  if (to && seller !== "grid" && priceCeiling !== undefined && price > priceCeiling) return `the price is above ${priceCeiling}`;
  return undefined;
}

/**
 * Clears `count` random rounds, the same ones in every call, and checks each result. They include empty rounds, members that both sell
 * and buy, extreme energies and prices, ties, and price limits.
 *
 * @param {import("./types.d.ts").Algorithm} algorithm
 * @param {number} count
 */
export function checkRandomRounds(algorithm, count) {
  for (let seed = 0; seed < count; seed++) {
    const round = randomRound(seed);
    try {
      check(round, algorithm.clear(round));
    } catch (error) {
      const shown = JSON.stringify(round, (_, value) => (typeof value === "bigint" ? String(value) : value), 1);
      throw new Error(`in ${shown}`, { cause: error });
    }
  }
}

/**
 * Makes a random round; the same seed gives the same round.
 *
 * @param {number} seed
 * @returns {Round}
 */
export function randomRound(seed) {
  const random = new Random(BigInt(seed));
  // One kind of prices and one of energies per round: some are small, so that there are ties, some are extreme.
  const prices = random.below(4);
  const energies = random.below(4);
  const [retail, feedIn, a, b] = [1, 2, 3, 4].map(() => random.price(prices));
  const priceFloor = random.below(3) === 0 ? (a < b ? a : b) : undefined;
  const priceCeiling = random.below(3) === 0 ? (a < b ? b : a) : undefined;
  const sides = random.below(4);
  /** @type {Position[]} */
  const positions = [];
  const count = random.below(12);
  for (let index = 0; index < count; index++) {
    const side = sides === 3 ? random.below(4) : sides;
    const surplus = side === 1 ? 0n : random.energy(energies);
    const deficit = side === 2 || (sides === 3 && side === 0) ? 0n : random.energy(energies);
    const [offer, bid, retail, feedIn] = [1, 2, 3, 4].map(() => random.price(prices));
    const member = `m${String(index).padStart(2, "0")}`;
    positions.push({ member, surplus, deficit, offer, bid, retail, feedIn, share: 0, rank: 0 });
  }
  const shares = random.below(3);
  for (const position of positions) {
    position.share = (shares * random.below(80_000)) >> 1;
    position.rank = random.below(3);
  }
  return makeRound([], { retail, feedIn, priceFloor, priceCeiling, seed: BigInt(seed), positions });
}

/** SplitMix64 (Steele, Lea and Flood 2014): the same rounds in every language. */
class Random {
  /** @param {bigint} seed */
  constructor(seed) {
    this.state = seed;
  }

  /** @returns {bigint} */
  next() {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let mixed = BigInt.asUintN(64, (this.state ^ (this.state >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  }

  /** @param {number} limit */
  below(limit) {
    return Number(this.next() % BigInt(limit));
  }

  /** @param {number} kind */
  energy(kind) {
    if (kind === 0) return BigInt(this.below(4));
    if (kind === 1) return BigInt(this.below(5_000));
    if (kind === 2) return 2n ** 64n - 1n - BigInt(this.below(2));
    const drawn = this.next();
    return drawn >> BigInt(this.below(64));
  }

  /** @param {number} kind */
  price(kind) {
    const few = this.below(4);
    if (kind === 0) return BigInt(10_000 * few);
    if (kind === 1) return BigInt(this.below(200_000)) - 20_000n;
    if (kind === 2 && few < 2) return few === 0 ? -(2n ** 63n) : 2n ** 63n - 1n;
    return BigInt.asIntN(64, this.next());
  }
}
