"""Helpers for tests: concise rounds, trades as text, and the balance check.

Start with `make_round` and `lines`; `check_random_rounds` covers unusual rounds. The check is a simple second implementation of
the host's: it stops at the first broken rule.
"""

from collections.abc import Iterator

from .types import GRID, OPERATOR, Algorithm, Party, Position, Round, Trade


def make_round(*members: tuple[str, int, int], **changes: object) -> Round:
    """Makes a round of `(member, surplus, deficit)` in Wh, without settings and price limits unless they are given by name. The
    tariff is 162400 µEUR/kWh retail and 30000 µEUR/kWh feed-in; every member offers at its feed-in price and bids at its retail
    price."""
    positions = [Position(member, surplus, deficit, 30_000, 162_400, 162_400, 30_000) for member, surplus, deficit in members]
    terms = {"retail": 162_400, "feed_in": 30_000, "positions": positions, **changes}
    return Round("testing", 1_693_569_600, 900, **terms)


def lines(round: Round, trades: list[Trade]) -> list[str]:
    """Formats trades as lines such as `anna > ben 700 Wh at 96200` (seller, buyer, Wh, µEUR/kWh), in their order."""

    def name(party: Party) -> str:
        return round.positions[party].member if isinstance(party, int) else party.name.lower()

    return [f"{name(trade.seller)} > {name(trade.buyer)} {trade.energy} Wh at {trade.price}" for trade in trades]


def check(round: Round, trades: list[Trade]) -> None:
    """Checks trades by the host's rules: every watt-hour is sold and bought, trades with the grid are at its prices, and what
    members pay each other and the operator is within the limits. Raises `AssertionError` with the first broken rule."""
    sold, bought = [0] * len(round.positions), [0] * len(round.positions)
    kept, money = 0, 0
    for trade in trades:
        _check_trade(round, trade)
        if isinstance(trade.seller, int):
            sold[trade.seller] += trade.energy
        elif trade.seller is OPERATOR:
            kept -= trade.energy
            money += trade.energy * trade.price
        if isinstance(trade.buyer, int):
            bought[trade.buyer] += trade.energy
        elif trade.buyer is OPERATOR:
            kept += trade.energy
            money -= trade.energy * trade.price
    for position, sells, buys in zip(round.positions, sold, bought):
        assert sells == position.surplus, f"member {position.member} sells {sells} Wh but has a surplus of {position.surplus} Wh"
        assert buys == position.deficit, f"member {position.member} buys {buys} Wh but has a deficit of {position.deficit} Wh"
    assert kept == 0, f"the operator keeps {kept} Wh"
    assert money >= 0, f"the operator loses {-money} nEUR"


def _check_trade(round: Round, trade: Trade) -> None:
    seller, buyer, price = trade.seller, trade.buyer, trade.price
    for party in (seller, buyer):
        assert not isinstance(party, int) or 0 <= party < len(round.positions), f"unknown member: {trade}"
    assert seller != buyer, f"a party trades with itself: {trade}"
    assert trade.energy > 0, f"a trade has 0 Wh: {trade}"
    sells, buys = isinstance(seller, int), isinstance(buyer, int)
    assert sells or buys, f"the grid trades with the operator: {trade}"
    if buyer is GRID:
        assert price == round.positions[seller].feed_in, f"the grid pays its feed-in price: {trade}"
    elif sells and round.price_floor is not None:
        assert price >= round.price_floor, f"the price is below the floor of {round.price_floor}: {trade}"
    if seller is GRID:
        assert price == round.positions[buyer].retail, f"the grid charges its retail price: {trade}"
    elif buys and round.price_ceiling is not None:
        assert price <= round.price_ceiling, f"the price is above the ceiling of {round.price_ceiling}: {trade}"


def check_random_rounds(algorithm: Algorithm, count: int) -> None:
    """Clears `count` random rounds, the same ones in every call, and checks each result.

    They include empty rounds, members that both sell and buy, extreme energies and prices, ties, and price limits.
    """
    for seed in range(count):
        round = random_round(seed)
        try:
            check(round, algorithm.clear(round))
        except Exception as error:
            error.add_note(f"in {round}")
            raise


def random_round(seed: int) -> Round:
    """Makes a random round; the same seed gives the same round."""
    random = _Random(seed)
    # One kind of prices and one of energies per round: some are small, so that there are ties, some are extreme.
    prices, energies = random.below(4), random.below(4)
    retail, feed_in = random.price(prices), random.price(prices)
    limits = sorted([random.price(prices), random.price(prices)])
    floor = limits[0] if random.below(3) == 0 else None
    ceiling = limits[1] if random.below(3) == 0 else None
    sides = random.below(4)
    positions = []
    for index in range(random.below(12)):
        side = random.below(4) if sides == 3 else sides
        surplus = 0 if side == 1 else random.energy(energies)
        deficit = 0 if side == 2 or sides == 3 and side == 0 else random.energy(energies)
        positions.append(Position(f"m{index:02}", surplus, deficit, *(random.price(prices) for _ in range(4))))
    shares = random.below(3)
    for position in positions:
        position.share = shares * random.below(80_000) // 2
        position.rank = random.below(3)
    return make_round(
        seed=seed, retail=retail, feed_in=feed_in, price_floor=floor, price_ceiling=ceiling, positions=positions
    )


class _Random:
    """SplitMix64 (Steele, Lea and Flood 2014): the same rounds in every language."""

    def __init__(self, seed: int) -> None:
        self.numbers = self._numbers(seed)

    @staticmethod
    def _numbers(state: int) -> Iterator[int]:
        mask = 2**64 - 1
        while True:
            state = state + 0x9E3779B97F4A7C15 & mask
            mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
            mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
            yield mixed ^ mixed >> 31

    def below(self, limit: int) -> int:
        return next(self.numbers) % limit

    def energy(self, kind: int) -> int:
        if kind == 0:
            return self.below(4)
        if kind == 1:
            return self.below(5_000)
        if kind == 2:
            return 2**64 - 1 - self.below(2)
        return next(self.numbers) >> self.below(64)

    def price(self, kind: int) -> int:
        few = self.below(4)
        if kind == 0:
            return 10_000 * few
        if kind == 1:
            return self.below(200_000) - 20_000
        if kind == 2 and few < 2:
            return 2**63 - 1 if few else -(2**63)
        drawn = next(self.numbers)
        return drawn - 2**64 if drawn >= 2**63 else drawn
