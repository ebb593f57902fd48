//! Where and when a probe takes place: a community, its members' names, an interval and tariffs, all drawn.
//!
//! They look like those of real communities. A component that does one thing in a probe and another for money must find
//! them different from anything that it will settle.

use domain::round::{InvalidRound, PriceLimits, Terms, seed};
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, Position, Price, Round, Tariff};

use crate::algorithms::gate::draw::Draw;

/// Start of the years in which probes take place: 2024-01-01T00:00:00Z.
const FIRST_START: u64 = 1_704_067_200;
const DAYS: u64 = 12 * 365;
const DAY_SECONDS: u64 = 86_400;

const TOWNS: [&str; 24] = [
    "agueda", "alcacer", "amarante", "arcos", "beja", "braga", "coimbra", "elvas", "evora", "fafe", "faro", "gerona",
    "graz", "guarda", "lagos", "leiria", "loule", "mafra", "namur", "ourem", "sintra", "tavira", "trento", "viseu",
];
const SUFFIXES: [&str; 8] = ["", "", "", "-norte", "-sul", "-solar", "-rec", "-2"];
const KINDS: [&str; 12] =
    ["es-sms", "casa", "apt", "lote", "house", "meter", "escola", "loja", "m", "member", "pt-ecs", "site_"];
const FIRST_NAMES: [&str; 32] = [
    "ana", "andre", "anna", "bea", "bert", "bruno", "carla", "clara", "david", "diana", "elsa", "eva", "filipe",
    "hugo", "ines", "ivo", "joana", "jorge", "julia", "lena", "luis", "maria", "marta", "nuno", "olga", "paulo",
    "pedro", "rita", "rui", "sara", "tiago", "vera",
];
const LAST_NAMES: [&str; 32] = [
    "alves", "antunes", "baptista", "borges", "braga", "cardoso", "castro", "costa", "cruz", "dias", "duarte", "faria",
    "ferreira", "gomes", "lima", "lopes", "marques", "matos", "melo", "mendes", "neves", "nunes", "pinto", "pires",
    "ramos", "reis", "rocha", "santos", "silva", "sousa", "teixeira", "vaz",
];

/// What one member brings into a round.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) surplus: u64,
    pub(super) deficit: u64,
    pub(super) offer: i64,
    pub(super) bid: i64,
}

/// How a community names its members. Each way gives each number another name, none of them of one letter.
#[derive(Clone, Copy)]
enum Naming {
    /// `casa-07`
    Counted { kind: &'static str, joint: &'static str, first: u64, width: usize },
    /// `ines-costa`
    People { first: u64 },
    /// A metering point: `PT0002000054321098AB`
    MeteringPoints { first: u64, letters: &'static str },
    /// A database's key, in hexadecimal digits.
    Keys { high: u64 },
}

/// The circumstances of a probe.
pub(super) struct Scene {
    community: String,
    interval: Interval,
    pub(super) tariff: Tariff,
    naming: Naming,
    /// Whether some members have a supplier of their own.
    pub(super) own_tariffs: bool,
    /// Whether members have sharing coefficients and ranks.
    shares: bool,
}

impl Scene {
    pub(super) fn draw(draw: &mut Draw) -> Scene {
        let community = [draw.pick(TOWNS), draw.pick(SUFFIXES)].concat();
        let retail = 100 * draw.price(1_200, 3_200);
        let feed_in = 100 * draw.price(150, 900);
        Scene {
            community,
            interval: interval(draw),
            tariff: tariff(retail, feed_in),
            naming: naming(draw),
            own_tariffs: draw.once_in(4),
            shares: draw.once_in(3),
        }
    }

    /// Moves the interval within its day to the one that has this quarter of an hour, from 0 to 95.
    pub(super) fn start_in(&mut self, quarter: u64) {
        let (start, length) = (self.interval.start().seconds(), self.interval.length());
        let seconds = u64::from(length.seconds());
        let start = start - start % DAY_SECONDS + 900 * quarter / seconds * seconds;
        let moved = Boundary::from_seconds(start).and_then(|start| Interval::starting(start, length));
        self.interval = moved.unwrap_or(self.interval);
    }

    /// A round of members with these parts.
    pub(super) fn round(
        self,
        draw: &mut Draw,
        limits: PriceLimits,
        settings: &[(String, String)],
        parts: &[Part],
    ) -> Result<Round, InvalidRound> {
        let count = parts.len() as u64;
        let position = |(number, part): (u64, &Part)| {
            let own = self.own_tariffs && draw.once_in(3);
            let own =
                if own { tariff(100 * draw.price(1_100, 3_300), 100 * draw.price(100, 950)) } else { self.tariff };
            Position {
                member: self.naming.member(number),
                surplus: Energy::from_wh(part.surplus),
                deficit: Energy::from_wh(part.deficit),
                offer: at(own, self.tariff, part.offer),
                bid: at(own, self.tariff, part.bid),
                tariff: own,
                share: if self.shares { u32::try_from(1_000_000 / count.max(1)).unwrap_or(0) } else { 0 },
                rank: if self.shares { u32::try_from(draw.between(0, 2)).unwrap_or(0) } else { 0 },
            }
        };
        let positions = (0..).zip(parts).map(position).collect();
        let terms = Terms {
            seed: seed(&self.community, self.interval),
            community: self.community,
            interval: self.interval,
            tariff: self.tariff,
            limits,
            settings: settings.to_vec(),
        };
        Round::new(terms, positions)
    }
}

/// A price that a member asks or bids at its own tariff, where at the community's it would be this one.
fn at(own: Tariff, community: Tariff, micro_eur: i64) -> Price {
    let price = Price::from_micro_eur(micro_eur);
    if price == community.feed_in {
        own.feed_in
    } else if price == community.retail {
        own.retail
    } else if community.feed_in < price && price < community.retail {
        price.clamp(own.feed_in, own.retail)
    } else {
        price
    }
}

pub(super) fn tariff(retail: i64, feed_in: i64) -> Tariff {
    Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
}

/// A quarter of an hour, or now and then an hour. Two of three are in daylight, when there is something to trade.
fn interval(draw: &mut Draw) -> Interval {
    let day = FIRST_START + DAY_SECONDS * draw.between(0, DAYS - 1);
    let quarter = if draw.once_in(3) { draw.between(0, 95) } else { draw.between(32, 68) };
    let (quarter, seconds) = if draw.once_in(5) { (quarter / 4 * 4, 3600) } else { (quarter, 900) };
    let length = IntervalLength::from_seconds(seconds).unwrap_or(IntervalLength::QUARTER_HOUR);
    let start = Boundary::from_seconds(day + 900 * quarter).unwrap_or(Boundary::EPOCH);
    #[allow(clippy::expect_used, reason = "OK because these years are long before the last boundary")]
    Interval::starting(start, length).expect("a start of these years is an interval's")
}

fn naming(draw: &mut Draw) -> Naming {
    let first = draw.between(1, 60);
    match draw.between(0, 5) {
        0..=2 => {
            let (kind, joint) = (draw.pick(KINDS), draw.pick(["-", "", "_", "."]));
            Naming::Counted { kind, joint, first, width: draw.pick([2, 2, 3, 4]) }
        }
        3 => Naming::People { first },
        4 => {
            let letters = draw.pick(["AB", "CX", "KD", "TR"]);
            Naming::MeteringPoints { first: draw.between(10_000_000, 90_000_000), letters }
        }
        _ => Naming::Keys { high: draw.between(0x5f00_0000_0000_0000, 0x6fff_ffff_ffff_ffff) },
    }
}

impl Naming {
    #[allow(clippy::expect_used, reason = "OK because these are letters, digits and signs, and no reserved name")]
    fn member(self, number: u64) -> MemberId {
        self.name(number).parse().expect("a name that is made of letters and digits is a member's")
    }

    fn name(self, number: u64) -> String {
        match self {
            Naming::Counted { kind, joint, first, width } => {
                format!("{kind}{joint}{:0width$}", first.saturating_add(number))
            }
            Naming::People { first } => {
                // 32 is a power of two and 5 is odd, so that all 1024 pairs come before one comes again.
                let index = usize::try_from((first.saturating_add(number)).wrapping_mul(5)).unwrap_or(0);
                let name = format!("{}-{}", FIRST_NAMES[index % 32], LAST_NAMES[index / 32 % 32]);
                if number < 1024 { name } else { format!("{name}-{number}") }
            }
            Naming::MeteringPoints { first, letters } => {
                format!("PT00020000{:08}{letters}", first.saturating_add(number.saturating_mul(37)))
            }
            Naming::Keys { high } => format!("{high:016x}{:08x}", number.saturating_mul(0x11)),
        }
    }
}

/// A settled round as it might be on another day: moved by whole days, with other amounts of energy.
pub(super) fn moved(draw: &mut Draw, round: &Round) -> Result<Round, InvalidRound> {
    let terms = round.terms();
    let days = draw.between(1, 900);
    let start = Boundary::from_seconds(terms.interval.start().seconds().saturating_add(DAY_SECONDS * days));
    let interval = start.and_then(|start| Interval::starting(start, terms.interval.length())).unwrap_or(terms.interval);
    let mut energy = |energy: Energy| {
        let percent = draw.between(60, 140);
        let wh = u128::from(energy.wh()) * u128::from(percent) / 100;
        Energy::from_wh(u64::try_from(wh).unwrap_or(u64::MAX))
    };
    let position = |position: &Position| Position {
        surplus: energy(position.surplus),
        deficit: energy(position.deficit),
        ..position.clone()
    };
    let positions = round.positions().iter().map(position).collect();
    Round::new(Terms { interval, seed: seed(&terms.community, interval), ..terms.clone() }, positions)
}
