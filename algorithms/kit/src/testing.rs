//! Helpers for tests of algorithms, in native builds only: concise rounds, trades as text, and the balance check.
//!
//! Start with [`round`] and [`lines`]; use [`check_random_rounds`] to cover unusual rounds. The check is a simple
//! second implementation of the host's: it stops at the first broken rule, and it has neither codes nor a limit on
//! trades.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{Algorithm, Party, Position, Round, Trade};

/// Makes a round of `(member, surplus, deficit)` in Wh, without settings and price limits. The tariff of the community
/// and of every member is 162400 µEUR/kWh retail and 30000 µEUR/kWh feed-in.
///
/// Every member offers at its feed-in price and bids at its retail price.
#[must_use]
pub fn round<const N: usize>(members: [(&str, u64, u64); N]) -> Round {
    let (retail, feed_in) = (162_400, 30_000);
    let position = |(member, surplus, deficit): (&str, u64, u64)| Position {
        member: member.to_string(),
        surplus,
        deficit,
        offer: feed_in,
        bid: retail,
        retail,
        feed_in,
        share: 0,
        rank: 0,
    };
    Round {
        community: "testing".to_string(),
        start: 1_693_569_600,
        duration: 900,
        retail,
        feed_in,
        price_floor: None,
        price_ceiling: None,
        seed: 0,
        settings: Vec::new(),
        positions: members.map(position).into(),
    }
}

/// Makes a [`round`] of `(member, surplus, deficit, share)`, the share in parts per million.
#[must_use]
pub fn shared_round<const N: usize>(members: [(&str, u64, u64, u32); N]) -> Round {
    let mut shared = round(members.map(|(member, surplus, deficit, _)| (member, surplus, deficit)));
    for (position, (.., share)) in shared.positions.iter_mut().zip(members) {
        position.share = share;
    }
    shared
}

/// Formats trades as lines such as `anna > ben 700 Wh at 96200` (seller, buyer, Wh, µEUR/kWh), in their order.
#[must_use]
pub fn lines(round: &Round, trades: &[Trade]) -> Vec<String> {
    let name = |party| match party {
        Party::Grid => "grid".to_string(),
        Party::Operator => "operator".to_string(),
        Party::Member(index) => {
            let position = round.positions.get(index as usize);
            position.map_or_else(|| format!("no member {index}"), |position| position.member.clone())
        }
    };
    let line = |trade: &Trade| {
        format!("{} > {} {} Wh at {}", name(trade.seller), name(trade.buyer), trade.energy, trade.price)
    };
    trades.iter().map(line).collect()
}

/// Checks trades by the host's rules: every watt-hour is sold and bought, trades with the grid are at its prices, and
/// what members pay each other and the operator is within the limits.
///
/// # Errors
///
/// The first broken rule, with the trade or member that breaks it.
pub fn check(round: &Round, trades: &[Trade]) -> Result<(), String> {
    let mut sold: Vec<u128> = round.positions.iter().map(|_| 0).collect();
    let mut bought = sold.clone();
    let mut operator = Operator::default();
    for trade in trades {
        check_trade(round, trade).map_err(|broken| format!("{broken}: {}", lines(round, &[*trade]).concat()))?;
        match trade.seller {
            Party::Member(member) => sold[member as usize] += u128::from(trade.energy),
            Party::Operator => operator.sells(trade)?,
            Party::Grid => {}
        }
        match trade.buyer {
            Party::Member(member) => bought[member as usize] += u128::from(trade.energy),
            Party::Operator => operator.buys(trade)?,
            Party::Grid => {}
        }
    }
    for ((position, sold), bought) in round.positions.iter().zip(sold).zip(bought) {
        let Position { member, surplus, deficit, .. } = position;
        if sold != u128::from(*surplus) {
            return Err(format!("member {member} sells {sold} Wh but has a surplus of {surplus} Wh"));
        }
        if bought != u128::from(*deficit) {
            return Err(format!("member {member} buys {bought} Wh but has a deficit of {deficit} Wh"));
        }
    }
    operator.check()
}

fn check_trade(round: &Round, trade: &Trade) -> Result<(), String> {
    let position = |party| match party {
        Party::Member(member) => round.positions.get(member as usize).map(Some).ok_or("unknown member"),
        _ => Ok(None),
    };
    let (seller, buyer) = (position(trade.seller)?, position(trade.buyer)?);
    if trade.seller == trade.buyer {
        return Err("a party trades with itself".to_string());
    }
    if trade.energy == 0 {
        return Err("a trade has 0 Wh".to_string());
    }
    match (seller, buyer) {
        (Some(_), _) if trade.buyer != Party::Grid && round.price_floor.is_some_and(|floor| trade.price < floor) => {
            Err(format!("the price is below the price floor of {}", round.price_floor.unwrap_or_default()))
        }
        (_, Some(_))
            if trade.seller != Party::Grid && round.price_ceiling.is_some_and(|ceiling| trade.price > ceiling) =>
        {
            Err(format!("the price is above the price ceiling of {}", round.price_ceiling.unwrap_or_default()))
        }
        (Some(seller), _) if trade.buyer == Party::Grid && trade.price != seller.feed_in => {
            Err(format!("the grid pays {}", seller.feed_in))
        }
        (_, Some(buyer)) if trade.seller == Party::Grid && trade.price != buyer.retail => {
            Err(format!("the grid charges {}", buyer.retail))
        }
        (None, None) => Err("the grid trades with the operator".to_string()),
        _ => Ok(()),
    }
}

/// The operator's balance so far: purchases minus sales in Wh, and income minus payments in nEUR.
#[derive(Default)]
struct Operator {
    energy: i128,
    money: i128,
}

impl Operator {
    fn sells(&mut self, trade: &Trade) -> Result<(), String> {
        self.energy -= i128::from(trade.energy);
        self.take_in(i128::from(trade.energy) * i128::from(trade.price))
    }

    fn buys(&mut self, trade: &Trade) -> Result<(), String> {
        self.energy += i128::from(trade.energy);
        self.take_in(-(i128::from(trade.energy) * i128::from(trade.price)))
    }

    fn take_in(&mut self, money: i128) -> Result<(), String> {
        self.money = self.money.checked_add(money).ok_or("the operator's money does not fit 128 bits")?;
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.energy != 0 {
            return Err(format!("the operator keeps {} Wh", self.energy));
        }
        if self.money < 0 {
            return Err(format!("the operator loses {} nEUR", -self.money));
        }
        Ok(())
    }
}

/// Clears `count` random rounds, the same ones in every call, and [`check`]s each result.
///
/// They include empty rounds, members that both sell and buy, extreme energies and prices, ties, and price limits.
///
/// # Errors
///
/// The first broken rule or error of the algorithm, with the round in which it occurred.
pub fn check_random_rounds<A: Algorithm>(count: u64) -> Result<(), String> {
    for seed in 0..count {
        let round = random_round(seed);
        let checked = A::clear(&round).and_then(|trades| check(&round, &trades));
        checked.map_err(|broken| format!("{broken}, in {round:#?}"))?;
    }
    Ok(())
}

/// Makes a random round; the same seed gives the same round.
#[must_use]
pub fn random_round(seed: u64) -> Round {
    let mut random = Random(seed);
    let mut round = round([]);
    round.seed = seed;
    // One kind of prices and one of energies per round: some are small, so that there are ties, some are extreme.
    let prices = random.below(4);
    let energies = random.below(4);
    (round.retail, round.feed_in) = (random.price(prices), random.price(prices));
    let (a, b) = (random.price(prices), random.price(prices));
    round.price_floor = (random.below(3) == 0).then_some(a.min(b));
    round.price_ceiling = (random.below(3) == 0).then_some(a.max(b));
    let sides = random.below(4);
    for index in 0..random.below(12) {
        let side = if sides == 3 { random.below(4) } else { sides };
        round.positions.push(Position {
            member: format!("m{index:02}"),
            surplus: if side == 1 { 0 } else { random.energy(energies) },
            deficit: if side == 2 || sides == 3 && side == 0 { 0 } else { random.energy(energies) },
            offer: random.price(prices),
            bid: random.price(prices),
            retail: random.price(prices),
            feed_in: random.price(prices),
            share: 0,
            rank: 0,
        });
    }
    let shares = random.below(3);
    for position in &mut round.positions {
        // Together at most the whole, and sometimes nobody has any.
        position.share = u32::try_from(shares * random.below(80_000)).unwrap_or(0) / 2;
        position.rank = u32::try_from(random.below(3)).unwrap_or(0);
    }
    round
}

/// SplitMix64 (Steele, Lea and Flood 2014): good enough for tests, without a dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn energy(&mut self, kind: u64) -> u64 {
        match kind {
            0 => self.below(4),
            1 => self.below(5_000),
            2 => u64::MAX - self.below(2),
            _ => self.next() >> self.below(64),
        }
    }

    fn price(&mut self, kind: u64) -> i64 {
        match (kind, self.below(4)) {
            (0, few) => 10_000 * few.cast_signed(),
            (1, _) => self.below(200_000).cast_signed() - 20_000,
            (2, 0) => i64::MIN,
            (2, 1) => i64::MAX,
            _ => self.next().cast_signed(),
        }
    }
}
