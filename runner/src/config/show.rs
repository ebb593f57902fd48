//! The effective configuration as a file again: defaults, environment and all; passwords masked.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::netting::Basis;
use domain::tariff::{PartialTariff, TariffSchedule};
use domain::{Digest, Price, Tariff};
use jiff::SignedDuration;
use serde::Serialize;

use super::{CallerConfig, CommunityConfig, Config, ForwardMode, MemberConfig, Role, store};
use base::Reference;

/// A configuration in the form and the order of its file, for TOML and JSON.
#[derive(Serialize)]
pub struct Shown {
    store: String,
    cache: String,
    listen: String,
    listen_tls: String,
    listen_metrics: String,
    tls: Tls,
    forward: Forward,
    replicas: Replicas,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caller: Vec<Caller>,
    community: Vec<Community>,
}

#[derive(Serialize)]
struct Caller {
    name: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
}

#[derive(Serialize)]
struct Tls {
    certificate: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ca: Option<String>,
}

#[derive(Serialize)]
struct Forward {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    lease: String,
}

#[derive(Serialize)]
struct Replicas {
    lease: String,
}

#[derive(Serialize)]
struct Community {
    name: String,
    meters: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meters_ca: Option<String>,
    meters_timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    interval: String,
    grace: String,
    tolerance: String,
    basis: &'static str,
    algorithm: String,
    on_failure: &'static str,
    rollback_after: u32,
    tariff: Schedule,
    settings: BTreeMap<String, String>,
    limits: Limits,
    members: BTreeMap<String, Member>,
}

#[derive(Serialize)]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    price_floor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_ceiling: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
}

#[derive(Serialize)]
struct Member {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    meters: Vec<String>,
    share: u32,
    rank: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bid: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tariff: Option<Schedule>,
}

#[derive(Serialize)]
struct Schedule {
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(flatten)]
    otherwise: Prices,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    periods: Vec<Period>,
}

#[derive(Serialize)]
struct Period {
    days: String,
    from: String,
    to: String,
    #[serde(flatten)]
    prices: Prices,
}

#[derive(Serialize)]
struct Prices {
    #[serde(skip_serializing_if = "Option::is_none")]
    retail: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_in: Option<i64>,
}

impl Config {
    /// The whole of it as it holds, in the form of its file; read again it is the same configuration, but for a password,
    /// which is masked. Paths are as they are used: absolute, if the configuration was loaded by an absolute path.
    pub fn shown(&self) -> Shown {
        let (mode, to, ca) = match &self.forward.mode {
            ForwardMode::Pull => ("pull", None, None),
            ForwardMode::Push { to, ca } => ("push", Some(to.clone()), ca.as_deref().map(path)),
        };
        Shown {
            store: store::shown(&self.store),
            cache: path(&self.cache),
            listen: self.listen.plain.to_string(),
            listen_tls: self.listen.tls.to_string(),
            listen_metrics: self.listen.metrics.to_string(),
            tls: Tls {
                certificate: path(&self.tls.certificate),
                key: path(&self.tls.key),
                client_ca: self.tls.client_ca.as_deref().map(path),
            },
            forward: Forward { mode, to, ca, lease: duration(self.forward.lease) },
            replicas: Replicas { lease: duration(self.replicas.lease) },
            caller: self.callers.iter().map(caller).collect(),
            community: self.communities.iter().map(community).collect(),
        }
    }
}

fn caller(config: &CallerConfig) -> Caller {
    Caller {
        name: config.name.clone(),
        role: match config.role {
            Role::Read => "read",
            Role::Administer => "administer",
        },
        certificate: config.certificate.clone(),
        token_file: config.token_file.as_deref().map(path),
    }
}

impl CommunityConfig {
    /// Tells one configuration of a community from another: SHA-256 of what `config show --json` says of it, without white
    /// space. A file that it names counts by its name; what it brought into an interval is kept with that.
    #[allow(clippy::expect_used, reason = "OK because it has neither floating-point numbers nor keys that are no text")]
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&community(self)).expect("a configuration that can be written as JSON"))
    }
}

fn community(config: &CommunityConfig) -> Community {
    Community {
        name: config.name.clone(),
        meters: config.meters.clone(),
        meters_ca: config.meters_ca.as_deref().map(path),
        meters_timeout: duration(config.meters_timeout),
        from: config.from.map(|from| from.to_string()),
        interval: duration(Duration::from_secs(config.interval.seconds().into())),
        grace: duration(config.grace),
        tolerance: duration(config.tolerance),
        basis: match config.basis {
            Basis::Net => "net",
            Basis::Gross => "gross",
        },
        algorithm: algorithm(&config.algorithm),
        on_failure: if config.fallback { "fallback" } else { "hold" },
        rollback_after: config.rollback_after,
        tariff: schedule(&config.tariff, config.tariff_file.as_deref(), Prices::from),
        settings: config.settings.iter().cloned().collect(),
        limits: Limits {
            price_floor: config.price_limits.floor().map(Price::micro_eur),
            price_ceiling: config.price_limits.ceiling().map(Price::micro_eur),
            fuel: config.limits.fuel,
            memory: config.limits.memory_bytes,
            time: config.limits.time.map(duration),
            output: config.limits.output_bytes,
        },
        members: config.members.iter().map(|(id, config)| (id.to_string(), member(config))).collect(),
    }
}

fn member(config: &MemberConfig) -> Member {
    let shown = |tariff| schedule(tariff, config.tariff_file.as_deref(), Prices::from);
    Member {
        meters: config.meters.iter().map(ToString::to_string).collect(),
        share: config.share,
        rank: config.rank,
        offer: config.offer.map(Price::micro_eur),
        bid: config.bid.map(Price::micro_eur),
        tariff: config.tariff.as_ref().map(shown),
    }
}

fn schedule<T: Copy>(tariff: &TariffSchedule<T>, file: Option<&Path>, prices: fn(T) -> Prices) -> Schedule {
    let (otherwise, zone, periods) = match tariff {
        TariffSchedule::Constant(tariff) => (*tariff, None, Vec::new()),
        TariffSchedule::Series(series) => (series.before(), None, Vec::new()),
        TariffSchedule::TimeOfUse(schedule) => {
            let periods = schedule.periods.iter().map(|period| Period {
                days: period.days.to_string(),
                from: period.hours.from().to_string(),
                to: period.hours.to().to_string(),
                prices: prices(period.tariff),
            });
            (schedule.otherwise, schedule.zone.iana_name().map(str::to_owned), periods.collect())
        }
    };
    Schedule { series: file.map(path), zone, otherwise: prices(otherwise), periods }
}

impl From<PartialTariff> for Prices {
    fn from(tariff: PartialTariff) -> Prices {
        Prices { retail: tariff.retail.map(Price::micro_eur), feed_in: tariff.feed_in.map(Price::micro_eur) }
    }
}

impl From<Tariff> for Prices {
    fn from(tariff: Tariff) -> Prices {
        PartialTariff::from(tariff).into()
    }
}

/// A name that is read as a file, whatever it looks like.
fn algorithm(reference: &Reference) -> String {
    match reference {
        Reference::File(file) => path(file),
        other => other.to_string(),
    }
}

/// A path; what of it is no Unicode cannot be written in TOML.
pub(super) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Friendly, such as `15m` or `1m 30s`.
fn duration(length: Duration) -> String {
    // OK because what was read from a text fits one: the default is never used.
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    format!("{length:#}")
}
