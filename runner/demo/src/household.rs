//! Simulated households: readings of a plausible European community, generated from a seed.
//!
//! The same plan gives the same readings on every machine, since all arithmetic is on integers. Start with
//! [`generate`]. [`weather`] is what all members share, [`kind`] models consumption, and this module models solar
//! panels and meters.

pub mod kind;
pub mod weather;

use std::sync::Arc;

use domain::{Boundary, Energy, IntervalLength, MeterId};
use fastrand::Rng;
use jiff::Timestamp;

use crate::meters::{InvalidRecorded, Recorded, RecordedMeter};

use kind::{Consumer, Kind};
use weather::{Direction, Quarter, Weather};

const QUARTERS_PER_DAY: usize = 96;

/// The community to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed of the random generator. Another seed gives other households and other weather.
    pub seed: u64,
    /// Number of members; at least 1.
    pub members: usize,
    /// The time of the first reading; on a quarter-hour.
    pub start: Boundary,
    /// Number of days of 96 quarter-hours each; at least 1.
    pub days: u16,
}

/// A generated community and its readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// The members, sorted by meter, as in `recorded`.
    pub households: Vec<Household>,
    /// Readings at every quarter-hour from the start to the end of the last day: 96 per day, plus one.
    pub recorded: Recorded,
}

/// One generated member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Household {
    /// The member's meter, which is also its name.
    pub meter: MeterId,
    /// The kind of member.
    pub kind: Kind,
    /// Peak power of its solar panels, in W; 0 without panels.
    pub pv_w: u32,
    /// Its consumption in total, from its own roof, the community or the grid.
    pub consumed: Energy,
    /// The generation of its panels in total.
    pub produced: Energy,
}

/// Why a plan is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// There are no members or no days.
    #[error("{members} members over {days} days make no readings (at least one of each)")]
    Empty {
        /// Number of members.
        members: usize,
        /// Number of days.
        days: u16,
    },
    /// The start is not on a quarter-hour.
    #[error("{0} is not on a quarter-hour (start at :00, :15, :30 or :45)")]
    Start(Boundary),
    /// The last reading would be after the largest representable time.
    #[error("{days} days from {start} end after the year 9999 (start earlier)")]
    End {
        /// The time of the first reading.
        start: Boundary,
        /// Number of days.
        days: u16,
    },
    /// Generated readings cannot be recorded. No plan is known to cause this.
    #[error("the plan makes readings that cannot be recorded")]
    Recorded(#[from] InvalidRecorded),
    /// A generated name is not a valid meter id. No plan is known to cause this.
    #[error("the plan makes a name that is not a valid meter id")]
    Name(#[from] domain::member::InvalidName),
}

/// Generates a community. A year of 100 members takes well under a second.
///
/// Adding members or days to a plan leaves the other members and days unchanged.
///
/// # Errors
/// If the plan has no members or no days, does not start on a quarter-hour, or ends after the year 9999.
pub fn generate(plan: Plan) -> Result<Community, InvalidPlan> {
    let times = plan.times()?;
    let mut rng = Rng::with_seed(plan.seed);
    let mut weather = Weather::new(rng.fork());
    let quarters: Vec<Quarter> = times.iter().take(times.len() - 1).map(|start| weather.next(*start)).collect();
    let mut members = Vec::with_capacity(plan.members);
    let mut names = Names::default();
    let mut pv_first = false;
    for number in 0..plan.members {
        // Of every two neighbours, one has panels.
        if number % 2 == 0 {
            pv_first = rng.bool();
        }
        let kind = Kind::of_number(number);
        let pv = (pv_first == (number % 2 == 0)).then(|| Plant::new(rng.fork()));
        let member = Member::new(kind, pv, rng.fork());
        members.push(member.simulate(names.next(kind).parse()?, &times, &quarters)?);
    }
    members.sort_by(|(a, _), (b, _)| a.meter.cmp(&b.meter));
    let (households, meters) = members.into_iter().unzip();
    Ok(Community { households, recorded: Recorded::new(meters)? })
}

impl Plan {
    fn times(&self) -> Result<Arc<[Timestamp]>, InvalidPlan> {
        let Plan { members, start, days, .. } = *self;
        if members == 0 || days == 0 {
            return Err(InvalidPlan::Empty { members, days });
        }
        let length = IntervalLength::QUARTER_HOUR;
        if !start.seconds().is_multiple_of(u64::from(length.seconds())) {
            return Err(InvalidPlan::Start(start));
        }
        let readings = usize::from(days) * QUARTERS_PER_DAY + 1;
        let times: Arc<[Timestamp]> = std::iter::successors(Some(start), |boundary| boundary.next(length))
            .take(readings)
            .map(Boundary::timestamp)
            .collect();
        if times.len() == readings { Ok(times) } else { Err(InvalidPlan::End { start, days }) }
    }
}

/// Generates addresses: streets of twelve houses each, shops and schools.
#[derive(Default)]
struct Names {
    houses: usize,
    shops: usize,
    schools: usize,
}

const STREETS: [&str; 8] = ["maple", "orchard", "mill", "linden", "harbour", "meadow", "chapel", "station"];
const HOUSES_PER_STREET: usize = 12;

impl Names {
    fn next(&mut self, kind: Kind) -> String {
        let (name, count) = match kind {
            Kind::Shop => ("shop", &mut self.shops),
            Kind::School => ("school", &mut self.schools),
            _ => ("", &mut self.houses),
        };
        let number = *count;
        *count += 1;
        if !name.is_empty() {
            return format!("{name}-{:02}", number + 1);
        }
        // A street gets more houses once every street has twelve.
        let street = number / HOUSES_PER_STREET;
        let house = street / STREETS.len() * HOUSES_PER_STREET + number % HOUSES_PER_STREET + 1;
        format!("{}-{house:02}", STREETS[street % STREETS.len()])
    }
}

/// Solar panels on a roof.
struct Plant {
    rng: Rng,
    peak_w: u32,
    roof: Direction,
    /// Efficiency relative to the nominal one, in permille.
    efficiency: i64,
}

impl Plant {
    fn new(mut rng: Rng) -> Plant {
        Plant {
            peak_w: 100 * rng.u32(30..=100),
            roof: Direction::of_roof(rng.i64(25..=40), rng.i64(-35..=35)),
            efficiency: rng.i64(990..=1_010),
            rng,
        }
    }

    /// The generation in one quarter-hour, in mWh.
    fn next_mwh(&mut self, quarter: &Quarter) -> i64 {
        let light = quarter.light(self.roof);
        // Shadow of a small cloud or a chimney, or as often a little more sun than the others get.
        let own = self.rng.i64(850..=1_150);
        let w_per_kw = light.direct * own / 1_000 + light.diffuse;
        w_per_kw * i64::from(self.peak_w) / 4 * self.efficiency / 1_000
    }
}

/// A member's models, before the simulation.
struct Member {
    kind: Kind,
    consumer: Consumer,
    plant: Option<Plant>,
    rng: Rng,
}

impl Member {
    fn new(kind: Kind, plant: Option<Plant>, mut rng: Rng) -> Member {
        Member { kind, consumer: Consumer::new(kind, rng.fork()), plant, rng }
    }

    fn simulate(
        mut self,
        meter: MeterId,
        times: &Arc<[Timestamp]>,
        quarters: &[Quarter],
    ) -> Result<(Household, RecordedMeter), InvalidRecorded> {
        let mut registers = Registers::new(&mut self.rng, self.plant.is_some(), times.len());
        let (mut used, mut given) = (WholeWh::default(), WholeWh::default());
        for quarter in quarters {
            let consumed_wh = used.add(self.consumer.next_mwh(quarter));
            let produced_wh = given.add(self.plant.as_mut().map_or(0, |plant| plant.next_mwh(quarter)));
            registers.count(consumed_wh, produced_wh);
        }
        let household = Household {
            meter: meter.clone(),
            kind: self.kind,
            pv_w: self.plant.map_or(0, |plant| plant.peak_w),
            consumed: Energy::from_wh(used.wh),
            produced: Energy::from_wh(given.wh),
        };
        Ok((household, RecordedMeter::new(meter, times.clone(), &registers.import_wh, &registers.export_wh)?))
    }
}

/// Converts energy from mWh to whole Wh without losing any: the remainder is carried over.
#[derive(Default)]
struct WholeWh {
    /// Sum of the whole Wh so far.
    wh: u64,
    /// The remainder, in mWh.
    rest: u64,
}

impl WholeWh {
    /// Adds energy and returns the whole Wh that it completes. Negative energy counts as 0.
    fn add(&mut self, mwh: i64) -> u64 {
        let mwh = self.rest + u64::try_from(mwh).unwrap_or(0);
        self.rest = mwh % 1_000;
        self.wh += mwh / 1_000;
        mwh / 1_000
    }
}

/// The meter's registers at every reading, in Wh.
struct Registers {
    import_wh: Vec<u64>,
    export_wh: Vec<u64>,
}

impl Registers {
    /// Starts with the registers of a meter that has been in use for some years.
    fn new(rng: &mut Rng, produces: bool, readings: usize) -> Registers {
        let mut registers =
            Registers { import_wh: Vec::with_capacity(readings), export_wh: Vec::with_capacity(readings) };
        registers.import_wh.push(rng.u64(100_000..20_000_000));
        registers.export_wh.push(if produces { rng.u64(50_000..15_000_000) } else { 0 });
        registers
    }

    /// Adds one quarter-hour. 5 % of the smaller of load and generation is metered in both directions, because the two
    /// occur on different phases or at different seconds.
    fn count(&mut self, consumed_wh: u64, produced_wh: u64) {
        let own_wh = consumed_wh.min(produced_wh);
        let own_wh = own_wh - (own_wh * 5 + 50) / 100;
        raise(&mut self.import_wh, consumed_wh - own_wh);
        raise(&mut self.export_wh, produced_wh - own_wh);
    }
}

fn raise(register: &mut Vec<u64>, wh: u64) {
    register.push(register.last().copied().unwrap_or(0) + wh);
}

#[cfg(test)]
mod tests;
