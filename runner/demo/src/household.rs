//! Households that do not exist: readings of a believable European community, made from a seed.
//!
//! The same plan gives the same readings on every machine: everything is integer arithmetic. [`generate`] is the way
//! in; [`weather`] is what all members share, [`kind`] what they use, and here is what their roofs give and their meters
//! show.

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

/// Which community to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Another seed gives other households and other weather.
    pub seed: u64,
    /// How many members.
    pub members: usize,
    /// The first reading; on a quarter-hour.
    pub start: Boundary,
    /// For how many days of 96 quarter-hours.
    pub days: u16,
}

/// A community and what its meters showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// The members, sorted by meter, as in `recorded`.
    pub households: Vec<Household>,
    /// Readings at every quarter-hour, from the start to the end of the last day: 96 a day, and one.
    pub recorded: Recorded,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Household {
    /// Its meter, which is also its name.
    pub meter: MeterId,
    /// What kind of member it is.
    pub kind: Kind,
    /// The peak power of its solar panels, in W; 0 without any.
    pub pv_w: u32,
    /// What it used over the time, from its own roof, the community or the grid.
    pub consumed: Energy,
    /// What its panels gave over the time.
    pub produced: Energy,
}

/// A plan of a community that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// There is nobody or no time.
    #[error("{members} members over {days} days make no readings (at least one of each)")]
    Empty {
        /// How many members.
        members: usize,
        /// How many days.
        days: u16,
    },
    /// The start is between two quarter-hours.
    #[error("{0} is not on a quarter-hour (start at :00, :15, :30 or :45)")]
    Start(Boundary),
    /// The time is over before the last reading.
    #[error("{days} days from {start} end after the year 9999 (start earlier)")]
    End {
        /// The first reading.
        start: Boundary,
        /// How many days.
        days: u16,
    },
    /// A name cannot be a meter's, or readings cannot be recorded. No plan is known to lead here.
    #[error("the plan makes readings that cannot be recorded")]
    Recorded(#[from] InvalidRecorded),
    /// See [`InvalidPlan::Recorded`].
    #[error("the plan makes a name that no meter can have")]
    Name(#[from] domain::member::InvalidName),
}

/// Makes a community up. A year of 100 members takes well under a second.
///
/// Members that both plans have are the same with more members or more days.
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
        // One of two neighbours has panels.
        if number % 2 == 0 {
            pv_first = rng.bool();
        }
        let kind = Kind::of_number(number);
        let pv = (pv_first == (number % 2 == 0)).then(|| Plant::new(rng.fork()));
        let member = Member::new(kind, pv, rng.fork());
        members.push(member.live(names.next(kind).parse()?, &times, &quarters)?);
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

/// Streets of a dozen houses each, and what is not a house.
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
        // Streets are built on when all of them are full.
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
    /// Of what the panels could give, in permille.
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

    /// What it gives in a quarter-hour, in mWh.
    fn next_mwh(&mut self, quarter: &Quarter) -> i64 {
        let light = quarter.light(self.roof);
        // The shadow of a small cloud or a chimney; as often a little more sun than the others have.
        let own = self.rng.i64(850..=1_150);
        let w_per_kw = light.direct * own / 1_000 + light.diffuse;
        w_per_kw * i64::from(self.peak_w) / 4 * self.efficiency / 1_000
    }
}

/// A member before anything happens.
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

    fn live(
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

/// Energy that comes in mWh and is counted in Wh, without losing any on the way.
#[derive(Default)]
struct WholeWh {
    /// Counted so far.
    wh: u64,
    /// Not yet a whole Wh, in mWh.
    rest: u64,
}

impl WholeWh {
    /// The whole Wh that this completes; nobody uses or gives less than nothing.
    fn add(&mut self, mwh: i64) -> u64 {
        let mwh = self.rest + u64::try_from(mwh).unwrap_or(0);
        self.rest = mwh % 1_000;
        self.wh += mwh / 1_000;
        mwh / 1_000
    }
}

/// What the meter shows, in Wh.
struct Registers {
    import_wh: Vec<u64>,
    export_wh: Vec<u64>,
}

impl Registers {
    /// A meter that has been in use for some years.
    fn new(rng: &mut Rng, produces: bool, readings: usize) -> Registers {
        let mut registers =
            Registers { import_wh: Vec::with_capacity(readings), export_wh: Vec::with_capacity(readings) };
        registers.import_wh.push(rng.u64(100_000..20_000_000));
        registers.export_wh.push(if produces { rng.u64(50_000..15_000_000) } else { 0 });
        registers
    }

    /// Of the smaller of load and generation, 5 % are metered in both directions, because they are on different phases
    /// or seconds of the quarter-hour.
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
