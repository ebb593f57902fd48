//! What is the member's own: its meters, and when each was its.

use std::collections::BTreeMap;

use domain::{MemberId, MeterId};
use jiff::Timestamp;
use serde_json::Value;

use crate::config::Config;

/// A member and its meters.
pub(super) struct Own {
    pub(super) community: String,
    pub(super) member: MemberId,
    /// When it has each meter: from inclusive, until exclusive.
    tenures: BTreeMap<MeterId, Vec<(Timestamp, Timestamp)>>,
    /// Whether the configuration lists it. If not, its meters are those of the books.
    is_listed: bool,
}

impl Own {
    pub(super) fn new(config: &Config, community: &str, member: MemberId) -> Own {
        let configured = config.community(community);
        let listed = configured.and_then(|community| community.members.get(&member));
        let mut tenures: BTreeMap<MeterId, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
        for (meter, tenure) in listed.iter().flat_map(|listed| listed.tenures(&member)) {
            tenures.entry(meter).or_default().push((tenure.from, tenure.until));
        }
        // A meter that no member lists is a member of its own.
        if listed.is_none()
            && let Ok(meter) = member.as_str().parse::<MeterId>()
            && configured.is_none_or(|community| !community.configured_meters().contains(&meter))
        {
            tenures.insert(meter, vec![(Timestamp::MIN, Timestamp::MAX)]);
        }
        Own { community: community.to_owned(), member, tenures, is_listed: listed.is_some() }
    }

    /// Takes in that the books have the meter as the member's in this time.
    pub(super) fn learn(&mut self, meter: &MeterId, from: Timestamp, until: Timestamp) {
        if self.is_listed && self.tenures.contains_key(meter) || self.has_at(meter, from) {
            return;
        }
        let known = self.tenures.entry(meter.clone()).or_default();
        match known.last_mut().filter(|last| last.1 >= from) {
            Some(last) => last.1 = last.1.max(until),
            None => known.push((from, until)),
        }
    }

    /// Whether a meter is the member's at an instant.
    pub(super) fn has_at(&self, meter: &MeterId, at: Timestamp) -> bool {
        let tenures = self.tenures.get(meter).into_iter().flatten();
        tenures.into_iter().any(|(from, until)| (from..until).contains(&&at))
    }

    /// Its meters, each with its first and last instant.
    pub(super) fn meters(&self) -> Vec<(MeterId, Timestamp, Timestamp)> {
        let of = |(meter, tenures): (&MeterId, &Vec<(Timestamp, Timestamp)>)| {
            let from = tenures.iter().map(|(from, _)| *from).min()?;
            let until = tenures.iter().map(|(_, until)| *until).max()?;
            Some((meter.clone(), from, until))
        };
        self.tenures.iter().filter_map(of).collect()
    }
}

/// What the configuration says of a member now; null if nothing.
pub(super) fn configuration(config: &Config, community: &str, member: &MemberId) -> anyhow::Result<Value> {
    let mut shown = serde_json::to_value(config.shown())?;
    let communities = shown["community"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let mut own = communities.into_iter().find(|shown| shown["name"] == community).unwrap_or_default();
    let said = own.get_mut("members").and_then(|members| members.get_mut(member.as_str()));
    Ok(said.map(Value::take).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn own(member: &str) -> Own {
        let text = "[[community]]\nname = \"a\"\n[community.members.school]\nfrom = \"1970-01-01\"\nuntil = \"1970-01-02\"\n\
                    meters = [\"m1\"]\n[community.members.club]\nfrom = \"1970-01-02\"\nmeters = [\"m1\", \"m2\"]\n";
        let config = Config::of_text(text, std::path::Path::new("test")).unwrap();
        Own::new(&config, "a", member.parse().unwrap())
    }

    #[test]
    fn a_meter_is_its_members_at_that_ones_time_only() {
        let (m1, m2): (MeterId, MeterId) = ("m1".parse().unwrap(), "m2".parse().unwrap());
        let mut school = own("school");
        assert!(school.has_at(&m1, at(0)) && school.has_at(&m1, at(86_399)));
        assert!(!school.has_at(&m1, at(86_400)) && !school.has_at(&m2, at(0)));
        // What the file says of a meter holds, whatever the books say.
        school.learn(&m1, at(86_400), at(87_300));
        assert!(!school.has_at(&m1, at(86_400)));
        assert!(own("club").has_at(&m1, at(86_400)) && !own("club").has_at(&m1, at(86_399)));
        assert_eq!(school.meters(), [(m1.clone(), at(0), at(86_400))]);
        // The name of a meter that others have is no member's of its own.
        assert_eq!(own("m1").meters(), []);
        assert!(own("m3").has_at(&"m3".parse().unwrap(), at(5)));
    }

    #[test]
    fn what_the_file_does_not_say_is_learnt_from_the_books() {
        let (mut gone, meter): (Own, MeterId) = (own("m1"), "m9".parse().unwrap());
        gone.learn(&meter, at(0), at(900));
        gone.learn(&meter, at(900), at(1800));
        gone.learn(&meter, at(3600), at(4500));
        assert!(gone.has_at(&meter, at(1799)) && !gone.has_at(&meter, at(1800)) && gone.has_at(&meter, at(3600)));
        assert_eq!(gone.meters(), [(meter, at(0), at(4500))]);
    }
}
