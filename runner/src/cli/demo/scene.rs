//! The members of the demo and their readings: simulated, or recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use demo::household::{self, Household, Plan};
use demo::meters::Recorded;
use demo::recording;
use domain::{Boundary, MeterId};
use jiff::{SignedDuration, Timestamp};

use super::DemoArgs;
use crate::cli::exit::{Exit, ExitCode, usage};

/// The first reading of the simulated community: 2024-05-06T00:00:00Z, a Monday in spring.
const START: u64 = 1_714_953_600;
/// Days of a simulated community.
const DAYS: u16 = 7;

pub(super) struct Scene {
    pub(super) recorded: Arc<Recorded>,
    /// What is known of simulated households besides their readings.
    pub(super) homes: BTreeMap<MeterId, Home>,
    pub(super) until: Timestamp,
    /// One line that says what is settled.
    pub(super) title: String,
}

pub(super) struct Home {
    pub(super) kind: String,
    /// Behind the meter, which sees only what is left of both.
    pub(super) produced_wh: u64,
    pub(super) used_wh: u64,
}

impl Scene {
    pub(super) fn new(args: &DemoArgs) -> anyhow::Result<Scene> {
        match &args.readings {
            Some(file) => recorded(file, args.days),
            None => simulated(args),
        }
    }
}

fn recorded(file: &Path, days: Option<u16>) -> anyhow::Result<Scene> {
    let recorded = recording::read(file).exit_code(Exit::Usage)?;
    let (Some(first), Some(last)) = (recorded.first(), recorded.last()) else {
        return Err(usage(format!("{} has no readings", file.display())));
    };
    let days = days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let until = days.and_then(|days| first.checked_add(days).ok()).map_or(last, |until| until.min(last));
    let meters = recorded.meters().len();
    let title = format!("{meters} recorded meters of {}, {}", file.display(), dates(first, until));
    Ok(Scene { recorded: Arc::new(recorded), homes: BTreeMap::new(), until, title })
}

fn simulated(args: &DemoArgs) -> anyhow::Result<Scene> {
    let start = Boundary::from_seconds(START).ok_or_else(|| usage("the start of the demo is out of range"))?;
    let days = args.days.unwrap_or(DAYS);
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days };
    let community = household::generate(plan).exit_code(Exit::Usage)?;
    let until = community.recorded.last().unwrap_or(start.timestamp());
    let home = |household: Household| {
        let panels = if household.pv_w > 0 {
            format!(", {}.{} kWp", household.pv_w / 1000, household.pv_w % 1000 / 100)
        } else {
            String::new()
        };
        let kind = format!("{}{panels}", household.kind);
        (household.meter, Home { kind, produced_wh: household.produced.wh(), used_wh: household.consumed.wh() })
    };
    Ok(Scene {
        title: format!("{} simulated members, {}", args.members, dates(start.timestamp(), until)),
        homes: community.households.into_iter().map(home).collect(),
        recorded: Arc::new(community.recorded),
        until,
    })
}

fn dates(from: Timestamp, until: Timestamp) -> String {
    format!("{} to {}", from.strftime("%Y-%m-%d"), until.strftime("%Y-%m-%d"))
}
