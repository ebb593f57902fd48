//! Guests that respect the interface but cheat on the market.

use super::Expected;

pub fn above_ceiling() -> Expected {
    Expected::rejected(&["price-ceiling"])
}

pub fn below_floor() -> Expected {
    Expected::rejected(&["price-floor"])
}

pub fn duplicate_trade() -> Expected {
    Expected::rejected(&["oversold", "overbought"])
}

pub fn energy_destroyed() -> Expected {
    Expected::rejected(&["undersold", "underbought"])
}

pub fn energy_made() -> Expected {
    Expected::rejected(&["oversold"])
}

pub fn energy_wraps() -> Expected {
    Expected::rejected(&["oversold", "overbought"])
}

pub fn grid_only() -> Expected {
    Expected::balances()
}

pub fn grid_pays_too_much() -> Expected {
    Expected::rejected(&["grid-price"])
}

pub fn grid_price_wrong() -> Expected {
    Expected::rejected(&["grid-price"])
}

pub fn grid_to_grid() -> Expected {
    Expected::rejected(&["self-trade"])
}

pub fn honest() -> Expected {
    Expected::balances()
}

pub fn honest_big() -> Expected {
    Expected::balances()
}

pub fn nan_bits() -> Expected {
    Expected::rejected(&["price-ceiling", "price-ceiling"])
}

pub fn nothing() -> Expected {
    Expected::rejected(&["undersold", "underbought", "underbought"])
}

pub fn operator_keeps_energy() -> Expected {
    Expected::rejected(&["operator-energy"])
}

pub fn operator_loses_money() -> Expected {
    Expected::rejected(&["operator-loss"])
}

pub fn operator_makes_energy() -> Expected {
    Expected::rejected(&["operator-energy"])
}

pub fn operator_overflows() -> Expected {
    Expected::rejected(&["oversold", "overbought", "underbought", "operator-loss"])
}

pub fn operator_to_operator() -> Expected {
    Expected::rejected(&["self-trade"])
}

pub fn operator_with_grid() -> Expected {
    Expected::rejected(&["grid-operator"])
}

pub fn price_lowest() -> Expected {
    Expected::rejected(&["price-floor"])
}

pub fn self_trade() -> Expected {
    Expected::rejected(&["self-trade", "oversold", "overbought"])
}

pub fn sold_twice() -> Expected {
    Expected::rejected(&["oversold"])
}

pub fn state_in_globals() -> Expected {
    Expected::balances()
}

pub fn trades_too_many() -> Expected {
    Expected::rejected(&["undersold", "overbought", "underbought", "too-many-trades"])
}

pub fn traps_on_short_names() -> Expected {
    Expected::balances()
}

pub fn unknown_member() -> Expected {
    Expected::rejected(&["unknown-member"])
}

pub fn unknown_member_wild() -> Expected {
    Expected::rejected(&["unknown-member"])
}

pub fn zero_energy() -> Expected {
    Expected::rejected(&["zero-energy"])
}
