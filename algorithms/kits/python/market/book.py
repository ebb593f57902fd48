"""The book: what is left of each position while a round is cleared. And how energy is divided to the last watt-hour."""

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from .types import ENERGY_MAX, GRID, Party, Position, Round, Trade, whole


class Book:
    """What is left of each position while a round is cleared, and the trades so far.

    A book never sells or buys more than a member has, and makes no trade of 0 Wh nor of anybody with itself. Members are indexes
    of positions. A member with both a surplus and a deficit is a seller and a buyer at once. Finish with `rest`.

    >>> from market.testing import lines, make_round
    >>> round = make_round(("anna", 1500, 0), ("ben", 0, 700), ("carla", 0, 1000))
    >>> book = Book(round)
    >>> book.greedy(book.sellers(), book.buyers(), 96_200)
    >>> lines(round, book.rest())
    ['anna > ben 700 Wh at 96200', 'anna > carla 800 Wh at 96200', 'grid > carla 200 Wh at 162400']
    """

    def __init__(self, round: Round) -> None:
        self.positions: Sequence[Position] = round.positions
        """The round's positions; trades do not change them."""
        self.surplus = [position.surplus for position in round.positions]
        """The unsold surplus of each position, in Wh. Only `trade` changes it."""
        self.deficit = [position.deficit for position in round.positions]
        """The uncovered deficit of each position, in Wh. Only `trade` changes it."""
        self.trades: list[Trade] = []
        """The trades so far."""

    def sellers(self) -> list[int]:
        """Returns the members with unsold surplus, in the round's order."""
        return [member for member, energy in enumerate(self.surplus) if energy > 0]

    def buyers(self) -> list[int]:
        """Returns the members with an uncovered deficit, in the round's order."""
        return [member for member, energy in enumerate(self.deficit) if energy > 0]

    def sellers_by(self, key: Callable[[Position], Any]) -> list[int]:
        """Returns the members with unsold surplus in merit order, least key first, ties in the round's order:
        `book.sellers_by(lambda position: position.offer)`."""
        return sorted(self.sellers(), key=lambda member: key(self.positions[member]))

    def buyers_by(self, key: Callable[[Position], Any]) -> list[int]:
        """Returns the members with an uncovered deficit in merit order, least key first, ties in the round's order:
        `book.buyers_by(lambda position: -position.bid)`."""
        return sorted(self.buyers(), key=lambda member: key(self.positions[member]))

    def supply(self, sellers: Iterable[int]) -> int:
        """Returns what these members have left to sell together, in Wh."""
        return sum(self.surplus[seller] for seller in sellers)

    def demand(self, buyers: Iterable[int]) -> int:
        """Returns what these members have left to buy together, in Wh."""
        return sum(self.deficit[buyer] for buyer in buyers)

    def pro_rata(self, sellers: Sequence[int], buyers: Sequence[int]) -> None:
        """Makes supply and demand equal: splits the smaller total among the members of the larger side in proportion to their
        energy; each trades what it has above its part with the grid. Does nothing without sellers or without buyers."""
        if not sellers or not buyers:
            return
        supply, demand = self.supply(sellers), self.demand(buyers)
        if supply > demand:
            for seller, part in zip(sellers, split(demand, [self.surplus[seller] for seller in sellers])):
                self.sell_to_grid(seller, self.surplus[seller] - part)
        else:
            for buyer, part in zip(buyers, split(supply, [self.deficit[buyer] for buyer in buyers])):
                self.buy_from_grid(buyer, self.deficit[buyer] - part)

    def greedy(self, sellers: Iterable[int], buyers: Iterable[int], price: int) -> None:
        """Serves the buyers in order, each from the sellers in order, until its deficit is covered or no surplus is left, all at
        one price."""
        self.greedy_by(sellers, buyers, lambda seller, buyer: price)

    def greedy_by(
        self, sellers: Iterable[int], buyers: Iterable[int], price: Callable[[Position, Position], int]
    ) -> None:
        """Is like `greedy`, but with a price for each pair of seller and buyer."""
        # A buyer that meets itself in the queue of sellers is passed over as a seller, and comes first for the next buyer; there
        # is at most one such seller at any time.
        queue = iter(sellers)
        following, passed_over = next(queue, None), None
        for buyer in buyers:
            while self.deficit[buyer] > 0:
                is_back = passed_over is not None and passed_over != buyer
                if not is_back and following == buyer:
                    passed_over, following = following, next(queue, None)
                seller = passed_over if is_back else following
                if seller is None:
                    break
                at = price(self.positions[seller], self.positions[buyer])
                self.trade(seller, buyer, ENERGY_MAX, at)
                if self.surplus[seller] > 0:
                    continue
                if is_back:
                    passed_over = None
                else:
                    following = next(queue, None)

    def pair(self, gives: list[int], takes: list[int], price: int) -> None:
        """Trades `gives[i]` Wh of every position's surplus against `takes[i]` Wh of every position's deficit, so that nobody trades
        with itself and all that can be shared is shared. Both have one number for each position, and the same sum."""
        for seller, buyer, energy in _pairs(list(gives), list(takes)):
            self.trade(seller, buyer, energy, price)

    def trade(self, seller: Party, buyer: Party, energy: int, price: int) -> int:
        """Makes a trade of at most `energy` Wh at `price` (µEUR/kWh), as far as the seller's surplus and the buyer's deficit
        allow, and returns its energy."""
        sells, buys = type(seller) is int, type(buyer) is int
        if sells and self.surplus[seller] < energy:
            energy = self.surplus[seller]
        if buys and self.deficit[buyer] < energy:
            energy = self.deficit[buyer]
        if energy == 0 or seller == buyer:
            return 0
        trade = Trade(seller, buyer, energy, price)
        if sells:
            self.surplus[seller] -= energy
        if buys:
            self.deficit[buyer] -= energy
        self.trades.append(trade)
        return energy

    def sell_to_grid(self, seller: int, energy: int) -> None:
        """Sells up to `energy` Wh of a member's surplus to the grid, at the member's feed-in price."""
        self.trade(seller, GRID, energy, self.positions[seller].feed_in)

    def buy_from_grid(self, buyer: int, energy: int) -> None:
        """Buys up to `energy` Wh of a member's deficit from the grid, at the member's retail price."""
        self.trade(GRID, buyer, energy, self.positions[buyer].retail)

    def rest(self) -> list[Trade]:
        """Trades all that is left with the grid and returns all trades."""
        for member in range(len(self.positions)):
            if self.surplus[member] > 0:
                self.sell_to_grid(member, ENERGY_MAX)
            if self.deficit[member] > 0:
                self.buy_from_grid(member, ENERGY_MAX)
        return self.trades


def split(total: int, weights: Sequence[int], first: int = 0) -> list[int]:
    """Splits `total` in proportion to `weights`, by the largest remainder.

    Part i is ⌊total·wᵢ/Σw⌋; the units left over go one each to the largest remainders, of equal ones first to the one at or after
    `first` around the circle (see `Round.turn`). The parts add up to `total`; if all weights are 0, all parts are.

    >>> split(100, [1, 1, 1])
    [34, 33, 33]
    """
    whole(total, "total", 0, 2**128)
    sum_of_weights = sum(weights)
    if sum_of_weights == 0:
        return [0] * len(weights)
    parts = [total * weight // sum_of_weights for weight in weights]
    left_over = total - sum(parts)
    if left_over > 0:
        circle = [*range(first, len(weights)), *range(first)]
        circle.sort(key=lambda index: -(total * weights[index] % sum_of_weights))
        for index in circle[:left_over]:
            parts[index] += 1
    return parts


def cascade(total: int, weights: Sequence[int], caps: Sequence[int], first: int = 0) -> list[int]:
    """Splits `total` by weight, but gives each at most its cap: what somebody cannot take is split again among the others, until
    nothing is left or nobody who can take more has a weight.

    >>> cascade(100, [2, 1, 1], [20, 100, 30])
    [20, 50, 30]
    """
    got = [0] * len(weights)
    while total > 0:
        room = [cap - given for cap, given in zip(caps, got)]
        parts = split(total, [weight if space > 0 else 0 for weight, space in zip(weights, room)], first)
        taken = [min(part, space) for part, space in zip(parts, room)]
        if not any(taken):
            break
        got = [given + more for given, more in zip(got, taken)]
        total -= sum(taken)
    return got


def _pairs(gives: list[int], takes: list[int]) -> Iterable[tuple[int, int, int]]:
    """Says who sells how much to whom, for `Book.pair`.

    A plain greedy strands energy where members both give and take: the last one may have only itself left. So a member whose two
    sides are all that is left (it is tight) trades at once, and no trade makes one exceed that.
    """
    left = sum(gives)
    if left != sum(takes):
        raise ValueError(f"what members give ({left} Wh) and what they take ({sum(takes)} Wh) have different sums")

    def both(member: int) -> int:
        return gives[member] + takes[member] if gives[member] > 0 and takes[member] > 0 else 0

    # At most one member has more than all that is left: two sides each are half of everything. It gives the excess back.
    for member in range(len(gives)):
        if both(member) > left:
            excess = both(member) - left
            gives[member] -= excess
            takes[member] -= excess
            left -= excess
            break
    # Members with both sides: greatest sum first, of equal ones the first member. An entry whose sum is no longer right is dropped
    # when it comes up.
    heap = [(-both(member), member) for member in range(len(gives)) if both(member) > 0]
    heapify(heap)

    def greatest_other(seller: int, buyer: int) -> tuple[int, int]:
        aside = set()
        greatest = (0, seller)
        while heap:
            total, member = heap[0]
            if both(member) == -total:
                if member not in (seller, buyer):
                    greatest = (-total, member)
                    break
                aside.add(heap[0])
            heappop(heap)
        for entry in aside:
            heappush(heap, entry)
        return greatest

    buyer = first = second = 0
    while left > 0:
        while takes[buyer] == 0:
            buyer += 1
        while gives[first] == 0:
            first += 1
        seller = first
        if seller == buyer:
            second = max(second, first + 1)
            while gives[second] == 0:
                second += 1
            seller = second
        most, third = greatest_other(seller, buyer)
        if most == left and both(seller) != left and both(buyer) != left:
            seller = third
            most, _ = greatest_other(seller, buyer)
        energy = min(gives[seller], takes[buyer], left - most)
        gives[seller] -= energy
        takes[buyer] -= energy
        left -= energy
        for member in (seller, buyer):
            if both(member) > 0:
                heappush(heap, (-both(member), member))
        yield seller, buyer, energy
