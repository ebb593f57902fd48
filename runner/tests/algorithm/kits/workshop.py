"""A rule of the library from the kit's blocks, and every mistake that an author can make: the setting `do` says which."""

import sys
import time

from market import GRID, Algorithm, Book, PriceLimits, Refused, Setting, Trade, cascade, mid, split

DO = Setting("do", "what to do", "cascade")


def cascading_shares(round):
    book = Book(round)
    weights = [position.share for position in round.positions]
    if not any(weights):
        weights = [1] * len(weights)
    takes = cascade(sum(book.surplus), weights, book.deficit, round.turn)
    gives = split(sum(takes), book.surplus, round.turn)
    book.pair(gives, takes, PriceLimits.of(round).clamp(mid(round.retail, round.feed_in)))
    return book.rest()


def clear(round):  # HERE nothing
    book = Book(round)
    match DO.text(round):
        case "divide":
            book.trade(0, GRID, 1 // len(book.trades), 0)  # HERE divide
        case "index":
            book.sell_to_grid(7, 1)  # HERE index
        case "negative":
            book.trade(0, GRID, -5, 30_000)  # HERE negative
        case "large":
            return [Trade(0, GRID, 2**64, 30_000)]  # HERE large
        case "type":
            book.trade(0, GRID, 1.5, 30_000)  # HERE type
        case "nothing":
            return None
        case "member":
            return [Trade(7, GRID, 1, 30_000)]
        case "import":
            import decimal  # HERE import

            return decimal.Decimal(1)
        case "clock":
            time.time()  # HERE clock
        case "exit":
            sys.exit(1)  # HERE exit
        case "refuse":
            raise Refused("retail is too much")
        case "print":
            print("a remark")
            raise RuntimeError("it went wrong")  # HERE print
        case _:
            return cascading_shares(round)
    return book.rest()


ALGORITHM = Algorithm("workshop", "1.0.0", "mistakes", clear, [DO])
