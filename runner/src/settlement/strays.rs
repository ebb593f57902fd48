//! Readings that are near no boundary: they count nowhere, and people should know why.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Boundary, MeterId};
use jiff::Timestamp;

/// A reading that is further from its nearest boundary than is tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    pub boundary: Boundary,
    pub distance: Duration,
    pub at: Timestamp,
}

/// Of each meter the stray of the newest boundary, and of those the nearest.
#[derive(Clone, Debug, Default)]
pub struct Strays(BTreeMap<MeterId, Stray>);

impl Strays {
    pub fn add(&mut self, meter: &MeterId, stray: Stray) {
        match self.0.get_mut(meter) {
            Some(known) => *known = known.or_newer(stray),
            None => drop(self.0.insert(meter.clone(), stray)),
        }
    }

    pub fn extend(&mut self, strays: &Strays) {
        strays.0.iter().for_each(|(meter, stray)| self.add(meter, *stray));
    }

    pub fn get(&self, meter: &MeterId) -> Option<Stray> {
        self.0.get(meter).copied()
    }

    pub fn meters(&self) -> impl Iterator<Item = &MeterId> {
        self.0.keys()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Stray> {
        self.0.values()
    }
}

impl Stray {
    fn or_newer(self, other: Stray) -> Stray {
        let is_newer = other.boundary > self.boundary;
        let is_nearer = other.boundary == self.boundary && other.distance < self.distance;
        if is_newer || is_nearer { other } else { self }
    }

    /// How far it is off in whole seconds, rounded up: a tolerance of that many would take it.
    pub fn seconds(self) -> u64 {
        self.distance.as_secs() + u64::from(self.distance.subsec_nanos() > 0)
    }
}
