//! The kinds of members, and a model of their consumption.

use std::fmt;
use std::ops::RangeInclusive;

use fastrand::Rng;

use super::weather::{Quarter, SCALE};

/// A kind of member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One person.
    Single,
    /// Two people.
    Couple,
    /// Parents and children.
    Family,
    /// At home on working days too.
    HomeOffice,
    /// Heats with a heat pump.
    HeatPump,
    /// Charges an electric car.
    ElectricCar,
    /// A small shop.
    Shop,
    /// A village school.
    School,
}

/// The kinds in order of member numbers, repeated.
const STREET: [Kind; 16] = [
    Kind::Family,
    Kind::Couple,
    Kind::Single,
    Kind::HeatPump,
    Kind::ElectricCar,
    Kind::HomeOffice,
    Kind::School,
    Kind::Couple,
    Kind::Family,
    Kind::Single,
    Kind::Shop,
    Kind::Couple,
    Kind::HeatPump,
    Kind::Family,
    Kind::Single,
    Kind::ElectricCar,
];

impl Kind {
    /// Returns the kind of the member with this number (from 0).
    pub fn of_number(number: usize) -> Kind {
        STREET[number % STREET.len()]
    }

    fn habits(self) -> Habits {
        match self {
            Kind::Single => Habits::at_home(1_250..=1_600, 55),
            Kind::Couple => Habits::at_home(1_800..=2_400, 90),
            Kind::Family => Habits::at_home(2_600..=3_600, 150),
            Kind::HomeOffice => Habits { profile: &OFFICE, ..Habits::at_home(2_200..=2_900, 90) },
            Kind::HeatPump => Habits { heating: 800..=1_000, ..Habits::at_home(1_700..=2_300, 110) },
            Kind::ElectricCar => Habits { car: true, ..Habits::at_home(1_700..=2_300, 110) },
            Kind::Shop => Habits { profile: &SHOP, ..Habits::at_home(6_000..=9_000, 0) },
            Kind::School => Habits { profile: &SCHOOL, ..Habits::at_home(10_000..=14_000, 0) },
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Single => "single",
            Kind::Couple => "couple",
            Kind::Family => "family",
            Kind::HomeOffice => "home office",
            Kind::HeatPump => "heat pump",
            Kind::ElectricCar => "electric car",
            Kind::Shop => "shop",
            Kind::School => "school",
        })
    }
}

/// The consumption of a kind of member.
struct Habits {
    profile: &'static Profile,
    /// Base load per year, without the items below, in kWh.
    base_kwh: RangeInclusive<i64>,
    /// How often appliances run, in percent of an average household.
    appliances: i64,
    /// Energy for heating, in Wh per degree-day below the heating limit.
    heating: RangeInclusive<i64>,
    car: bool,
}

impl Habits {
    fn at_home(base_kwh: RangeInclusive<i64>, appliances: i64) -> Habits {
        Habits { profile: &HOME, base_kwh, appliances, heating: 0..=0, car: false }
    }
}

/// When energy is used: relative weights of the hours of a local day.
struct Profile {
    workday: [i64; 24],
    weekend: [i64; 24],
}

impl Profile {
    fn day(&self, workday: bool) -> &[i64; 24] {
        if workday { &self.workday } else { &self.weekend }
    }

    /// The weight of a quarter-hour, interpolated between its hour and the next. Over a whole day the weights sum to 16
    /// × those of the hours.
    fn weight(&self, of_day: usize, workday: bool) -> i64 {
        let hours = self.day(workday);
        let part = i64::try_from(of_day % 4).unwrap_or(0);
        hours[of_day / 4 % 24] * (4 - part) + hours[(of_day / 4 + 1) % 24] * part
    }

    fn weight_of_day(&self, workday: bool) -> i64 {
        16 * self.day(workday).iter().sum::<i64>()
    }

    fn weight_of_week(&self) -> i64 {
        5 * self.weight_of_day(true) + 2 * self.weight_of_day(false)
    }
}

const HOME: Profile = Profile {
    workday: [35, 30, 28, 28, 30, 45, 85, 95, 70, 55, 50, 55, 70, 60, 50, 50, 60, 90, 130, 140, 130, 110, 80, 50],
    weekend: [
        45, 38, 32, 30, 30, 35, 50, 75, 100, 105, 105, 115, 125, 105, 85, 80, 85, 100, 125, 130, 120, 105, 85, 60,
    ],
};
const OFFICE: Profile = Profile {
    workday: [
        35, 30, 28, 28, 30, 45, 85, 110, 120, 120, 115, 120, 130, 120, 115, 110, 105, 110, 125, 130, 120, 105, 80, 50,
    ],
    weekend: HOME.weekend,
};
const SHOP: Profile = Profile {
    workday: [
        25, 25, 25, 25, 25, 30, 50, 90, 130, 150, 155, 155, 150, 150, 155, 155, 150, 140, 100, 50, 30, 25, 25, 25,
    ],
    weekend: [25, 25, 25, 25, 25, 25, 30, 50, 70, 80, 80, 75, 50, 30, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25],
};
const SCHOOL: Profile = Profile {
    workday: [20, 20, 20, 20, 20, 25, 50, 120, 160, 165, 165, 165, 150, 130, 110, 80, 60, 45, 40, 30, 22, 20, 20, 20],
    weekend: [20; 24],
};
/// Charging of a car that comes home in the evening, and is parked in the sun at weekends.
const CAR: Profile = Profile {
    workday: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 10, 30, 70, 100, 90, 60, 40, 25, 5],
    weekend: [0, 0, 0, 0, 0, 0, 0, 0, 5, 20, 40, 60, 60, 60, 60, 50, 40, 40, 40, 40, 30, 20, 10, 0],
};

/// An appliance that runs now and then for some quarter-hours.
struct Appliance {
    watt: i64,
    quarters: u32,
    starts_per_1000_days: i64,
}

const APPLIANCES: [Appliance; 4] = [
    // A kettle or toaster: 2 kW for a few minutes.
    Appliance { watt: 500, quarters: 1, starts_per_1000_days: 3_000 },
    // An oven or stove.
    Appliance { watt: 1_800, quarters: 2, starts_per_1000_days: 600 },
    // A dishwasher.
    Appliance { watt: 1_000, quarters: 4, starts_per_1000_days: 400 },
    // A washing machine.
    Appliance { watt: 900, quarters: 4, starts_per_1000_days: 450 },
];
const CHARGER: Appliance = Appliance { watt: 3_700, quarters: 8, starts_per_1000_days: 650 };

/// The consumption of one member, one quarter-hour after another.
pub struct Consumer {
    rng: Rng,
    profile: &'static Profile,
    closed_in_holidays: bool,
    base_wh_per_year: i64,
    heating_wh_per_degree_day: i64,
    running: Vec<Running>,
    /// A slowly changing factor on the base load, in parts of [`SCALE`], around 1.
    mood: i64,
}

/// One member's appliance.
struct Running {
    appliance: &'static Appliance,
    profile: &'static Profile,
    starts_per_1000_days: i64,
    quarters_left: u32,
}

impl Consumer {
    /// Draws a member of this kind.
    pub fn new(kind: Kind, mut rng: Rng) -> Consumer {
        let habits = kind.habits();
        let mut running: Vec<Running> = APPLIANCES
            .iter()
            .map(|appliance| {
                let starts_per_1000_days = appliance.starts_per_1000_days * habits.appliances / 100;
                Running { appliance, profile: habits.profile, starts_per_1000_days, quarters_left: 0 }
            })
            .collect();
        if habits.car {
            let starts_per_1000_days = CHARGER.starts_per_1000_days;
            running.push(Running { appliance: &CHARGER, profile: &CAR, starts_per_1000_days, quarters_left: 0 });
        }
        Consumer {
            profile: habits.profile,
            closed_in_holidays: kind == Kind::School,
            base_wh_per_year: 1_000 * rng.i64(habits.base_kwh),
            heating_wh_per_degree_day: rng.i64(habits.heating),
            running,
            mood: SCALE,
            rng,
        }
    }

    /// Returns the consumption in the next quarter-hour, in mWh.
    pub fn next_mwh(&mut self, quarter: &Quarter) -> i64 {
        let workday = quarter.workday && !(self.closed_in_holidays && quarter.holidays);
        // One degree (100 hundredths) below the limit for a day (96 quarter-hours) is one degree-day.
        let heating_mwh = self.heating_wh_per_degree_day * quarter.cold * 1_000 / (100 * 96);
        let appliances_w: i64 =
            self.running.iter_mut().map(|running| running.next_w(&mut self.rng, quarter.of_day, workday)).sum();
        self.base_mwh(quarter, workday) + heating_mwh + appliances_w * 1_000 / 4
    }

    fn base_mwh(&mut self, quarter: &Quarter, workday: bool) -> i64 {
        let weight = self.profile.weight(quarter.of_day, workday);
        let even_mwh = self.base_wh_per_year * 1_000 * 7 / 365 * weight / self.profile.weight_of_week();
        self.mood = (3 * self.mood + self.rng.i64(4_000..=16_000)) / 4;
        // Lighting: 15 % more in midwinter, as much less in midsummer.
        even_mwh * self.mood / SCALE * (100 * SCALE + 15 * quarter.winter) / (100 * SCALE)
    }
}

impl Running {
    fn next_w(&mut self, rng: &mut Rng, of_day: usize, workday: bool) -> i64 {
        if self.quarters_left == 0 {
            let weight = self.profile.weight(of_day, workday) * self.starts_per_1000_days;
            if rng.i64(0..1_000 * self.profile.weight_of_day(workday)) < weight {
                self.quarters_left = self.appliance.quarters;
            }
        }
        match self.quarters_left.checked_sub(1) {
            None => 0,
            Some(left) => {
                self.quarters_left = left;
                self.appliance.watt
            }
        }
    }
}
