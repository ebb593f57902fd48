//! The effective configuration as a file again: defaults, environment and all; passwords masked.

use std::path::Path;

use domain::Digest;
use domain::tariff::{PartialTariff, TariffSchedule, TimeOfUse};
use serde::Serialize;

use super::read::Field;
use super::schema::{self, Community, File, Is, Kind, Member, Mode, OnFailure, Period};
use super::{CallerConfig, CommunityConfig, Config, ForwardMode, MemberConfig, StoreConfig};
use base::Reference;

impl Config {
    /// The whole of it as it holds, in the form of its file; read again it is the same configuration, but for a password,
    /// which is masked. Paths are as they are used: absolute, if the configuration was loaded by an absolute path.
    pub fn shown(&self) -> impl Serialize + use<> {
        let (mode, to, ca) = match &self.forward.mode {
            ForwardMode::Pull => (Mode::Pull, None, None),
            ForwardMode::Push { to, ca } => (Mode::Push, Some(to.clone()), ca.as_deref()),
        };
        File {
            store: Field::new(match &self.store {
                StoreConfig::Sqlite(file) => format!("sqlite:{}", file.display()),
                StoreConfig::Mongo(address) => address.to_string(),
            }),
            cache: path(&self.cache),
            listen: Field::of(self.listen.plain),
            listen_tls: Field::of(self.listen.tls),
            listen_metrics: Field::of(self.listen.metrics),
            mongodb: Field::default(),
            tls: Field::new(schema::Tls {
                certificate: path(&self.tls.certificate),
                key: path(&self.tls.key),
                client_ca: optional_path(self.tls.client_ca.as_deref()),
            }),
            forward: Field::new(schema::Forward {
                mode: Field::of(mode),
                to: Field::maybe(to),
                ca: optional_path(ca),
                lease: Field::of(self.forward.lease),
                since: Field::maybe(self.forward.since.0),
            }),
            replicas: Field::new(schema::Replicas { lease: Field::of(self.replicas.lease) }),
            caller: list(self.callers.iter().map(caller)),
            community: list(self.communities.iter().map(community)),
        }
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

fn caller(config: &CallerConfig) -> schema::Caller {
    schema::Caller {
        name: Field::of(config.name.clone()),
        roles: list_of(config.roles.iter().copied()),
        from: list_of(config.from.iter().copied()),
        certificate: Field::maybe(config.certificate.clone()),
        token_file: optional_path(config.token_file.as_deref()),
    }
}

fn community(config: &CommunityConfig) -> Community {
    let settings = config.settings.iter().map(|(key, value)| (key.clone(), Field::of(value.clone())));
    let members = config.members.iter().map(|(id, config)| (id.to_string(), Field::new(member(config))));
    Community {
        name: Field::of(config.name.clone()),
        zone: Field::of(config.zone.clone()),
        meters: Field::of(config.meters.clone()),
        meters_ca: optional_path(config.meters_ca.as_deref()),
        meters_timeout: Field::of(config.meters_timeout),
        prices: Field::of(config.prices),
        from: Field::maybe(config.from),
        interval: Field::of(config.interval),
        grace: Field::of(config.grace),
        tolerance: Field::of(config.tolerance),
        basis: Field::of(config.basis),
        algorithm: match &config.algorithm {
            // A name that is read as a file, whatever it looks like.
            Reference::File(file) => path(file),
            other => Field::new(other.to_string()),
        },
        on_failure: Field::of(if config.fallback { OnFailure::Fallback } else { OnFailure::Hold }),
        rollback_after: Field::of(config.rollback_after),
        tariff: Field::new(tariff(&config.tariff, config.tariff_file.as_deref())),
        settings: Field::new(settings.collect()),
        limits: Field::new(schema::Limits {
            price_floor: Field::maybe(config.price_limits.floor()),
            price_ceiling: Field::maybe(config.price_limits.ceiling()),
            fuel: Field::maybe(config.limits.fuel),
            memory: Field::maybe(config.limits.memory_bytes),
            time: Field::maybe(config.limits.time),
            output: Field::maybe(config.limits.output_bytes),
        }),
        members: Field::new(members.collect()),
    }
}

fn member(config: &MemberConfig) -> Member {
    let given = config.tariff.as_ref().map(|given| tariff(given, config.tariff_file.as_deref()));
    Member {
        meters: list(config.meters.iter().map(ToString::to_string)),
        wallet: config.wallet.as_ref().map_or_else(Field::default, |wallet| Field::new(wallet.to_string())),
        share: Field::of(config.share),
        rank: Field::of(config.rank),
        offer: Field::maybe(config.offer),
        bid: Field::maybe(config.bid),
        tariff: given.map_or_else(Field::default, Field::new),
    }
}

fn tariff<T: Copy + Into<PartialTariff>>(schedule: &TariffSchedule<T>, file: Option<&Path>) -> schema::Tariff {
    let (otherwise, zone, periods): (T, _, &[_]) = match schedule {
        TariffSchedule::Constant(otherwise) => (*otherwise, None, &[]),
        TariffSchedule::Series(series) => (series.before(), None, &[]),
        TariffSchedule::TimeOfUse(TimeOfUse { zone, periods, otherwise }) => (*otherwise, Some(zone.clone()), periods),
    };
    let period = |period: &domain::tariff::Period<T>| {
        let PartialTariff { retail, feed_in } = period.tariff.into();
        Period {
            days: Field::of(period.days),
            from: Field::of(period.hours.from()),
            to: Field::of(period.hours.to()),
            retail: Field::maybe(retail),
            feed_in: Field::maybe(feed_in),
        }
    };
    let PartialTariff { retail, feed_in } = otherwise.into();
    schema::Tariff {
        series: optional_path(file),
        zone: Field::maybe(zone),
        retail: Field::maybe(retail),
        feed_in: Field::maybe(feed_in),
        periods: list(periods.iter().map(period)),
    }
}

/// A list; nothing where it is empty.
fn list<T>(items: impl Iterator<Item = T>) -> Field<Vec<Field<T>>> {
    let items: Vec<Field<T>> = items.map(Field::new).collect();
    if items.is_empty() { Field::default() } else { Field::new(items) }
}

/// A list of values of one kind; nothing where it is empty.
fn list_of<K: Kind>(values: impl Iterator<Item = K::Value>) -> Field<Vec<Field<Is<K>>>> {
    list(values.map(Is))
}

/// A path; what of it is no Unicode cannot be written in TOML.
fn path(path: &Path) -> Field<String> {
    Field::new(path.display().to_string())
}

fn optional_path(file: Option<&Path>) -> Field<String> {
    file.map_or_else(Field::default, path)
}
