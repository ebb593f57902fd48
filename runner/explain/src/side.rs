//! One side of a member's trading, and why it trades as much inside the community as it does: as a value for programs, and as
//! a sentence.

use words::{Language, fill};

use crate::voice::Voice;

/// A side of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever has a surplus.
    Sells,
    /// Whoever has a deficit.
    Buys,
}

/// One side of a member's trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Which side it is.
    pub role: Role,
    /// What it has to trade, in Wh.
    pub energy: u64,
    /// What of that is traded inside the community, in Wh. The rest is traded with the grid.
    pub traded: u64,
    /// The lowest price at which it sells, or the highest at which it buys, in µEUR/kWh.
    pub limit: i64,
    /// What a sharing key offered it, in Wh; `None` if the rule is no such key, or offers what was refused to others.
    pub offered: Option<u128>,
    /// Why it trades as much as it does.
    pub reason: Reason,
}

impl Side {
    /// Returns what a sharing key offered it and it did not take, in Wh.
    pub fn gave_back(&self) -> Option<u128> {
        self.offered.map(|offered| offered.saturating_sub(self.traded.into()))
    }
}

/// Why a member trades as much on one side as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All of it is traded inside.
    All,
    /// The rule trades everything with the grid.
    GridOnly,
    /// The other side has no energy.
    OtherSideEmpty,
    /// No offer is at most a bid.
    NoCrossing,
    /// Its limit does not accept the price, in µEUR/kWh.
    Limit {
        /// The price.
        price: i64,
    },
    /// Those before it in the order of its side covered what the other side has.
    Order {
        /// Its place, from 1.
        place: usize,
    },
    /// The longer side trades in proportion to what each has.
    Split,
    /// The surplus is split evenly.
    Even,
    /// Its share of the surplus, in parts per million, is less than it needs.
    Share {
        /// The share.
        share: u32,
    },
    /// As [`Reason::Share`], where what others refused was offered again.
    SharedAgain {
        /// The share.
        share: u32,
    },
    /// Lower ranks were served first.
    Rank {
        /// Its rank.
        rank: u32,
    },
    /// What it offered and nobody could take came back.
    Returned,
    /// It is in the last pair, which sets the prices and does not trade.
    LastPair,
    /// It comes behind the last pair.
    Behind,
    /// Its side had more than the other, and gives that up all alike.
    Cut,
    /// The other half found no price.
    NoPrice,
    /// It would have to trade with itself.
    Itself,
    /// The rule is not known.
    Unknown,
}

impl Reason {
    /// Returns its code: a short name for programs that never changes.
    pub fn code(self) -> &'static str {
        match self {
            Reason::All => "all",
            Reason::GridOnly => "grid-only",
            Reason::OtherSideEmpty => "other-side-empty",
            Reason::NoCrossing => "no-crossing",
            Reason::Limit { .. } => "limit",
            Reason::Order { .. } => "order",
            Reason::Split => "split",
            Reason::Even => "even",
            Reason::Share { .. } => "share",
            Reason::SharedAgain { .. } => "shared-again",
            Reason::Rank { .. } => "rank",
            Reason::Returned => "returned",
            Reason::LastPair => "last-pair",
            Reason::Behind => "behind",
            Reason::Cut => "cut",
            Reason::NoPrice => "no-price",
            Reason::Itself => "itself",
            Reason::Unknown => "unknown",
        }
    }
}

impl Side {
    /// Says in a sentence why the member trades as much on this side as it does. The sentence has no figure of another
    /// member but the price.
    pub fn why(&self, language: Language) -> String {
        let voice = Voice::of(language);
        let (texts, sells) = (voice.texts, self.role == Role::Sells);
        let by_role = |sold: &'static str, bought: &'static str| if sells { sold } else { bought };
        let text = match self.reason {
            Reason::All => by_role(texts.why_all_sold, texts.why_all_bought),
            Reason::GridOnly => texts.why_grid_only,
            Reason::OtherSideEmpty => by_role(texts.no_deficit, texts.no_surplus),
            Reason::NoCrossing => texts.why_no_crossing,
            Reason::Limit { price } => {
                let text = by_role(texts.why_offer_above, texts.why_bid_below);
                return fill(text, &[("limit", &voice.price(self.limit)), ("price", &voice.price(price))]);
            }
            Reason::Order { place } => {
                let text = match (sells, self.traded) {
                    (true, 0) => texts.why_place_sold_none,
                    (true, _) => texts.why_place_sold_part,
                    (false, 0) => texts.why_place_bought_none,
                    (false, _) => texts.why_place_bought_part,
                };
                return fill(text, &[("place", &place), ("energy", &voice.wh(self.traded))]);
            }
            Reason::Split => by_role(texts.why_split_sold, texts.why_split_bought),
            Reason::Even => return fill(texts.why_even, &[("energy", &voice.wh(self.traded))]),
            Reason::Share { share } => {
                return fill(texts.why_share, &[("share", &share), ("energy", &voice.wh(self.traded))]);
            }
            Reason::SharedAgain { share } => {
                return fill(texts.why_shared_again, &[("share", &share), ("energy", &voice.wh(self.traded))]);
            }
            Reason::Rank { rank } => return fill(texts.why_rank, &[("rank", &rank)]),
            Reason::Returned => texts.why_returned,
            Reason::LastPair => texts.why_last_pair,
            Reason::Behind => texts.why_behind,
            Reason::Cut => texts.why_cut,
            Reason::NoPrice => texts.why_no_price,
            Reason::Itself => texts.why_itself,
            Reason::Unknown => texts.why_unknown,
        };
        text.to_owned()
    }
}
