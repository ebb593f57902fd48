//! What members are called on the platform's wire, where payments go by device: by the meter that is their wallet, or else
//! by their own name. The books know nothing of it.

use std::collections::BTreeMap;

use domain::{MemberId, MeterId};

use crate::payment::{Match, WireParty};

/// The wallets of members. Without any, everybody is called on the wire as in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wallets {
    /// By community.
    of: BTreeMap<String, BTreeMap<MemberId, MeterId>>,
}

/// A member with a wallet in its community.
impl FromIterator<(String, MemberId, MeterId)> for Wallets {
    fn from_iter<I: IntoIterator<Item = (String, MemberId, MeterId)>>(wallets: I) -> Wallets {
        let mut of: BTreeMap<String, BTreeMap<MemberId, MeterId>> = BTreeMap::new();
        for (community, member, wallet) in wallets {
            of.entry(community).or_default().insert(member, wallet);
        }
        Wallets { of }
    }
}

impl Wallets {
    /// Finds out who is called so on the wire.
    pub fn party(&self, name: &str) -> WireParty {
        let mut party = WireParty::from(name);
        for (community, wallets) in &self.of {
            for (member, wallet) in wallets {
                if wallet.as_str() == name {
                    party.members.insert((community.clone(), member.clone()));
                } else if member.as_str() == name {
                    party.elsewhere.insert(community.clone());
                }
            }
        }
        party
    }

    /// Shows a trade as it is on the wire. A trade of the Python original names devices as it is.
    pub fn shown(&self, trade: Match) -> Match {
        let Some(wallets) = trade.of.as_ref().and_then(|(community, _)| self.of.get(community)) else { return trade };
        let shown = |name: String| match MemberId::from_stored(&name).ok().and_then(|member| wallets.get(&member)) {
            Some(wallet) => wallet.as_str().to_owned(),
            None => name,
        };
        Match { seller: shown(trade.seller), buyer: shown(trade.buyer), ..trade }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Boundary, Energy, Interval, IntervalLength, Price, TradeId};
    use jiff::Timestamp;

    use super::*;
    use crate::payment::Quantity;

    /// The school of two communities, one of which has a wallet.
    fn wallets() -> Wallets {
        Wallets::from_iter([("aveiro".to_owned(), "school".parse().unwrap(), "es-1".parse().unwrap())])
    }

    fn shown(community: Option<&str>, seller: &str, buyer: &str) -> (String, String) {
        let interval = Interval::starting(Boundary::EPOCH, IntervalLength::QUARTER_HOUR).unwrap();
        let shown = wallets().shown(Match {
            id: TradeId::from_bytes([7; 12]),
            end: Timestamp::UNIX_EPOCH,
            of: community.map(|community| (community.to_owned(), interval)),
            seller: seller.to_owned(),
            buyer: buyer.to_owned(),
            quantity: Quantity::Exact { energy: Energy::from_wh(1), price: Price::from_micro_eur(1) },
            state: None,
            transaction_id: None,
            message: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: None,
        });
        (shown.seller, shown.buyer)
    }

    #[test]
    fn a_trade_shows_the_wallet_of_a_member_of_its_community() {
        for (community, seller, buyer, expected) in [
            (Some("aveiro"), "school", "ann", ("es-1", "ann")),
            (Some("aveiro"), "100", "school", ("100", "es-1")),
            (Some("aveiro"), "ann", "operator", ("ann", "operator")),
            (Some("porto"), "school", "ann", ("school", "ann")),
            (None, "school", "es-2", ("school", "es-2")),
        ] {
            assert_eq!(shown(community, seller, buyer), (expected.0.to_owned(), expected.1.to_owned()));
        }
    }

    #[test]
    fn one_name_on_the_wire_is_one_party() {
        let wallet = wallets().party("es-1");
        assert_eq!((wallet.name.as_str(), wallet.elsewhere.len()), ("es-1", 0));
        assert_eq!(wallet.members, [("aveiro".to_owned(), "school".parse().unwrap())].into());
        let school = wallets().party("school");
        assert_eq!((school.name.as_str(), school.members.len()), ("school", 0));
        assert_eq!(school.elsewhere, ["aveiro".to_owned()].into());
        assert_eq!(wallets().party("ann"), WireParty::from("ann"));
        assert_eq!(Wallets::default().party("100"), WireParty::from("100"));
    }
}
