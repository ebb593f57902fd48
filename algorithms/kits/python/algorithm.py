"""Shares the energy in proportion, at a price between the community's two tariffs."""

from market import Algorithm, Book, PriceLimits, Round, Setting, Trade, between

POSITION = Setting(
    key="position",
    summary="where the price lies between feed-in (0) and retail (1000000)",
    default="500000",
)


def clear(round: Round) -> list[Trade]:
    position = POSITION.integer(round, 0, 1_000_000)
    price = PriceLimits.of(round).clamp(between(round.feed_in, round.retail, position))
    book = Book(round)
    sellers, buyers = book.sellers(), book.buyers()
    book.pro_rata(sellers, buyers)
    book.greedy(sellers, buyers, price)
    return book.rest()


ALGORITHM = Algorithm(
    name="my-algorithm",
    version="1.0.0",
    summary="Shares the energy in proportion, at a price between the community's two tariffs; the rest with the grid",
    settings=[POSITION],
    clear=clear,
)
