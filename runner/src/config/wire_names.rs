//! Wallets: what members are called on the platform's wire, where payments go by device.

use std::collections::BTreeMap;

use books::Wallets;
use domain::{MemberId, MeterId};

use super::problems::Problems;
use super::{CommunityConfig, Config, MemberConfig};

impl Config {
    /// The wallets of all members that have one.
    pub fn wallets(&self) -> Wallets {
        let members = self.communities.iter().flat_map(|community| {
            community
                .members
                .iter()
                .map(move |(id, member)| (community.name.clone(), id.clone(), member.wallet.clone()))
        });
        members.filter_map(|(community, id, wallet)| Some((community, id, wallet?))).collect()
    }
}

impl CommunityConfig {
    /// What people should know of members that no device of the platform may pay for.
    pub(super) fn wallet_remarks(&self) -> impl Iterator<Item = String> {
        let payable = |id: &MemberId, member: &MemberConfig| {
            let listed = |meter: &MeterId| meter.as_str() == id.as_str();
            let meters = member.listed_meters();
            member.wallet.is_some() || meters.is_empty() || meters.iter().any(listed)
        };
        let unpayable = self.members.iter().filter(move |(id, member)| !payable(id, member));
        unpayable.filter_map(move |(id, member)| {
            let meters: Vec<String> = member.listed_meters().iter().map(MeterId::to_string).collect();
            let first = meters.first()?;
            Some(format!(
                "member {id} has another name than its meters ({}), and no wallet. On the platform, payments \
                 go by device: its trades are paid only if a device wallet is called {id:?} (add wallet = {first:?}, or another \
                 of its meters, to show its trades under that meter)",
                meters.join(", ")
            ))
        })
    }
}

/// Who has a name on the wire.
struct Owner {
    community: String,
    member: MemberId,
    has_wallet: bool,
}

/// What every member of every community is called on the wire. Members of one name in two communities may be one person; a
/// wallet has one owner.
#[derive(Default)]
pub(super) struct WireNames(BTreeMap<String, Owner>);

impl WireNames {
    /// Adds a community, and tells of members with the name of another one.
    pub(super) fn add(&mut self, config: &CommunityConfig, at: usize, problems: &Problems<'_>) {
        for (id, member) in &config.members {
            let name = member.wallet.as_ref().map_or(id.as_str(), MeterId::as_str);
            let owner =
                Owner { community: config.name.clone(), member: id.clone(), has_wallet: member.wallet.is_some() };
            match self.0.get(name) {
                Some(other) if owner.has_wallet || other.has_wallet => {
                    let [first, second] =
                        [other, &owner].map(|owner| format!("{} of {}", owner.member, owner.community));
                    let rule = "where one device would pay for both (give one of them another wallet, or none)";
                    let message = format!("would both be called {name:?} on the platform's wire, {rule}");
                    problems.at(at, format!("member {first} and member {second} {message}"));
                }
                Some(_) => {}
                None => drop(self.0.insert(name.to_owned(), owner)),
            }
        }
    }
}
