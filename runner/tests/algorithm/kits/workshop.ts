// A mistake in TypeScript: its place is that in the source, types and all.
import { type Algorithm, Book, type Round, type Trade } from "./market/index.js";

interface Unused {
  nothing: never;
}

const algorithm: Algorithm = {
  name: "workshop",
  version: "1.0.0",
  summary: "mistakes",
  clear(round: Round): Trade[] {
    const book: Book = new Book(round);
    book.trade(0, "grid", -5n, 30_000n); // HERE negative
    return book.rest();
  },
};

export default algorithm as Algorithm & Partial<Unused>;
