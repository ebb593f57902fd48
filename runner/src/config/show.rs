//! The effective configuration as a file again: defaults, environment and all; passwords masked.

use std::path::Path;

use domain::Digest;
use domain::tariff::{PartialTariff, TariffSchedule, TimeOfUse};
use serde::Serialize;

use super::read::Field;
use super::schema::{
    self, Community, CommunityChange, DateSource, File, Is, Kind, Member, MemberChange, Mode, OnFailure, Period,
};
use super::terms::LimitsConfig;
use super::{
    CallerConfig, CommunityConfig, Config, ForwardMode, MemberConfig, MemberTerms, StoreConfig, TariffConfig, Terms,
    TlsConfig, ViewerConfig, WebConfig,
};
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
            listen_web: Field::of(self.listen.web),
            mongodb: Field::default(),
            tls: Field::new(schema::Tls {
                certificate: path(&self.tls.certificate),
                key: path(&self.tls.key),
                client_ca: optional_path(self.tls.client_ca.as_deref()),
            }),
            web: Field::new(web(&self.web)),
            forward: Field::new(schema::Forward {
                mode: Field::of(mode),
                to: Field::maybe(to),
                ca: optional_path(ca),
                lease: Field::of(self.forward.lease),
                since: Field::maybe(self.forward.since.0),
            }),
            replicas: Field::new(schema::Replicas { lease: Field::of(self.replicas.lease) }),
            metrics: Field::new(schema::Metrics { communities: Field::of(self.metrics) }),
            caller: list(self.callers.iter().map(caller)),
            viewer: list(self.viewers.iter().map(viewer)),
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

fn web(config: &WebConfig) -> schema::Web {
    let file = |file: fn(&TlsConfig) -> &Path| optional_path(config.tls.as_ref().map(file));
    schema::Web {
        certificate: file(|tls| &tls.certificate),
        key: file(|tls| &tls.key),
        open: Field::new(config.open),
        proxy: optional(config.proxy.as_ref().map(|proxy| schema::Proxy {
            from: list_of(proxy.from.iter().copied()),
            user: Field::of(proxy.user.clone()),
            groups: Field::of(proxy.groups.clone()),
        })),
    }
}

fn viewer(config: &ViewerConfig) -> schema::Viewer {
    schema::Viewer {
        name: Field::of(config.name.clone()),
        role: Field::of(config.role),
        community: Field::maybe(config.community.clone()),
        member: Field::maybe(config.member.clone()),
        token_file: optional_path(config.token_file.as_deref()),
        user: Field::maybe(config.user.clone()),
        group: Field::maybe(config.group.clone()),
    }
}

fn community(config: &CommunityConfig) -> Community {
    let members = config.members.iter().map(|(id, config)| (id.to_string(), Field::new(member(config))));
    let first = terms(config.terms.first());
    let changes = config.terms.changes().iter();
    let changes = changes.map(|change| CommunityChange { from: Field::of(change.day), ..terms(&change.named) });
    let community = Community {
        name: Field::of(config.name.clone()),
        zone: Field::of(config.zone.clone()),
        meters: Field::of(config.meters.clone()),
        meters_ca: optional_path(config.meters_ca.as_deref()),
        meters_timeout: Field::of(config.meters_timeout),
        prices: Field::of(config.prices),
        unlisted: Field::of(config.unlisted),
        holidays: Field::maybe(config.holidays.as_ref().map(|holidays| match &holidays.file {
            Some(file) => DateSource::File(file.display().to_string()),
            None => DateSource::Dates(holidays.dates.iter().copied().collect()),
        })),
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
        members: Field::new(members.collect()),
        change: list(changes),
        ..Community::default()
    };
    community.with_terms(first)
}

/// What is named of a community's terms.
fn terms(named: &Terms) -> CommunityChange {
    let settings = named
        .settings
        .as_ref()
        .map(|settings| settings.iter().map(|(key, value)| (key.clone(), Field::of(value.clone()))).collect());
    let limits = named.limits.map(|LimitsConfig { price, run }| schema::Limits {
        price_floor: Field::maybe(price.floor()),
        price_ceiling: Field::maybe(price.ceiling()),
        fuel: Field::maybe(run.fuel),
        memory: Field::maybe(run.memory_bytes),
        time: Field::maybe(run.time),
        output: Field::maybe(run.output_bytes),
    });
    CommunityChange {
        from: Field::default(),
        tariff: optional(named.tariffs().first().map(tariff)),
        settings: optional(settings),
        limits: optional(limits),
        power_max: Field::maybe(named.power_max),
    }
}

fn member(config: &MemberConfig) -> Member {
    let changes = config.terms.changes().iter();
    let changes = changes.map(|change| MemberChange { from: Field::of(change.day), ..member_terms(&change.named) });
    let member = Member {
        from: Field::maybe(config.from),
        until: Field::maybe(config.until),
        wallet: optional(config.wallet.as_ref().map(ToString::to_string)),
        change: list(changes),
        ..Member::default()
    };
    member.with_terms(member_terms(config.terms.first()))
}

/// What is named of a member's meters and terms.
fn member_terms(named: &MemberTerms) -> MemberChange {
    MemberChange {
        from: Field::default(),
        meters: list(named.meters.iter().flatten().map(ToString::to_string)),
        share: Field::maybe(named.share),
        rank: Field::maybe(named.rank),
        offer: Field::maybe(named.offer),
        bid: Field::maybe(named.bid),
        tariff: optional(named.tariffs().first().map(tariff)),
        power_max: Field::maybe(named.power_max),
    }
}

fn tariff(config: &TariffConfig) -> schema::Tariff {
    let (otherwise, zone, periods): (_, _, &[_]) = match &config.schedule {
        TariffSchedule::Constant(otherwise) => (*otherwise, None, &[]),
        TariffSchedule::Series(series) => (series.before(), None, &[]),
        TariffSchedule::TimeOfUse(TimeOfUse { zone, periods, otherwise, .. }) => {
            (*otherwise, Some(zone.clone()), periods)
        }
    };
    let period = |period: &domain::tariff::Period<PartialTariff>| Period {
        days: Field::maybe(period.days),
        months: Field::maybe(period.months),
        from: Field::of(period.hours.from()),
        to: Field::of(period.hours.to()),
        retail: Field::maybe(period.tariff.retail),
        feed_in: Field::maybe(period.tariff.feed_in),
    };
    schema::Tariff {
        series: optional_path(config.file.as_deref()),
        zone: Field::maybe(zone),
        retail: Field::maybe(otherwise.retail),
        feed_in: Field::maybe(otherwise.feed_in),
        periods: list(periods.iter().map(period)),
    }
}

fn optional<T>(value: Option<T>) -> Field<T> {
    value.map_or_else(Field::default, Field::new)
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
