// The component: how the host calls the algorithm, and how its mistakes come back. An author never calls anything here.
import { ENERGY_MAX, PRICE_MAX, PRICE_MIN, Refused, whole } from "./refused.js";

/** How much of what was printed comes back with a mistake, in characters. */
const PRINTED_MAX = 500;

/** @type {string[]} */
const printed = [];
/** @param {unknown[]} values */
const print = (...values) => void printed.push(values.map(String).join(" "));
// There is no console in a component: it would only trap.
Object.assign(globalThis, { console: { log: print, info: print, warn: print, error: print, debug: print } });

/**
 * Returns the functions of the world `algorithm` in wit/market.wit. Positions are handed on as they are: the interface has the kit's
 * own names for them.
 *
 * @param {import("./types.d.ts").Algorithm} algorithm
 */
export function world(algorithm) {
  if (typeof algorithm?.clear !== "function") {
    throw new TypeError("the file algorithm has no algorithm: write export default { name, version, summary, clear(round) {…} }");
  }
  return {
    describe() {
      const { name, version, summary, settings = [] } = algorithm;
      return { name, version, summary, settings };
    },

    /** @param {import("./types.d.ts").Round} round */
    clear(round) {
      try {
        signed(round);
        return lower(algorithm.clear(round), round.positions.length);
      } catch (error) {
        const said = printed.join("; ");
        throw reason(error) + (said === "" ? "" : `; it printed: ${said.slice(-PRINTED_MAX)}`);
      }
    },
  };
}

/**
 * Gives negative prices back their sign: the engine hands them on as 2⁶⁴ more.
 *
 * @param {import("./types.d.ts").Round} round
 */
function signed(round) {
  round.retail = BigInt.asIntN(64, round.retail);
  round.feedIn = BigInt.asIntN(64, round.feedIn);
  if (round.priceFloor !== undefined) round.priceFloor = BigInt.asIntN(64, round.priceFloor);
  if (round.priceCeiling !== undefined) round.priceCeiling = BigInt.asIntN(64, round.priceCeiling);
  for (const position of round.positions) {
    position.offer = BigInt.asIntN(64, position.offer);
    position.bid = BigInt.asIntN(64, position.bid);
    position.retail = BigInt.asIntN(64, position.retail);
    position.feedIn = BigInt.asIntN(64, position.feedIn);
  }
}

/** @param {unknown} error */
function reason(error) {
  if (error instanceof Refused) return error.message;
  if (!(error instanceof Error)) return `something was thrown that is no Error: ${String(error)}`;
  return `${place(error)}${error.name}: ${error.message}`;
}

/**
 * File and line of the author's code in which it happened: the innermost that is not the kit's.
 *
 * @param {Error} error
 */
function place(error) {
  for (const frame of (error.stack ?? "").split("\n")) {
    const found = /@(?:.*\/)?([^/]+):([0-9]+):[0-9]+$/.exec(frame);
    if (found && !frame.includes("market/") && !frame.includes("initializer")) return `${found[1]}:${found[2]}: `;
  }
  return "";
}

/**
 * Checks trades and turns them into those of the interface.
 *
 * @param {unknown} trades
 * @param {number} positions
 */
function lower(trades, positions) {
  if (!Array.isArray(trades)) {
    throw new TypeError(`clear returned ${String(trades)}, but must return an array of trades (return book.rest())`);
  }
  return trades.map((trade, number) => {
    const { seller, buyer, energy, price } = trade ?? {};
    if (typeof energy !== "bigint" || energy < 0n || energy > ENERGY_MAX) whole(energy, `trade ${number}: energy`, 0n, ENERGY_MAX);
    if (typeof price !== "bigint" || price < PRICE_MIN || price > PRICE_MAX) {
      whole(price, `trade ${number}: price`, PRICE_MIN, PRICE_MAX);
    }
    return { seller: party(seller, number, positions), buyer: party(buyer, number, positions), energy, price };
  });
}

const GRID = { tag: "grid" };
const OPERATOR = { tag: "operator" };

/**
 * @param {unknown} side
 * @param {number} number
 * @param {number} positions
 */
function party(side, number, positions) {
  if (typeof side === "number" && Number.isInteger(side) && side >= 0 && side < positions) return { tag: "member", val: side };
  if (side === "grid") return GRID;
  if (side === "operator") return OPERATOR;
  throw new RangeError(
    `trade ${number}: a side is ${String(side)}, but must be "grid", "operator" or a position's index, below ${positions}`,
  );
}
