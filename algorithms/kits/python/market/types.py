"""What an algorithm gets and returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .setting import Setting


class Refused(Exception):
    """Refuses a round: `raise Refused("retail is 0 µEUR/kWh, but must be more")`. The message comes back instead of trades: in lower
    case, with the wrong value and the way out."""


class Account(Enum):
    """A side of a trade that is no member."""

    GRID = 0
    OPERATOR = 1


GRID = Account.GRID
"""The grid: it sells at a member's `retail` price and buys at its `feed_in` price."""

OPERATOR = Account.OPERATOR
"""The community's own account: it keeps no energy, must not lose money, and cannot trade with the grid."""

ENERGY_MAX = 2**64 - 1
PRICE_MIN, PRICE_MAX = -(2**63), 2**63 - 1

Party = int | Account
"""One side of a trade: `GRID`, `OPERATOR`, or a member, as an index into the round's positions (from 0)."""


@dataclass(slots=True)
class Position:
    """What one member has and wants in one interval."""

    member: str
    """The member's name, unique within the round."""
    surplus: int
    """Energy to sell, in Wh. It must be sold to the last watt-hour."""
    deficit: int
    """Energy to buy, in Wh. It must be bought to the last watt-hour."""
    offer: int
    """The lowest price at which the member sells, in µEUR/kWh."""
    bid: int
    """The highest price at which the member buys, in µEUR/kWh."""
    retail: int
    """What the grid charges this member, in µEUR/kWh."""
    feed_in: int
    """What the grid pays this member, in µEUR/kWh."""
    share: int = 0
    """The member's sharing coefficient, in parts per million."""
    rank: int = 0
    """The member's priority; 0 comes first."""


@dataclass(slots=True)
class Round:
    """The input of one clearing."""

    community: str
    """The community's name."""
    start: int
    """Start of the interval, in Unix seconds (UTC)."""
    duration: int
    """Length of the interval, in seconds."""
    retail: int
    """The community's reference tariff for energy from the grid, in µEUR/kWh."""
    feed_in: int
    """The community's reference tariff for energy to the grid, in µEUR/kWh."""
    price_floor: int | None = None
    """The lowest price between members, in µEUR/kWh; `None` if there is no limit."""
    price_ceiling: int | None = None
    """The highest price between members, in µEUR/kWh; `None` if there is no limit."""
    seed: int = 0
    """Derived from community and start, for algorithms that draw lots."""
    settings: dict[str, str] = field(default_factory=dict)
    """What the community has set, by key. A `Setting` reads it."""
    positions: Sequence[Position] = ()
    """One position per member, sorted by member in byte order."""

    @property
    def turn(self) -> int:
        """Where the circle of positions begins in this round: the seed modulo the number of positions. Whoever hands out single
        watt-hours from there on favours nobody by its name over a month."""
        return self.seed % max(1, len(self.positions))


@dataclass(slots=True)
class Trade:
    """One exchange of energy for money."""

    seller: Party
    """The party that delivers the energy."""
    buyer: Party
    """The party that receives the energy."""
    energy: int
    """Wh, never 0."""
    price: int
    """µEUR/kWh."""

    def __post_init__(self) -> None:
        energy, price = self.energy, self.price
        if type(energy) is not int or type(price) is not int or not (0 <= energy <= ENERGY_MAX and PRICE_MIN <= price <= PRICE_MAX):
            whole(energy, "energy", 0, ENERGY_MAX)
            whole(price, "price", PRICE_MIN, PRICE_MAX)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A matching algorithm: decides who sells how much to whom, and at what price."""

    name: str
    """Short, such as `mid-market-rate`."""
    version: str
    """Such as `1.0.0`."""
    summary: str
    """One sentence on the matching rule."""
    clear: Callable[[Round], list[Trade]]
    """Clears one round: returns all trades, including those with the grid."""
    settings: Sequence[Setting] = ()
    """Every setting that `clear` reads."""


def whole(value: int, what: str, least: int, most: int) -> None:
    """Refuses what is not a whole number within bounds."""
    if type(value) is not int:
        raise TypeError(f"{what} is {value!r}, a {type(value).__name__}, but must be a whole number (an int)")
    if not least <= value <= most:
        raise ValueError(f"{what} is {value}, but must be {least} to {most}")
