//! What the members of a community share: the calendar, the sun, the clouds and the outdoor temperature.
//!
//! The place is in Central Europe, on standard time all year. All arithmetic is on integers, so that the same seed
//! gives the same weather on every machine; shares and sines are in parts of [`SCALE`].

use std::ops::RangeInclusive;

use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{self, Offset};

/// The value 1 of a share or a sine.
pub const SCALE: i64 = 10_000;

const LOCAL_TIME: Offset = tz::offset(1);
/// One degree. Angles and temperatures are in hundredths of a degree.
const DEGREE: i64 = 100;
const TURN: i64 = 360 * DEGREE;
const LATITUDE: i64 = 48 * DEGREE;
const DECLINATION_MAX: i64 = 2_344;
/// The outdoor temperature below which homes are heated.
const HEATING_LIMIT: i64 = 15 * DEGREE;

/// Calendar and weather of one quarter-hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarter {
    /// Number of the quarter-hour in its local day, from 0 to 95.
    pub of_day: usize,
    /// Whether the day is a Monday to Friday.
    pub workday: bool,
    /// Whether the day is in the schools' summer holidays.
    pub holidays: bool,
    /// The direction of the sun.
    pub sun: Direction,
    /// The share of direct light that passes the clouds, in parts of [`SCALE`].
    pub clear: i64,
    /// Degrees below the heating limit, in hundredths of a degree; 0 or more.
    pub cold: i64,
    /// The season: 1 in midwinter, −1 in midsummer, in parts of [`SCALE`].
    pub winter: i64,
}

/// A unit vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    south: i64,
    west: i64,
    up: i64,
}

/// The generation of 1 kW of solar panels in a quarter-hour, in W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Light {
    /// From direct light that passes the clouds.
    pub direct: i64,
    /// From diffuse light of the sky.
    pub diffuse: i64,
}

impl Quarter {
    /// Computes the light on a roof.
    pub fn light(&self, roof: Direction) -> Light {
        let up = self.sun.up;
        if up <= 0 {
            return Light { direct: 0, diffuse: 0 };
        }
        // The lower the sun, the longer the way of its light through the air.
        let air = up * SCALE / (up + 1500);
        let direct = roof.times(self.sun).max(0) * air / SCALE * self.clear / SCALE;
        let diffuse = up * (48 * self.clear + 171 * (SCALE - self.clear)) / SCALE;
        Light { direct: direct * 855 / SCALE, diffuse: diffuse / SCALE }
    }
}

impl Direction {
    /// Computes the direction that a roof faces, from its tilt in degrees and its azimuth: degrees west (positive) or
    /// east of south.
    pub fn of_roof(tilt: i64, west: i64) -> Direction {
        let (tilt, west) = (tilt * DEGREE, west * DEGREE);
        Direction { south: sine(tilt) * cosine(west) / SCALE, west: sine(tilt) * sine(west) / SCALE, up: cosine(tilt) }
    }

    /// Computes the sun's direction from its hour angle since noon and its declination, both in hundredths of a degree.
    fn of_sun(hour: i64, declination: i64) -> Direction {
        let meridian = cosine(declination) * cosine(hour) / SCALE;
        Direction {
            south: (meridian * sine(LATITUDE) - sine(declination) * cosine(LATITUDE)) / SCALE,
            west: cosine(declination) * sine(hour) / SCALE,
            up: (meridian * cosine(LATITUDE) + sine(declination) * sine(LATITUDE)) / SCALE,
        }
    }

    fn times(self, other: Direction) -> i64 {
        (self.south * other.south + self.west * other.west + self.up * other.up) / SCALE
    }
}

/// The sine of an angle in hundredths of a degree, by Bhāskara's rational approximation; the error is below 0.002.
fn sine(angle: i64) -> i64 {
    let angle = angle.rem_euclid(TURN);
    if angle > TURN / 2 {
        return -sine(angle - TURN / 2);
    }
    let product = angle * (TURN / 2 - angle);
    SCALE * 4 * product / (40_500 * DEGREE * DEGREE - product)
}

fn cosine(angle: i64) -> i64 {
    sine(angle + TURN / 4)
}

/// The weather, one quarter-hour after another.
pub struct Weather {
    rng: Rng,
    sky: Sky,
    /// The draw that chose the sky, from 0 to [`SCALE`].
    draw: i64,
    /// Deviation from the sky's own share of direct light, in parts of [`SCALE`].
    clouds: i64,
    /// Deviation from the usual temperature, in hundredths of a degree.
    warm: i64,
}

/// The kind of sky of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sky {
    Clear,
    Mixed,
    Overcast,
}

impl Weather {
    /// Starts the weather with a random generator.
    pub fn new(mut rng: Rng) -> Weather {
        Weather { sky: Sky::Mixed, draw: rng.i64(0..SCALE), clouds: 0, warm: 0, rng }
    }

    /// Returns the quarter-hour that starts at this time. Call it in order of time.
    pub fn next(&mut self, start: Timestamp) -> Quarter {
        let local = LOCAL_TIME.to_datetime(start);
        let day = i64::from(local.date().day_of_year());
        let second = i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60;
        let winter = cosine((day + 10) * TURN / 365);
        if second == 0 {
            self.new_day(winter);
        }
        // The sun in the middle of the quarter-hour: 360 degrees in 86,400 seconds, from noon.
        let sun = Direction::of_sun((second + 450 - 43_200) * 5 / 12, -DECLINATION_MAX * winter / SCALE);
        Quarter {
            // OK because a local time has 0 to 95 quarter-hours.
            of_day: usize::try_from(second / 900).unwrap_or(0),
            workday: !matches!(local.date().weekday(), Weekday::Saturday | Weekday::Sunday),
            holidays: (196..=243).contains(&day),
            sun,
            clear: self.clear(),
            cold: (HEATING_LIMIT - self.temperature(day, second)).max(0),
            winter,
        }
    }

    fn new_day(&mut self, winter: i64) {
        // Weather persists: one day in three is like the day before.
        if self.rng.i64(0..3) > 0 {
            let summer = (SCALE - winter) / 2;
            // Steps of the golden ratio cover the range evenly, so that no year is much cloudier than another.
            self.draw = (self.draw + 6_180 + self.rng.i64(-500..=500)) % SCALE;
            let clear = 2_000 + summer / 5;
            self.sky = match self.draw {
                draw if draw < clear => Sky::Clear,
                draw if draw < clear + 3_500 => Sky::Mixed,
                _ => Sky::Overcast,
            };
        }
        self.warm = self.warm * 3 / 4 + self.rng.i64(-2 * DEGREE..=2 * DEGREE);
    }

    fn clear(&mut self) -> i64 {
        let (share, change): (i64, RangeInclusive<i64>) = match self.sky {
            Sky::Clear => (9_500, -200..=200),
            Sky::Mixed => (4_800, -2_200..=2_200),
            Sky::Overcast => (900, -500..=500),
        };
        self.clouds = self.clouds * 3 / 4 + self.rng.i64(change);
        (share + self.clouds).clamp(0, SCALE)
    }

    /// The temperature in hundredths of a degree Celsius; lowest in the second half of January and at three in the
    /// morning.
    fn temperature(&self, day: i64, second: i64) -> i64 {
        let season = cosine((day - 20) * TURN / 365);
        let time = cosine((second - 3 * 3600) * 5 / 12);
        1_050 + self.warm - 950 * season / SCALE - 3 * DEGREE * time / SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year() -> Vec<Quarter> {
        let mut weather = Weather::new(Rng::with_seed(1));
        let start = 1_672_527_600; // 2023-01-01 00:00 local time
        (0..365 * 96).map(|quarter| weather.next(Timestamp::from_second(start + quarter * 900).unwrap())).collect()
    }

    #[test]
    fn sines_of_well_known_angles() {
        for (degrees, expected) in
            [(0, 0), (30, 5_000), (90, 10_000), (180, 0), (210, -5_000), (270, -10_000), (-90, -10_000)]
        {
            assert_eq!(sine(degrees * DEGREE), expected, "{degrees}°");
        }
        assert!((sine(45 * DEGREE) - 7_071).abs() <= 20);
    }

    #[test]
    fn days_are_long_in_summer_and_short_in_winter() {
        let year = year();
        let daylight = |day: usize| year[day * 96..][..96].iter().filter(|quarter| quarter.sun.up > 0).count();
        assert!((62..=66).contains(&daylight(171)), "{} quarter-hours in June", daylight(171));
        assert!((31..=35).contains(&daylight(354)), "{} quarter-hours in December", daylight(354));
        let noon = &year[171 * 96 + 48].sun;
        assert!((noon.up - sine(6_544)).abs() < 60, "{noon:?}");
    }

    #[test]
    fn there_is_no_light_at_night_and_more_under_a_clear_sky() {
        let roof = Direction::of_roof(30, 0);
        let mut quarter = year()[171 * 96 + 48].clone();
        quarter.clear = SCALE;
        let clear = quarter.light(roof);
        quarter.clear = 0;
        let overcast = quarter.light(roof);
        assert!((750..=1_000).contains(&(clear.direct + clear.diffuse)), "{clear:?}");
        assert!((100..=200).contains(&(overcast.direct + overcast.diffuse)), "{overcast:?}");
        assert_eq!(year()[171 * 96].light(roof), Light { direct: 0, diffuse: 0 });
    }

    #[test]
    fn calendar_and_temperature_follow_local_time() {
        let year = year();
        assert_eq!((year[0].of_day, year[0].workday, year[95].of_day, year[96].workday), (0, false, 95, true));
        let cold = |days: std::ops::Range<usize>| -> i64 {
            year[days.start * 96..days.end * 96].iter().map(|quarter| quarter.cold).sum::<i64>() / 96
        };
        assert!(cold(0..59) > 5 * cold(181..240));
        let degree_days = cold(0..365) / 100;
        assert!((1_700..=2_500).contains(&degree_days), "{degree_days} degree-days");
    }
}
