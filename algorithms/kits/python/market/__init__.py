"""Everything a Python author needs to write a matching algorithm for rec-market.

An algorithm is an `Algorithm` with the name `ALGORITHM` in the file `algorithm.py`: who it is, its settings, and a function
`clear`. That gets a `Round`, which has each member's surplus and deficit in one interval, and returns `Trade`s: who sells how
much to whom, at what price. Energy is in whole watt-hours (Wh), prices are in micro-euro per kilowatt-hour (µEUR/kWh): 0.1624
EUR/kWh is 162400. Energy × price is then a whole number of nano-euro, so money never needs rounding.

Building blocks: `Book` keeps track of what is left of each position (sellers, buyers, pro rata, greedy, pair, rest), `split` and
`cascade` divide energy to the last watt-hour, `mid`, `between` and `PriceLimits` help with prices, and a `Setting` is what the
community may choose. `market.testing` has rounds and a balance check for tests.

Whole numbers only: a float is refused, with file and line. So is every other mistake, as a message instead of trades. Import
what you need at the top of a file: that happens when the component is built, and later there are no files.
"""

from .book import Book, split, cascade
from .price import PriceLimits, between, mid
from .setting import Setting
from .types import GRID, OPERATOR, Algorithm, Party, Position, Refused, Round, Trade

__all__ = [
    "GRID", "OPERATOR", "Algorithm", "Book", "Party", "Position", "PriceLimits", "Refused", "Round", "Setting", "Trade",
    "between", "cascade", "mid", "split",
]
