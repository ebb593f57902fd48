//! The market of one round as structure: merit orders, prices, and for every member what it traded and why not more.

use domain::{Party, Round, Trade};

use crate::side::{Reason, Role, Side};

/// Everything that can be drawn of a round, and said of one member alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// The prices between members, as the rule found them; none if it found none or is not known.
    pub prices: Vec<MarketPrice>,
    /// Whether the rule looks at offers and bids. If not, they only say what each would have accepted.
    pub looks_at_limits: bool,
    /// What is for sale, the cheapest first.
    pub offers: Vec<Block>,
    /// What is wanted, the highest bid first.
    pub bids: Vec<Block>,
    /// Every member of the round, in its order.
    pub members: Vec<Line>,
}

/// A price that the rule found, in µEUR/kWh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketPrice {
    /// For whom it is the price.
    pub of: PriceOf,
    /// The price, in µEUR/kWh.
    pub micro_eur: i64,
}

/// For whom a price is the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceOf {
    /// For everybody.
    All,
    /// For nobody, since each pair has its own: the price that decides who trades.
    Decides,
    /// What sellers get.
    Sellers,
    /// What buyers pay.
    Buyers,
    /// What is paid in half A.
    HalfA,
    /// What is paid in half B.
    HalfB,
}

impl PriceOf {
    /// Returns its code: a short name for programs that never changes.
    pub fn code(self) -> &'static str {
        match self {
            PriceOf::All => "all",
            PriceOf::Decides => "decides",
            PriceOf::Sellers => "sellers",
            PriceOf::Buyers => "buyers",
            PriceOf::HalfA => "half-a",
            PriceOf::HalfB => "half-b",
        }
    }
}

/// One member's part of a merit order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The member's index in the round.
    pub member: u32,
    /// The lowest price at which it sells, or the highest at which it buys, in µEUR/kWh.
    pub price: i64,
    /// What it has, in Wh.
    pub energy: u64,
    /// What of that is traded inside the community, in Wh.
    pub traded: u64,
}

/// What one member had to trade, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The member's index in the round.
    pub member: u32,
    /// Its sharing coefficient, in parts per million.
    pub share: u32,
    /// Its priority; 0 comes first.
    pub rank: u32,
    /// As a seller; `None` if it has no surplus.
    pub sells: Option<Side>,
    /// As a buyer; `None` if it has no deficit.
    pub buys: Option<Side>,
}

impl Line {
    /// Lists the sides on which the member has energy.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        self.sells.iter().chain(&self.buys)
    }
}

/// What a rule says of the members while it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    sells: Vec<Reason>,
    buys: Vec<Reason>,
    offered: Vec<Option<u128>>,
    prices: Vec<MarketPrice>,
    orders: Option<[Vec<(u32, i64)>; 2]>,
    looks_at_limits: bool,
}

impl Marks {
    pub(super) fn new(positions: usize) -> Marks {
        let unknown = vec![Reason::Unknown; positions];
        Marks { sells: unknown.clone(), buys: unknown, offered: vec![None; positions], ..Marks::default() }
    }

    /// Says the same of everybody.
    pub(super) fn all(&mut self, reason: Reason) {
        self.sells.fill(reason);
        self.buys.fill(reason);
    }

    /// Says of these sellers why they trade as much as they do, by place and member.
    pub(super) fn sellers(&mut self, members: &[u32], reason: impl Fn(usize, u32) -> Reason) {
        set(&mut self.sells, members, reason);
    }

    /// As [`Marks::sellers`], of buyers.
    pub(super) fn buyers(&mut self, members: &[u32], reason: impl Fn(usize, u32) -> Reason) {
        set(&mut self.buys, members, reason);
    }

    /// Says what a key offered each position.
    pub(super) fn offers(&mut self, offered: impl IntoIterator<Item = Option<u128>>) {
        for (place, offered) in self.offered.iter_mut().zip(offered) {
            *place = offered;
        }
    }

    /// Says what a price is.
    pub(super) fn price(&mut self, of: PriceOf, micro_eur: i64) {
        self.prices.push(MarketPrice { of, micro_eur });
    }

    /// Says that offers and bids decide.
    pub(super) fn limits_decide(&mut self) {
        self.looks_at_limits = true;
    }

    /// Says in which orders, and at which prices, sellers and buyers come.
    pub(super) fn orders(&mut self, offers: Vec<(u32, i64)>, bids: Vec<(u32, i64)>) {
        self.orders = Some([offers, bids]);
    }

    /// Puts together what the rule said with what was traded. What it said counts only if it led to these trades.
    pub(super) fn into_market(self, round: &Round, trades: &[Trade], agrees: bool) -> Market {
        let traded = Traded::of(round, trades);
        let known = |reasons: &[Reason], member: usize| {
            reasons.get(member).copied().filter(|_| agrees).unwrap_or(Reason::Unknown)
        };
        let line = |(member, position): (usize, &domain::Position)| {
            let side = |role: Role, energy: u64, traded: u64, limit: i64, reason: Reason| {
                let offered = self.offered.get(member).copied().flatten().filter(|_| agrees && role == Role::Buys);
                let reason = if traded == energy { Reason::All } else { reason };
                (energy > 0).then_some(Side { role, energy, traded, limit, offered, reason })
            };
            let (sold, bought) = traded.at(member);
            let (offer, bid) = (position.offer.micro_eur(), position.bid.micro_eur());
            let (sells, buys) = (known(&self.sells, member), known(&self.buys, member));
            let mut line = Line {
                // OK because a round has at most 2³² − 1 positions.
                member: u32::try_from(member).unwrap_or(u32::MAX),
                share: position.share,
                rank: position.rank,
                sells: side(Role::Sells, position.surplus.wh(), sold, offer, sells),
                buys: side(Role::Buys, position.deficit.wh(), bought, bid, buys),
            };
            line.tell_itself();
            line
        };
        let members: Vec<Line> = round.positions().iter().enumerate().map(line).collect();
        let [offers, bids] = self.orders.unwrap_or_else(|| by_limit(&members));
        let block = |side: fn(&Line) -> Option<Side>| {
            let members = &members;
            move |(member, price): (u32, i64)| {
                let side = side(members.get(member as usize)?)?;
                Some(Block { member, price, energy: side.energy, traded: side.traded })
            }
        };
        Market {
            prices: if agrees { self.prices } else { Vec::new() },
            looks_at_limits: self.looks_at_limits,
            offers: offers.into_iter().filter_map(block(|line| line.sells)).collect(),
            bids: bids.into_iter().filter_map(block(|line| line.buys)).collect(),
            members,
        }
    }
}

impl Line {
    /// Where energy is left over on both sides of a member that others would have traded in their turn, only it was left.
    fn tell_itself(&mut self) {
        if let (Some(sells), Some(buys)) = (&mut self.sells, &mut self.buys)
            && let (Reason::Order { .. }, Reason::Order { .. }) = (sells.reason, buys.reason)
        {
            (sells.reason, buys.reason) = (Reason::Itself, Reason::Itself);
        }
    }
}

fn set(reasons: &mut [Reason], members: &[u32], reason: impl Fn(usize, u32) -> Reason) {
    for (place, &member) in members.iter().enumerate() {
        if let Some(kept) = reasons.get_mut(member as usize) {
            *kept = reason(place, member);
        }
    }
}

/// The orders of a round whose rule has none: by price, then in the order of the round.
fn by_limit(members: &[Line]) -> [Vec<(u32, i64)>; 2] {
    let limits = |side: fn(&Line) -> Option<Side>| -> Vec<(u32, i64)> {
        members.iter().filter_map(|line| Some((line.member, side(line)?.limit))).collect()
    };
    let (mut offers, mut bids) = (limits(|line| line.sells), limits(|line| line.buys));
    offers.sort_by_key(|&(_, price)| price);
    bids.sort_by_key(|&(_, price)| std::cmp::Reverse(price));
    [offers, bids]
}

/// What each member sold and bought inside, in Wh.
struct Traded(Vec<(u64, u64)>);

impl Traded {
    fn of(round: &Round, trades: &[Trade]) -> Traded {
        let mut sums = vec![(0_u64, 0_u64); round.positions().len()];
        for trade in trades {
            let energy = trade.energy.wh();
            if let (Party::Member(seller), true) = (trade.seller, trade.buyer != Party::Grid)
                && let Some((sold, _)) = sums.get_mut(seller as usize)
            {
                *sold = sold.saturating_add(energy);
            }
            if let (Party::Member(buyer), true) = (trade.buyer, trade.seller != Party::Grid)
                && let Some((_, bought)) = sums.get_mut(buyer as usize)
            {
                *bought = bought.saturating_add(energy);
            }
        }
        Traded(sums)
    }

    fn at(&self, member: usize) -> (u64, u64) {
        self.0.get(member).copied().unwrap_or_default()
    }
}
