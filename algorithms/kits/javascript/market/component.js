// The component: how the host calls the algorithm, and how its mistakes come back. An author never calls anything here.
import { Memory, refusalAnswer, tradesAnswer } from "./memory.js";
import { ENERGY_MAX, PRICE_MAX, PRICE_MIN, Refused, whole } from "./refused.js";

/** How much of what was printed comes back with a mistake, in characters. */
const PRINTED_MAX = 500;

/** @type {string[]} */
const printed = [];
/** @param {unknown[]} values */
const print = (...values) => void printed.push(values.map(String).join(" "));
// The engine has no console.
Object.assign(globalThis, { console: { log: print, info: print, warn: print, error: print, debug: print } });

/**
 * Returns what the world `algorithm` in wit/market.wit asks for: the description, and `clear`, which reads the round from memory and
 * answers the bytes that the host reads.
 *
 * @param {import("./types.d.ts").Algorithm} algorithm
 * @param {ArrayBuffer} memory
 * @param {number} base Where in the component's memory `memory` begins.
 * @param {number} at Where in the component's memory a round lies.
 */
export function world(algorithm, memory, base, at) {
  if (typeof algorithm?.clear !== "function") {
    throw new TypeError("the file algorithm has no algorithm: write export default { name, version, summary, clear(round) {…} }");
  }
  const rounds = new Memory(memory, base);
  return {
    description: description(algorithm),

    clear() {
      try {
        const round = rounds.round(at);
        return tradesAnswer(lower(algorithm.clear(round), round.positions.length));
      } catch (error) {
        const said = printed.join("; ");
        return refusalAnswer(reason(error) + (said === "" ? "" : `; it printed: ${said.slice(-PRINTED_MAX)}`));
      }
    },
  };
}

/**
 * Checks what an algorithm says of itself, and returns it.
 *
 * @param {import("./types.d.ts").Algorithm} algorithm
 */
function description({ name, version, summary, settings = [] }) {
  if (!Array.isArray(settings)) throw new TypeError("settings must be an array of settings: [new Setting({ key, summary, default })]");
  const texts = settings.map((setting) => ({ key: setting.key, summary: setting.summary, default: setting.default }));
  for (const [what, of] of [["the algorithm's", { name, version, summary }], ...texts.map((text) => ["a setting's", text])]) {
    for (const [key, text] of Object.entries(of)) {
      if (typeof text !== "string") throw new TypeError(`${what} ${key} is ${String(text)}, but must be a text`);
    }
  }
  return { name, version, summary, settings: texts };
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
    const found = /\((?:.*\/)?([^/]+):([0-9]+):[0-9]+\)$/.exec(frame);
    if (found && !frame.includes("market/")) return `${found[1]}:${found[2]}: `;
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

/**
 * @param {unknown} side
 * @param {number} number
 * @param {number} positions
 */
function party(side, number, positions) {
  if (typeof side === "number" && Number.isInteger(side) && side >= 0 && side < positions) return side;
  if (side === "grid") return -1;
  if (side === "operator") return -2;
  throw new RangeError(
    `trade ${number}: a side is ${String(side)}, but must be "grid", "operator" or a position's index, below ${positions}`,
  );
}
