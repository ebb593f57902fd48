"""Settings: what the community may choose."""

import re
from dataclasses import dataclass

from .types import PRICE_MAX, PRICE_MIN, Refused, Round

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that an algorithm reads.

    >>> PRICE = Setting("price", "price of every trade between members, in µEUR/kWh", default="120000")
    >>> PRICE.integer(Round("aveiro", 0, 900, 162_400, 30_000), 0, 1_000_000)
    120000
    """

    key: str
    """The key in the community's configuration, such as `price`."""
    summary: str
    """One sentence on its effect, with its unit."""
    default: str
    """The value that applies if the community sets none."""

    def text(self, round: Round) -> str:
        """Returns the community's value, or else the default."""
        return round.settings.get(self.key, self.default)

    def integer(self, round: Round, least: int = PRICE_MIN, most: int = PRICE_MAX) -> int:
        """Returns the value as a whole number from `least` to `most`, or refuses the round."""
        text = self.text(round)
        # A number of thousands of digits would take forever.
        if len(text) > 100 or not WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise self.refused(round, f"a whole number, {least} to {most}")
        return int(text)

    def refused(self, round: Round, rule: str) -> Refused:
        """The exception for a value that is not what the rule says, such as "mid, retail or feed-in"."""
        return Refused(
            f'setting {self.key} is "{self.text(round)}" but must be {rule} (leave it out for "{self.default}")'
        )
