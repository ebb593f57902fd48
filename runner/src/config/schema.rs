//! The form of the file: what is read, and what `config show` writes. Keys are shown in this order.
//!
//! Tables are structs of serde, and what a value may be is a [`Kind`] below them. What values mean together is checked
//! where they become a [`Config`](super::Config).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::Duration;

use domain::netting::Basis;
use domain::ownership::Unlisted;
use domain::tariff::{Days, Months, WallTime};
use domain::{IntervalLength, MemberId, Power, Price, PriceRule};
use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::Uri;

use super::meters::MetersSource;
use super::monitoring::SeriesOf;
use super::read::{Field, WRITTEN};
use super::rights::{Right, network};
use books::{ANYONE_HERE, CLAIM_TERM_MAX, LEASE_TERM_MAX, LINK_PREFIX, Role, SERVICE_ITSELF};
use domain::text::is_name;

/// The whole of a community, in parts per million.
const SHARE_MAX: u32 = 1_000_000;

/// Headers that browsers or HTTP itself set.
const TAKEN_HEADERS: [&str; 12] = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Host",
    "Origin",
    "Referer",
    "Transfer-Encoding",
    "User-Agent",
];

/// Tables, each with what is expected in its place and its keys. Every key may be missing.
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $expected:literal { $($key:ident: $value:ty,)* })*) => { $(
        $(#[$doc])*
        #[derive(Default, serde::Deserialize, Serialize)]
        #[serde(default, expecting = $expected)]
        pub(super) struct $table {
            $(#[serde(skip_serializing_if = "Field::is_empty")] pub(super) $key: Field<$value>,)*
        }
    )* };
}

tables! {
    /// The whole file.
    File = "a table" {
        store: String,
        cache: String,
        listen: Is<Address>,
        listen_tls: Is<Address>,
        listen_metrics: Is<Address>,
        listen_web: Is<AddressOrNone>,
        mongodb: Mongodb,
        tls: Tls,
        web: Web,
        forward: Forward,
        replicas: Replicas,
        metrics: Metrics,
        caller: Vec<Field<Caller>>,
        viewer: Vec<Field<Viewer>>,
        community: Vec<Field<Community>>,
    }
    /// Who we are at MongoDB; shown as a part of `store`.
    Mongodb = "a table" {
        username: String,
        password_file: String,
    }
    Tls = "a table" {
        certificate: String,
        key: String,
        client_ca: String,
    }
    Web = "a table" {
        certificate: String,
        key: String,
        open: bool,
        proxy: Proxy,
    }
    Proxy = "a table such as { from = [\"10.0.0.5\"], user = \"Remote-User\", groups = \"Remote-Groups\" }" {
        from: Vec<Field<Is<Network>>>,
        user: Is<HeaderName>,
        groups: Is<HeaderName>,
    }
    Forward = "a table" {
        mode: Is<ModeName>,
        to: Is<HttpsAddress>,
        ca: String,
        lease: Is<ClaimLease>,
        since: Is<Start>,
    }
    Replicas = "a table" {
        lease: Is<ReplicaLease>,
    }
    Metrics = "a table" {
        communities: Is<SeriesOfName>,
    }
    Caller = "a table" {
        name: Is<CallerName>,
        roles: Vec<Field<Is<RightName>>>,
        from: Vec<Field<Is<Network>>>,
        certificate: Is<DnsName>,
        token_file: String,
    }
    Viewer = "a table" {
        name: Is<ViewerName>,
        role: Is<RoleName>,
        community: Is<CommunityName>,
        member: Is<MemberName>,
        token_file: String,
        user: Is<ProxyText>,
        group: Is<ProxyText>,
    }
    Limits = "a table" {
        price_floor: Is<MicroEur>,
        price_ceiling: Is<MicroEur>,
        fuel: Is<Fuel>,
        memory: Is<Size>,
        time: Is<Length>,
        output: Is<Size>,
    }
    /// A tariff that never changes, by month, day and hour, or in a series.
    Tariff = "a table such as { retail = 162400, feed_in = 30000 }" {
        series: String,
        zone: Is<Zone>,
        retail: Is<MicroEur>,
        feed_in: Is<MicroEur>,
        periods: Vec<Field<Period>>,
    }
    Period = "a table such as { days = \"mon-fri\", from = \"08:00\", to = \"22:00\", retail = 200000 }" {
        days: Is<DayNames>,
        months: Is<MonthNames>,
        from: Is<TimeOfDay>,
        to: Is<TimeOfDay>,
        retail: Is<MicroEur>,
        feed_in: Is<MicroEur>,
    }
}

/// Tables of which some keys may change over time: `change` lists tables of those keys, each with the date from which they
/// hold. A key that is added to those is all that the schema has to know of it.
macro_rules! changing_tables {
    ($($table:ident, $change:ident {
        $($key:ident: $value:ty,)*
    } changing {
        $($term:ident: $kind:ty,)*
    })*) => { $(
        tables! {
            $table = "a table" {
                $($key: $value,)*
                $($term: $kind,)*
                change: Vec<Field<$change>>,
            }
            $change = "a table" {
                from: Is<Day>,
                $($term: $kind,)*
            }
        }

        impl $table {
            /// Takes out what may change.
            pub(super) fn take_terms(&mut self) -> $change {
                $change { from: Field::default(), $($term: std::mem::take(&mut self.$term),)* }
            }

            /// Puts in what may change.
            pub(super) fn with_terms(self, terms: $change) -> $table {
                $table { $($term: terms.$term,)* ..self }
            }
        }

        impl $change {
            /// Whether it changes nothing.
            pub(super) fn is_empty(&self) -> bool {
                $(self.$term.at.is_none())&&*
            }
        }
    )* };
}

changing_tables! {
    Community, CommunityChange {
        name: Is<CommunityName>,
        zone: Is<Zone>,
        meters: Is<MetersPlace>,
        meters_ca: String,
        meters_timeout: Is<Length>,
        prices: Is<PriceRuleName>,
        unlisted: Is<UnlistedName>,
        holidays: Is<HolidayDates>,
        from: Is<Start>,
        interval: Is<Interval>,
        grace: Is<Delay>,
        tolerance: Is<Delay>,
        basis: Is<BasisName>,
        algorithm: String,
        on_failure: Is<OnFailureName>,
        rollback_after: Is<Failures>,
        shares: String,
        members: BTreeMap<String, Field<Member>>,
    } changing {
        tariff: Tariff,
        settings: BTreeMap<String, Field<Is<Setting>>>,
        limits: Limits,
        power_max: Is<PowerMax>,
    }
    Member, MemberChange {
        from: Is<Day>,
        until: Is<Day>,
        wallet: String,
    } changing {
        meters: Vec<Field<String>>,
        share: Is<Share>,
        rank: Is<Rank>,
        offer: Is<MicroEur>,
        bid: Is<MicroEur>,
        tariff: Tariff,
        power_max: Is<PowerMax>,
    }
}

/// Dates, or the name of a file with a date a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DateSource {
    Dates(Vec<Date>),
    File(String),
}

/// Who calls whom to forward trades.
#[derive(PartialEq, serde::Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Pull,
    Push,
}

/// What to do with a community whose algorithm fails.
#[derive(PartialEq, serde::Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnFailure {
    Hold,
    Fallback,
}

/// What a value may be, and how it is written.
pub(super) trait Kind {
    /// What it becomes.
    type Value;
    /// What is expected, for messages.
    const EXPECTED: &'static str;

    fn read(json: &Json) -> Option<Self::Value>;

    fn write(value: &Self::Value) -> Json;
}

/// A value of a kind.
pub(super) struct Is<K: Kind>(pub(super) K::Value);

impl<K: Kind> Serialize for Is<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        K::write(&self.0).serialize(serializer)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Is<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Is<K>, D::Error> {
        struct Reads<K>(PhantomData<K>);

        impl<'de, K: Kind> Visitor<'de> for Reads<K> {
            type Value = Is<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(K::EXPECTED)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Is<K>, D::Error> {
                let json = Json::deserialize(deserializer)?;
                K::read(&json).map(Is).ok_or_else(|| de::Error::invalid_value(Unexpected::Other("value"), &self))
            }
        }

        deserializer.deserialize_newtype_struct("Is", Reads(PhantomData))
    }
}

impl<K: Kind> Field<Is<K>> {
    /// What it became, if it is right.
    pub(super) fn get(self) -> Option<K::Value> {
        self.value.map(|value| value.0)
    }

    /// A value to write.
    pub(super) fn of(value: K::Value) -> Field<Is<K>> {
        Field::new(Is(value))
    }

    /// A value to write, if there is one.
    pub(super) fn maybe(value: Option<K::Value>) -> Field<Is<K>> {
        Field { value: value.map(Is), at: None }
    }
}

/// Kinds of values: what each becomes, what is expected, and how it is read and written.
macro_rules! kinds {
    ($($kind:ident: $value:ty, $expected:literal, |$json:ident| $read:expr, $write:expr;)*) => { $(
        pub(super) enum $kind {}

        impl Kind for $kind {
            type Value = $value;
            const EXPECTED: &'static str = $expected;

            fn read($json: &Json) -> Option<$value> {
                $read
            }

            fn write(value: &$value) -> Json {
                $write(value)
            }
        }
    )* };
}

kinds! {
    Address: SocketAddr, "an address (such as \"0.0.0.0:50050\")", |it| it.as_str()?.parse().ok(), text;
    AddressOrNone: Option<SocketAddr>, "an address (such as \"127.0.0.1:8080\"), or \"\" for none", |it| match it.as_str()? {
        "" => Some(None),
        address => address.parse().ok().map(Some),
    }, |address: &Option<SocketAddr>| Json::String(address.map(|address| address.to_string()).unwrap_or_default());
    MetersPlace: MetersSource, "an http:// or https:// address, or \"store\"", |it| match it.as_str()? {
        "store" => Some(MetersSource::Store),
        place => address(place, &["http", "https"]).map(MetersSource::Service),
    }, text;
    HttpsAddress: String, "an https:// address (such as \"https://transactions:5055\")",
        |it| address(it.as_str()?, &["https"]), text;
    CommunityName: String, "a name of 1 to 64 visible characters without space around it",
        |it| it.as_str().filter(|name| is_short_name(name)).map(str::to_owned), text;
    CallerName: String, "a name of 1 to 64 visible characters without space around it, other than \"rec-market\"",
        |it| it.as_str().filter(|name| is_short_name(name) && *name != SERVICE_ITSELF).map(str::to_owned), text;
    ViewerName: String,
        "a name of 1 to 64 visible characters without space around it, which neither is \"anyone on this machine\" nor \
         begins with \"link \"", |it| it.as_str().filter(|name| is_viewer_name(name)).map(str::to_owned), text;
    MemberName: MemberId, "a member's name", |it| it.as_str()?.parse().ok(), text;
    RoleName: Role, "\"manager\", \"board\" or \"member\"", |it| Role::of_name(it.as_str()?), text;
    ProxyText: String, "a name as the proxy writes it, of visible ASCII characters without commas or space around it",
        |it| it.as_str().filter(|name| is_header_text(name)).map(str::to_owned), text;
    HeaderName: String, "the name of a header that only the proxy sets (such as \"Remote-User\")",
        |it| it.as_str().filter(|name| is_own_header(name)).map(str::to_owned), text;
    DnsName: String, "the DNS name that its client certificate is for", |it| {
        let is_name = |name: &&str| matches!(ServerName::try_from(*name), Ok(ServerName::DnsName(_)));
        it.as_str().filter(is_name).map(str::to_owned)
    }, text;
    Length: Duration, "a length of time (such as \"15m\" or \"2s\")", |it| parse_duration(it.as_str()?), length;
    Delay: Duration, "a length of time (such as \"2m\" or \"0s\")", |it| parse_delay(it.as_str()?), length;
    ClaimLease: Duration, "a length of time up to \"168h\" (such as \"24h\")",
        |it| parse_duration(it.as_str()?).filter(|lease| *lease <= CLAIM_TERM_MAX), length;
    ReplicaLease: Duration, "a length of time from \"1s\" to \"1h\"", |it| {
        let range = Duration::from_secs(1)..=LEASE_TERM_MAX;
        parse_duration(it.as_str()?).filter(|lease| range.contains(lease))
    }, length;
    Interval: IntervalLength, "a whole number of seconds (from \"1m\" to \"1d\")", |it| {
        let length = parse_duration(&it.as_str()?.replace("1d", "24h"))?;
        let seconds = u32::try_from(length.as_secs()).ok().filter(|_| length.subsec_nanos() == 0)?;
        IntervalLength::from_seconds(seconds).ok()
    }, |interval: &IntervalLength| length(&Duration::from_secs(interval.seconds().into()));
    Start: Timestamp, "a time (RFC 3339, such as 2023-09-01T00:00:00Z)",
        |it| it.as_str().or_else(|| it.get(WRITTEN)?.as_str())?.parse().ok(), text;
    Day: Date, "a date (such as \"2024-05-01\")", |it| date(it), text;
    HolidayDates: DateSource, "a list of dates (such as [\"2026-12-25\"]) or the name of a file with a date a line",
        |it| match it {
            Json::Array(dates) => dates.iter().map(date).collect::<Option<_>>().map(DateSource::Dates),
            file => file.as_str().filter(|file| !file.is_empty()).map(|file| DateSource::File(file.to_owned())),
        }, |source: &DateSource| match source {
            DateSource::Dates(dates) => dates.iter().map(text).collect(),
            DateSource::File(file) => text(file),
        };
    RightName: Right, "\"read\", \"prices\", \"settle\", \"inspect\" or \"administer\"",
        |it| Right::deserialize(it).ok(), text;
    Network: IpNet, "an address, or a network with zeros behind its prefix (such as \"10.0.1.0/24\" or \"fd00::/64\")",
        |it| network(it.as_str()?), text;
    ModeName: Mode, "\"pull\" or \"push\"", |it| Mode::deserialize(it).ok(), json;
    OnFailureName: OnFailure, "\"hold\" or \"fallback\"", |it| OnFailure::deserialize(it).ok(), json;
    SeriesOfName: SeriesOf, "\"auto\", \"each\" or \"total\"", |it| SeriesOf::deserialize(it).ok(), json;
    BasisName: Basis, "\"net\" or \"gross\"", |it| match it.as_str()? {
        "net" => Some(Basis::Net),
        "gross" => Some(Basis::Gross),
        _ => None,
    }, |basis: &Basis| Json::from(match basis { Basis::Net => "net", Basis::Gross => "gross" });
    PriceRuleName: PriceRule, "\"bounded\" or \"free\"", |it| match it.as_str()? {
        "bounded" => Some(PriceRule::Bounded),
        "free" => Some(PriceRule::Free),
        _ => None,
    }, |rule: &PriceRule| Json::from(match rule { PriceRule::Bounded => "bounded", PriceRule::Free => "free" });
    UnlistedName: Unlisted, "\"join\" or \"ignore\"", |it| match it.as_str()? {
        "join" => Some(Unlisted::Join),
        "ignore" => Some(Unlisted::Ignore),
        _ => None,
    }, |unlisted: &Unlisted| Json::from(match unlisted { Unlisted::Join => "join", Unlisted::Ignore => "ignore" });
    Failures: u32, "a number of failures (0 for never)", |it| it.as_u64()?.try_into().ok(), number;
    MicroEur: Price, "a whole number of µEUR/kWh (0.1624 EUR/kWh is 162400)",
        |it| it.as_i64().map(Price::from_micro_eur), |price: &Price| number(&price.micro_eur());
    PowerMax: Power, "a power in whole watts above 0 (such as \"20kW\" or \"1MW\")",
        |it| it.as_str()?.parse().ok(), text;
    Share: u32, "a whole number of parts per million (0 to 1000000)",
        |it| it.as_u64()?.try_into().ok().filter(|share| *share <= SHARE_MAX), number;
    Rank: u32, "a whole number (0 comes first)", |it| it.as_u64()?.try_into().ok(), number;
    Fuel: u64, "a whole number above 0", |it| it.as_u64().filter(|fuel| *fuel > 0), number;
    Size: u64, "a size above 0 (such as \"256MiB\")",
        |it| it.as_str().map_or_else(|| it.as_u64().filter(|size| *size > 0), parse_bytes), number;
    Zone: TimeZone, "a time zone (such as \"Europe/Lisbon\")",
        |it| TimeZone::get(it.as_str()?).ok().filter(|zone| !zone.is_unknown() && zone.iana_name().is_some()),
        |zone: &TimeZone| text(&zone.iana_name().unwrap_or_default());
    DayNames: Days, "days (such as \"mon-fri\", \"sat,sun,holiday\" or [\"mon\", \"wed-fri\"])", |it| names(it)?.parse().ok(), text;
    MonthNames: Months, "months (such as \"jun-sep\", \"nov-feb\" or [\"jan\", \"jul-aug\"])", |it| names(it)?.parse().ok(), text;
    TimeOfDay: WallTime, "a time of the day (such as \"08:00\", from \"00:00\" to \"24:00\")",
        |it| it.as_str()?.parse().ok(), text;
    Setting: String, "a string, a number or a boolean", |it| match it {
        Json::String(text) => Some(text.clone()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Number(number) => number.as_i64().map(|number| number.to_string()),
        // A number with a fraction, but no time.
        other => other.get(WRITTEN)?.as_str().filter(|text| text.parse::<f64>().is_ok()).map(str::to_owned),
    }, text;
}

/// A date, as a text or as TOML's own.
fn date(json: &Json) -> Option<Date> {
    let text = json.as_str().or_else(|| json.get(WRITTEN)?.as_str())?;
    // Not the date of a time.
    text.parse().ok().filter(|date: &Date| date.to_string() == text)
}

/// Names in one text, or in a list.
fn names(json: &Json) -> Option<String> {
    match json {
        Json::Array(names) => Some(names.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?.join(",")),
        names => names.as_str().map(str::to_owned),
    }
}

fn is_short_name(text: &str) -> bool {
    text.chars().count() <= 64 && is_name(text)
}

fn is_viewer_name(text: &str) -> bool {
    is_short_name(text) && text != ANYONE_HERE && !text.starts_with(LINK_PREFIX)
}

/// Whether a header can hold a text, and a list with commas as well.
fn is_header_text(text: &str) -> bool {
    let is_visible = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',';
    is_name(text) && text.len() <= 256 && text.bytes().all(is_visible)
}

/// Whether a header may have this name (RFC 9110, 5.6.2) and means nothing else already.
fn is_own_header(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_taken = TAKEN_HEADERS.iter().any(|taken| name.eq_ignore_ascii_case(taken));
    (1..=64).contains(&name.len()) && name.bytes().all(is_token) && !is_taken
}

fn text(value: &impl ToString) -> Json {
    Json::String(value.to_string())
}

fn json(value: &impl Serialize) -> Json {
    // OK because a name can be written.
    serde_json::to_value(value).unwrap_or_default()
}

fn number<T: Copy + Into<Json>>(value: &T) -> Json {
    (*value).into()
}

/// An address of a server with one of these schemes.
fn address(text: &str, schemes: &[&str]) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    (schemes.contains(&uri.scheme_str()?) && uri.host().is_some()).then(|| text.to_owned())
}

/// Friendly, such as `15m` or `1m 30s`.
fn length(length: &Duration) -> Json {
    // OK because what was read from a text fits one: the default is never used.
    let length = SignedDuration::try_from(*length).unwrap_or(SignedDuration::MAX);
    Json::String(format!("{length:#}"))
}

/// Reads a length of time above zero, such as `15m`, `2s` or `500ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse_delay(text).filter(|duration| !duration.is_zero())
}

/// Reads a length of time that may be zero.
fn parse_delay(text: &str) -> Option<Duration> {
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

/// Reads a size above zero, such as `64MiB` or a plain number of bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text.get(digits.len()..)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?.parse().ok()?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_above_zero_and_have_units() {
        assert_eq!(parse_bytes("64MiB"), Some(64 << 20));
        assert_eq!(parse_bytes("2 GiB"), Some(2 << 30));
        assert_eq!(parse_bytes("100"), Some(100));
        for text in ["", "MiB", "0", "-1", "64MB", "1.5GiB", "18446744073709551615KiB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        assert_eq!(parse_duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        for text in ["", "15", "-5m", "0s", "soon"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
