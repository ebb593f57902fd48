//! Guests that respect the interface but cheat on the market.

use super::{Expected, balances, rejected};

expected! {
    above_ceiling = rejected(&["price-ceiling"]);
    absurd_on_short_names = balances();
    absurd_price = rejected(&["price-ceiling"]);
    absurd_spread = rejected(&["price-ceiling"]);
    below_floor = rejected(&["price-floor"]);
    duplicate_trade = rejected(&["oversold", "overbought"]);
    energy_destroyed = rejected(&["undersold", "underbought"]);
    energy_made = rejected(&["oversold"]);
    energy_wraps = rejected(&["oversold", "overbought"]);
    grid_only = balances();
    grid_pays_too_much = rejected(&["grid-price"]);
    grid_price_wrong = rejected(&["grid-price"]);
    grid_to_grid = rejected(&["self-trade"]);
    honest = balances();
    honest_big = balances();
    nan_bits = rejected(&["price-ceiling", "price-ceiling"]);
    nothing = rejected(&["undersold", "underbought", "underbought"]);
    operator_keeps_energy = rejected(&["price-floor", "operator-energy"]);
    operator_loses_money = rejected(&["operator-loss"]);
    operator_makes_energy = rejected(&["operator-energy"]);
    operator_overflows = rejected(&[
        "price-ceiling", "price-ceiling", "price-ceiling", "price-ceiling", "price-ceiling", "oversold", "overbought",
        "underbought", "operator-loss",
    ]);
    operator_to_operator = rejected(&["self-trade"]);
    operator_with_grid = rejected(&["price-floor", "grid-operator"]);
    price_lowest = rejected(&["price-floor"]);
    self_trade = rejected(&["self-trade", "oversold", "overbought"]);
    sold_twice = rejected(&["oversold"]);
    state_in_globals = balances();
    trades_too_many = rejected(&["undersold", "overbought", "underbought", "too-many-trades"]);
    traps_on_short_names = balances();
    unknown_member = rejected(&["unknown-member"]);
    unknown_member_wild = rejected(&["unknown-member"]);
    zero_energy = rejected(&["zero-energy"]);
}
