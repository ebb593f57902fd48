"""The component: how the host calls the algorithm, and how its mistakes come back. An author never calls anything here.

componentize-py imports this when the component is built, and keeps the memory as it is then. So what is imported at the top of
a file is in the component, and the component itself needs no files, clock or network.
"""

import builtins
import gc
import io
import os
import random  # componentize-py looks for it as the component starts
import sys
import time
from importlib.abc import MetaPathFinder

from componentize_py_types import Err
from wit_world import WitWorld as World
from wit_world.imports import types as wit

import algorithm as author

from .types import GRID, OPERATOR, Algorithm, Refused, Round, Trade

KIT = os.path.dirname(__file__)
AUTHOR = os.path.dirname(author.__file__)
PRINTED_MAX = 500
SIDES = {GRID: wit.Party_Grid(), OPERATOR: wit.Party_Operator()}

algorithm = getattr(author, "ALGORITHM", None)
if not isinstance(algorithm, Algorithm):
    raise SystemExit('algorithm.py has no algorithm: write ALGORITHM = Algorithm(name="…", version="1.0.0", summary="…", clear=clear)')


class WitWorld(World):
    """The world `algorithm` of wit/market.wit."""

    def describe(self) -> wit.Description:
        settings = [wit.Setting(setting.key, setting.summary, setting.default) for setting in algorithm.settings]
        return wit.Description(algorithm.name, algorithm.version, algorithm.summary, settings)

    def clear(self, round: wit.Round) -> list[wit.Trade]:
        printed = sys.stdout = sys.stderr = io.StringIO()
        try:
            # Positions are handed on as they are: they have the fields of the kit's own.
            round.settings = dict(round.settings)
            terms = [getattr(round, name) for name in Round.__slots__]
            return lower(algorithm.clear(Round(*terms)), len(round.positions))
        except BaseException as error:
            reason = str(error) if isinstance(error, Refused) else f"{place(error)}{describe_error(error)}"
            said = printed.getvalue().strip()
            raise Err(f"{reason}; it printed: {said[-PRINTED_MAX:]}" if said else reason) from None


def describe_error(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error: BaseException) -> str:
    """File and line of the author's code in which it happened: the innermost that is not the kit's. Of `clear`, if what it
    returned is wrong."""
    code, step = getattr(algorithm.clear, "__code__", None), error.__traceback__
    found = f"{os.path.relpath(code.co_filename, AUTHOR)}:{code.co_firstlineno}: " if code else ""
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(AUTHOR) and not file.startswith(KIT):
            found = f"{os.path.relpath(file, AUTHOR)}:{step.tb_lineno}: "
        step = step.tb_next
    return found


def lower(trades: list[Trade], positions: int) -> list[wit.Trade]:
    """Checks trades and turns them into those of the interface."""
    if not isinstance(trades, list):
        raise TypeError(f"clear returned {trades!r}, but must return a list of trades (return book.rest())")
    members = [wit.Party_Member(index) for index in range(positions)]
    lowered = []
    for number, trade in enumerate(trades):
        if type(trade) is not Trade:
            raise TypeError(f"trade {number} is {trade!r}, but must be a Trade")
        trade.__post_init__()
        sides = [members[side] if type(side) is int and 0 <= side < positions else SIDES.get(side)
                 for side in (trade.seller, trade.buyer)]
        if None in sides:
            raise ValueError(f"trade {number} is {trade}: a side is GRID, OPERATOR, or a position's index, 0 to {positions - 1}")
        lowered.append(wit.Trade(*sides, trade.energy, trade.price))
    return lowered


def refuse(what: str):
    def refused(*_: object, **__: object) -> None:
        raise OSError(f"{what} is not there: an algorithm has no files, no clock and no randomness (use round.seed)")

    return refused


class NoImports(MetaPathFinder):
    """Says that a module is imported too late."""

    def find_spec(self, name: str, *_: object) -> None:
        raise ImportError(f"{name} is imported inside of a function (import it at the top of the file: that happens when the component is built)")


# One call, then the memory is dropped: collecting would only cost.
gc.disable()

# From here on, what would need the outside is refused with a message, because in the component it would only trap.
sys.meta_path[:] = [NoImports()]
for module, names in [(builtins, ["open", "input"]), (os, ["urandom"]), (time, ["time", "time_ns", "monotonic", "sleep"])]:
    for name in names:
        setattr(module, name, refuse(name))
