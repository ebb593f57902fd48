"""Prices, in µEUR/kWh."""

from dataclasses import dataclass

from .types import PRICE_MAX, PRICE_MIN, Refused, Round, whole


def mid(a: int, b: int) -> int:
    """Returns the midpoint of two prices, rounded towards minus infinity.

    >>> mid(162_400, 30_000)
    96200
    """
    return (a + b) // 2


def between(start: int, end: int, millionths: int) -> int:
    """Returns the price that lies so many millionths (0 to 1000000) of the way from one price to another, rounded towards minus
    infinity.

    >>> between(30_000, 162_400, 250_000)
    63100
    """
    whole(millionths, "millionths of the way", 0, 1_000_000)
    return start + (end - start) * millionths // 1_000_000


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """The limits on prices between members. The host rejects a result with a price outside them, so pass every price between members
    through `clamp`."""

    floor: int
    ceiling: int

    @classmethod
    def of(cls, round: Round) -> "PriceLimits":
        """Reads the limits of a round; a missing one allows every price."""
        floor = PRICE_MIN if round.price_floor is None else round.price_floor
        ceiling = PRICE_MAX if round.price_ceiling is None else round.price_ceiling
        if floor > ceiling:
            raise Refused(
                f"price floor {floor} is above price ceiling {ceiling} (lower the floor or raise the ceiling)"
            )
        return cls(floor, ceiling)

    def clamp(self, price: int) -> int:
        """Returns the price within the limits that is nearest."""
        return self.lower(self.raise_(price))

    def raise_(self, price: int) -> int:
        """Returns the price, raised to the floor if it is below."""
        return max(price, self.floor)

    def lower(self, price: int) -> int:
        """Returns the price, lowered to the ceiling if it is above."""
        return min(price, self.ceiling)
