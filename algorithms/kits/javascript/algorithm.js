// Shares the energy in proportion, at a price between the community's two tariffs.
import { Book, PriceLimits, Setting, between } from "./market/index.js";

const POSITION = new Setting({
  key: "position",
  summary: "where the price lies between feed-in (0) and retail (1000000)",
  default: "500000",
});

/** @satisfies {import("./market/index.js").Algorithm} */
export default {
  name: "my-algorithm",
  version: "1.0.0",
  summary: "Shares the energy in proportion, at a price between the community's two tariffs; the rest with the grid",
  settings: [POSITION],

  /** @param {import("./market/index.js").Round} round */
  clear(round) {
    const position = POSITION.integer(round, 0n, 1_000_000n);
    const price = new PriceLimits(round).clamp(between(round.feedIn, round.retail, position));
    const book = new Book(round);
    const sellers = book.sellers();
    const buyers = book.buyers();
    book.proRata(sellers, buyers);
    book.greedy(sellers, buyers, price);
    return book.rest();
  },
};
