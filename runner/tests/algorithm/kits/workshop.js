// A rule of the library from the kit's blocks, and every mistake that an author can make: the setting `do` says which.
import { Book, PriceLimits, Refused, Setting, cascade, mid, split, sum, turn } from "./market/index.js";

const DO = new Setting({ key: "do", summary: "what to do", default: "cascade" });

function cascadingShares(round) {
  const book = new Book(round);
  let weights = round.positions.map(({ share }) => BigInt(share));
  if (sum(weights) === 0n) weights = weights.map(() => 1n);
  const takes = cascade(sum(book.surplus), weights, book.deficit, turn(round));
  const gives = split(sum(takes), book.surplus, turn(round));
  book.pair(gives, takes, new PriceLimits(round).clamp(mid(round.retail, round.feedIn)));
  return book.rest();
}

function clear(round) {
  const book = new Book(round);
  switch (DO.text(round)) {
    case "divide":
      book.sellToGrid(0, 1n / BigInt(book.trades.length)); // HERE divide
      break;
    case "index":
      book.sellToGrid(7, 1n); // HERE index
      break;
    case "negative":
      book.trade(0, "grid", -5n, 30_000n); // HERE negative
      break;
    case "large":
      book.trade(0, "grid", 2n ** 64n, 30_000n); // HERE large
      break;
    case "type":
      book.trade(0, "grid", 5, 30_000n); // HERE type
      break;
    case "mixed":
      return [{ seller: 0, buyer: "grid", energy: book.surplus[0] * 2, price: 30_000n }]; // HERE mixed
    case "nothing":
      return undefined;
    case "member":
      return [{ seller: 7, buyer: "grid", energy: 1n, price: 30_000n }];
    case "below":
      return [{ seller: 0, buyer: "grid", energy: -5n, price: 30_000n }];
    case "import":
      require("fs"); // HERE import
      break;
    case "deep":
      (function deep() {
        deep(); // HERE deep
      })();
      break;
    case "letters":
      throw new Refused(`${round.positions[2].member} is no member, \ud800`);
    case "refuse":
      throw new Refused("retail is too much");
    case "print":
      console.log("a remark");
      throw new Error("it went wrong"); // HERE print
    default:
      return cascadingShares(round);
  }
  return book.rest();
}

export default { name: "workshop", version: "1.0.0", summary: "mistakes", settings: [DO], clear };
