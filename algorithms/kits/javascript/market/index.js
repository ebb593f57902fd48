/**
 * Everything a JavaScript or TypeScript author needs to write a matching algorithm for rec-market.
 *
 * An algorithm is the default export of the file `algorithm`: who it is, its settings, and a function `clear`. That gets a `Round`,
 * which has each member's surplus and deficit in one interval, and returns `Trade`s: who sells how much to whom, at what price.
 * Energy is in whole watt-hours (Wh), prices are in micro-euro per kilowatt-hour (µEUR/kWh): 0.1624 EUR/kWh is 162400n. Energy ×
 * price is then a whole number of nano-euro, so money never needs rounding.
 *
 * Building blocks: `Book` keeps track of what is left of each position (sellers, buyers, pro rata, greedy, pair, rest), `split`
 * and `cascade` divide energy to the last watt-hour, `mid`, `between` and `PriceLimits` help with prices, and a `Setting` is what
 * the community may choose. `market/testing.js` has rounds and a balance check for tests.
 *
 * Energies and prices are bigints, because they may be larger than a number can hold exactly. Whatever is thrown comes back to the
 * author as a message with file and line.
 *
 * @typedef {import("./types.d.ts").Position} Position
 * @typedef {import("./types.d.ts").Round} Round
 * @typedef {import("./types.d.ts").Party} Party
 * @typedef {import("./types.d.ts").Trade} Trade
 * @typedef {import("./types.d.ts").Algorithm} Algorithm
 * @module
 */

export { Book } from "./book.js";
export { between, mid, PriceLimits } from "./price.js";
export { Refused } from "./refused.js";
export { Setting } from "./setting.js";
export { cascade, split, sum, turn } from "./split.js";
