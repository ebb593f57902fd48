import doctest
import unittest

import market.book
import market.price
import market.setting
from algorithm import ALGORITHM, clear
from market import Refused
from market.testing import check, check_random_rounds, lines, make_round


class TestAlgorithm(unittest.TestCase):
    def expect(self, round, *expected):
        trades = clear(round)
        check(round, trades)
        self.assertEqual(lines(round, trades), list(expected))

    def test_shares_energy_in_proportion_at_the_midpoint(self):
        self.expect(
            make_round(("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)),
            "grid > ben 250 Wh at 162400",
            "grid > carla 250 Wh at 162400",
            "anna > ben 450 Wh at 96200",
            "anna > carla 450 Wh at 96200",
        )

    def test_the_position_moves_the_price(self):
        members = [("anna", 900, 0), ("ben", 0, 900)]
        self.expect(make_round(*members, settings={"position": "250000"}), "anna > ben 900 Wh at 63100")
        with self.assertRaisesRegex(Refused, 'setting position is "1000001" but must be a whole number, 0 to 1000000'):
            clear(make_round(*members, settings={"position": "1000001"}))

    def test_the_price_stays_within_the_limits(self):
        self.expect(make_round(("anna", 900, 0), ("ben", 0, 900), price_ceiling=90_000), "anna > ben 900 Wh at 90000")

    def test_balances_every_round(self):
        check_random_rounds(ALGORITHM, 2_000)

    def test_the_examples_in_the_kit_are_right(self):
        for module in (market.book, market.price, market.setting):
            self.assertEqual(doctest.testmod(module).failed, 0)


if __name__ == "__main__":
    unittest.main()
