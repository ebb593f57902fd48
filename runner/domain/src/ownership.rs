//! Whose a meter is: which member has which meter, and from when until when.
//!
//! An interval belongs to whoever has the meter at its start, however late it is settled. A meter that somebody lists at any
//! time is nobody's at all other times; it never becomes a member of its own then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::interval::Interval;
use crate::member::{MemberId, MeterId};

/// What becomes of meters that no member lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlisted {
    /// Each is a member of its own, named like the meter.
    #[default]
    Join,
    /// They are strangers, and nothing of them is settled.
    Ignore,
}

/// One member's time with a meter, half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The member.
    pub member: MemberId,
    /// From this instant on.
    pub from: Timestamp,
    /// Until this instant, exclusive.
    pub until: Timestamp,
}

impl Tenure {
    /// A member's time with a meter that it always had and always has.
    pub fn forever(member: MemberId) -> Tenure {
        Tenure { member, from: Timestamp::MIN, until: Timestamp::MAX }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// The member for which a meter counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The member.
    pub member: MemberId,
    /// Since when, without a break: what the meter moved before is not this member's.
    pub since: Timestamp,
}

/// Whose a meter is in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts for a member. If that begins only at the interval's end, the member has its registers from there.
    Of(Owner),
    /// No member lists it, and its name is reserved.
    NoMember,
    /// No member lists it, and the community takes no such meters.
    Stranger,
    /// It is nobody's since and until these instants, as far as there are any.
    Outside {
        /// When the last member had it.
        since: Option<Timestamp>,
        /// When the next member has it.
        until: Option<Timestamp>,
    },
    /// Another community lists it.
    Elsewhere,
}

/// Which member owns which meters at which times.
#[derive(Clone, Debug, Default)]
pub struct Ownership {
    /// Rising and without overlaps. Tenures of one member that follow each other are one.
    listed: HashMap<MeterId, Vec<Tenure>>,
    unlisted: Unlisted,
    elsewhere: Arc<HashSet<MeterId>>,
}

impl Ownership {
    /// Makes an ownership that never changes from pairs of meter and owner. A meter without an owner is a member of its own.
    pub fn new(owners: impl IntoIterator<Item = (MeterId, MemberId)>) -> Ownership {
        let tenures = owners.into_iter().map(|(meter, member)| (meter, Tenure::forever(member)));
        Ownership::over_time(tenures, Unlisted::Join, HashSet::new())
    }

    /// Makes an ownership from the times that members have meters. Those of one meter must not overlap: where they do, the
    /// one that begins first counts. Meters that are listed `elsewhere` are nobody's here unless they are listed here, too.
    pub fn over_time(
        tenures: impl IntoIterator<Item = (MeterId, Tenure)>,
        unlisted: Unlisted,
        elsewhere: impl Into<Arc<HashSet<MeterId>>>,
    ) -> Ownership {
        let mut listed: HashMap<MeterId, Vec<Tenure>> = HashMap::new();
        for (meter, tenure) in tenures {
            listed.entry(meter).or_default().push(tenure);
        }
        for tenures in listed.values_mut() {
            tenures.sort_by_key(|tenure| (tenure.from, tenure.until));
            tenures.dedup_by(|next, before| {
                let follows = before.member == next.member && next.from <= before.until;
                if follows {
                    before.until = before.until.max(next.until);
                }
                follows
            });
        }
        Ownership { listed, unlisted, elsewhere: elsewhere.into() }
    }

    /// Returns whose a meter is in an interval.
    pub fn of(&self, meter: &MeterId, interval: Interval) -> Standing {
        let Some(tenures) = self.listed.get(meter) else { return self.of_unlisted(meter) };
        let (start, end) = (interval.start().timestamp(), interval.end().timestamp());
        let holding = |at| tenures.iter().find(|tenure| tenure.holds(at));
        if let Some(Tenure { member, from, .. }) = holding(start) {
            Standing::Of(Owner { member: member.clone(), since: *from })
        } else if let Some(Tenure { member, .. }) = holding(end) {
            Standing::Of(Owner { member: member.clone(), since: end })
        } else {
            let since = tenures.iter().map(|tenure| tenure.until).filter(|until| *until <= start).max();
            let until = tenures.iter().map(|tenure| tenure.from).filter(|from| *from > start).min();
            Standing::Outside { since, until }
        }
    }

    fn of_unlisted(&self, meter: &MeterId) -> Standing {
        match self.unlisted {
            _ if self.elsewhere.contains(meter) => Standing::Elsewhere,
            Unlisted::Ignore => Standing::Stranger,
            Unlisted::Join => match MemberId::from_meter(meter) {
                Ok(member) => Standing::Of(Owner { member, since: Timestamp::MIN }),
                Err(_) => Standing::NoMember,
            },
        }
    }

    /// Returns whether anything of a meter counts in an interval, or it is told that it cannot.
    pub fn concerns(&self, meter: &MeterId, interval: Interval) -> bool {
        matches!(self.of(meter, interval), Standing::Of(_) | Standing::NoMember)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::{Boundary, IntervalLength};

    /// The instant so many minutes after the epoch.
    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn tenure(member: &str, from: i64, until: i64) -> (MeterId, Tenure) {
        let (from, until) = (minute(from), minute(until));
        ("m".parse().unwrap(), Tenure { member: member.parse().unwrap(), from, until })
    }

    /// Whose meter `m` is in the quarter-hour that starts at a minute: the member and since which minute, or why nobody's.
    fn of(ownership: &Ownership, start: u64) -> String {
        let start = Boundary::from_seconds(start * 60).unwrap();
        let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
        let shown = |at: Timestamp| at.as_second() / 60;
        match ownership.of(&"m".parse().unwrap(), interval) {
            Standing::Of(Owner { member, since }) if since == Timestamp::MIN => format!("{member} always"),
            Standing::Of(Owner { member, since }) => format!("{member} {}", shown(since)),
            Standing::Outside { since, until } => format!("outside {:?} {:?}", since.map(shown), until.map(shown)),
            other => format!("{other:?}"),
        }
    }

    fn over_time(tenures: &[(MeterId, Tenure)]) -> Ownership {
        Ownership::over_time(tenures.to_vec(), Unlisted::Join, HashSet::new())
    }

    #[test]
    fn an_interval_belongs_to_whoever_has_the_meter_at_its_start() {
        // Ben begins within an interval, which is still Anna's.
        let ownership = over_time(&[tenure("ben", 40, 90), tenure("anna", 15, 40)]);
        let expected = ["anna 15", "anna 15", "anna 15", "ben 40", "ben 40", "ben 40", "outside Some(90) None"];
        assert_eq!([0, 15, 30, 45, 60, 75, 90].map(|start| of(&ownership, start)), expected);
    }

    #[test]
    fn between_two_members_a_meter_is_nobodys_until_the_registers_of_the_next_ones_start() {
        let ownership = over_time(&[tenure("anna", 0, 30), tenure("ben", 75, 600)]);
        let expected = ["anna 0", "outside Some(30) Some(75)", "outside Some(30) Some(75)", "ben 75", "ben 75"];
        assert_eq!([15, 30, 45, 60, 75].map(|start| of(&ownership, start)), expected);
        assert_eq!(of(&over_time(&[tenure("anna", 60, 90)]), 15), "outside None Some(60)");
    }

    #[test]
    fn tenures_that_follow_each_other_are_one() {
        let ownership = over_time(&[tenure("anna", 30, 60), tenure("anna", 0, 30), tenure("ben", 60, 90)]);
        assert_eq!([0, 45, 60].map(|start| of(&ownership, start)), ["anna 0", "anna 0", "ben 60"]);
    }

    #[test]
    fn meters_that_nobody_lists_join_or_are_strangers_unless_they_are_listed_elsewhere() {
        let with = |unlisted, elsewhere: &[&str]| {
            let elsewhere: HashSet<MeterId> = elsewhere.iter().map(|meter| meter.parse().unwrap()).collect();
            of(&Ownership::over_time([], unlisted, elsewhere), 0)
        };
        assert_eq!(with(Unlisted::Join, &[]), "m always");
        assert_eq!(with(Unlisted::Ignore, &[]), "Stranger");
        assert_eq!(with(Unlisted::Join, &["m"]), "Elsewhere");
        assert_eq!(with(Unlisted::Ignore, &["m"]), "Elsewhere");
        let interval = Boundary::from_seconds(900).unwrap().interval(IntervalLength::QUARTER_HOUR).unwrap();
        assert_eq!(Ownership::default().of(&"100".parse().unwrap(), interval), Standing::NoMember);
    }
}
