//! The statement of a member in a browser: any period, with every step of it, what the community had together as far as the
//! member may see it, and files to keep.

use books::statement::Account;
use books::{Calendar, Period};
use domain::Boundary;
use domain::text::printable;
use figures::statement::{Common, MemberStatement, NEIGHBOURS_MIN, bought_at, sold_at};
use figures::together::{Seen, Together, Withheld};
use jiff::Timestamp;
use maud::{Markup, html};
use words::{Language, NONE, fill};

use crate::Repeat;
use crate::look::Look;
use crate::picker::{Picked, picker};
use crate::place::{Part, Place};
use crate::statement::{Bars, Heading, Span, bars, days, prices, quality, subtitle, tile, tiles, typical_day};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Model<'m> {
    /// Between which instants the community has data; `None` without any.
    pub data: Option<(Timestamp, Timestamp)>,
    /// What the statements of the community have in common.
    pub common: Common,
    /// The member's statement over the period.
    pub statement: MemberStatement,
    /// The steps of the period: intervals of a day, days of a week or a month, months of a year. Empty if nothing is settled.
    pub steps: Vec<Step>,
    /// Whether files of all intervals can be had; not of so many that it would take too long.
    pub files: bool,
    /// Of how many days there are sums.
    pub days: u64,
    /// What the community had together; `None` if nothing is settled.
    pub together: Option<Seen>,
    /// How the numbers are made again; `None` for those who cannot do that.
    pub repeat: Option<&'m Repeat>,
}

/// One step of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was.
    pub when: When,
    /// What was traded; `None` if nothing was settled.
    pub account: Option<Account>,
}

/// When a step was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// In the interval with this start.
    Interval(Boundary),
    /// In a gap that began then, and is settled in this period.
    Gap(Boundary),
    /// On a day, or in a month.
    Period(Period),
}

/// The page, without its frame.
pub fn body(look: &Look, place: &Place, heading: Heading<'_>, period: &Period, model: &Model<'_>) -> Markup {
    let Heading { zone, language, .. } = heading;
    let Model { data, common, statement, .. } = model;
    let texts = language.texts();
    html! {
        (picker(look, place, Picked { period, zone, data: *data }))
        h1 { (printable(statement.member.as_str())) }
        (subtitle(heading, common.span))
        @if model.steps.is_empty() {
            p { (fill(texts.member.nothing, &[("member", &printable(statement.member.as_str()))])) }
            (crate::chart::nothing_in(language, texts.statement.taken_days))
        } @else {
            (tiles(language, statement))
            div class="plots" { (plots(heading, period, model)) }
            (prices(language, statement))
            @if let Some(seen) = &model.together { (together(language, seen)) }
            (data_line(heading, model))
            (steps(look, heading, period, model))
            @if model.files { (files(look, place, period)) } @else { p class="files" { (texts.member.files_elsewhere) } }
            @if let Some(repeat) = model.repeat {
                p class="note" { (texts.statement.again) " " code { (printable(&repeat.command)) } " (" (repeat.program) ")." }
            }
        }
    }
}

fn plots(heading: Heading<'_>, period: &Period, model: &Model<'_>) -> Markup {
    let (language, statement) = (heading.language, &model.statement);
    match period.calendar() {
        Calendar::Week | Calendar::Month if statement.detail.is_some() => html! {
            (days(heading, statement))
            (typical_day(heading, statement))
        },
        _ => bars(language, &bars_of(heading, period, &model.steps)),
    }
}

/// The steps as bars. Gaps are of other days and hours.
fn bars_of(heading: Heading<'_>, period: &Period, steps: &[Step]) -> Bars {
    let language = heading.language;
    let count = steps.len();
    let bar = |(place, step): (usize, &Step)| {
        let (name, label) = match &step.when {
            When::Gap(_) => return None,
            When::Interval(start) => {
                let at = heading.zone.to_datetime(start.timestamp());
                let is_labelled = at.minute() == 0 && at.hour() % 3 == 0;
                (clock(heading, *start), is_labelled.then(|| format!("{}:00", at.hour())))
            }
            When::Period(month) if period.calendar() == Calendar::Year => {
                (language.month(month.first()), Some(language.short_month(month.first()).to_owned()))
            }
            When::Period(day) => {
                let is_labelled = place.is_multiple_of(count.div_ceil(6).max(1));
                (language.date(day.first()), is_labelled.then(|| language.day(day.first())))
            }
        };
        Some((name, label, step.account))
    };
    let span = match period.calendar() {
        Calendar::Day => Span::Interval,
        Calendar::Week | Calendar::Month => Span::Day,
        Calendar::Year => Span::Month,
    };
    Bars { span, steps: steps.iter().enumerate().filter_map(bar).collect() }
}

/// The time on the clock, with its offset from UTC where the clock shows it twice.
fn clock(heading: Heading<'_>, at: Boundary) -> String {
    let shown = heading.zone.to_datetime(at.timestamp());
    let time = heading.language.time(shown.time());
    if heading.zone.to_ambiguous_timestamp(shown).is_ambiguous() {
        let offset = heading.zone.to_offset(at.timestamp()).seconds() / 60;
        let sign = if offset < 0 { '−' } else { '+' };
        return format!("{time} (UTC{sign}{:02}:{:02})", offset.abs() / 60, offset.abs() % 60);
    }
    time
}

/// What the community had together, or why that is not shown.
fn together(language: Language, seen: &Seen) -> Markup {
    let texts = &language.texts().member;
    html! {
        h2 { (texts.together) }
        @match seen {
            Ok(total) => (totals(language, total)),
            Err(why) => p class="note" {
                (texts.withheld) " " (reason(language, *why)) " " (texts.months_are_shown)
            },
        }
    }
}

fn totals(language: Language, total: &Together) -> Markup {
    let texts = &language.texts().member;
    let rate = |ppm: Option<u128>| language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let whole = |text: &str, wh: u128| fill(text, &[("whole", &language.kwh_of_sum(wh))]);
    let shared = format!("{}\u{a0}kWh", language.kwh_of_sum(total.shared_wh));
    let (cover, used) = (whole(texts.cover_more, total.bought_wh), whole(texts.use_more, total.sold_wh));
    html! {
        div class="tiles" {
            (tile(language, texts.shared, &shared, texts.shared_more, texts.shared_formula))
            (tile(language, texts.cover, &rate(total.cover_ppm()), &cover, texts.cover_formula))
            (tile(language, texts.use_rate, &rate(total.use_ppm()), &used, texts.use_formula))
        }
    }
}

fn reason(language: Language, why: Withheld) -> String {
    let texts = &language.texts().member;
    match why {
        Withheld::Few(count) => {
            let text = language.counted(texts.few, u64::try_from(count).unwrap_or(u64::MAX));
            fill(text, &[("count", &count), ("least", &NEIGHBOURS_MIN)])
        }
        Withheld::Dominated => texts.dominated.to_owned(),
        Withheld::GivesAway => texts.gives_away.to_owned(),
    }
}

/// How good the data is, whose days they are, and the digest, if somebody read the intervals.
fn data_line(heading: Heading<'_>, model: &Model<'_>) -> Markup {
    let language = heading.language;
    let texts = language.texts();
    let zone = fill(texts.statement.zone, &[("zone", &heading.zone_name())]);
    match &model.statement.detail {
        Some(_) => html! {
            (quality(language, &model.common, &model.statement))
            p class="note" { (zone) " " (texts.statement.digest) " " code { (model.common.digest) } "." }
        },
        None => {
            let count = [("count", &language.whole(model.days) as &dyn std::fmt::Display)];
            html! { p class="note" { (fill(language.counted(texts.member.from_sums, model.days), &count)) " " (zone) } }
        }
    }
}

/// Every step with its numbers and their sum. Each leads to a page of its own.
fn steps(look: &Look, heading: Heading<'_>, period: &Period, model: &Model<'_>) -> Markup {
    let language = heading.language;
    let (own, texts) = (&language.texts().member, &language.texts().statement);
    let (title, head) = match period.calendar() {
        Calendar::Day => (own.intervals, texts.interval),
        Calendar::Week | Calendar::Month => (own.days, texts.day),
        Calendar::Year => (own.months, texts.month),
    };
    let cells = |account: Option<&Account>| {
        let flows =
            |account: &Account| [account.bought_local, account.bought_grid, account.sold_local, account.sold_grid];
        let cells: [String; 7] = match account {
            None => [NONE; 7].map(str::to_owned),
            Some(account) => {
                let [a, b, c, d] = flows(account).map(|flow| language.kwh_of_sum(flow.wh));
                let [bought, sold] = [bought_at(account), sold_at(account)].map(|price| language.cents_per_kwh(price));
                [a, b, c, d, bought, sold, language.eur_in_column(account.paid())]
            }
        };
        html! { @for cell in cells { td { (cell) } } }
    };
    let unit = |name: &str| format!("{name}, kWh");
    html! {
        details class="steps" {
            summary { (title) }
            @if period.calendar() == Calendar::Day { p class="note" { (own.why) } }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (head) }
                            @for name in [texts.from_neighbours, texts.from_grid, texts.to_neighbours, texts.to_grid] {
                                th scope="col" { (unit(name)) }
                            }
                            @for name in [own.bought_at, own.sold_at, own.paid] { th scope="col" { (name) } }
                        }
                    }
                    tbody {
                        @for step in &model.steps {
                            tr { th scope="row" { (named(look, heading, &model.statement, step)) } (cells(step.account.as_ref())) }
                        }
                    }
                    tfoot { tr { th scope="row" { (own.sum) } (cells(Some(&model.statement.account))) } }
                }
            }
        }
    }
}

/// When a step was, and the way to its own page.
fn named(look: &Look, heading: Heading<'_>, statement: &MemberStatement, step: &Step) -> Markup {
    let (language, community) = (heading.language, heading.community);
    let member = || Place::of(community, Part::Member(statement.member.clone()));
    match &step.when {
        When::Interval(start) => {
            let name = clock(heading, *start);
            match step.account {
                Some(_) => html! { a href=(look.href(&Place::of(community, Part::Interval(*start)), &[])) { (name) } },
                None => html! { (name) },
            }
        }
        When::Gap(since) => html! {
            (fill(language.texts().member.gap_since, &[("moment", &heading.moment(*since))]))
        },
        When::Period(period) => {
            let name = match period.calendar() {
                Calendar::Month => language.month(period.first()),
                _ => format!("{} {}", language.weekday(period.first()), language.date(period.first())),
            };
            html! { a href=(look.href(&member(), &[("period", &period.to_string())])) { (name) } }
        }
    }
}

/// Files of the period's intervals to keep.
fn files(look: &Look, place: &Place, period: &Period) -> Markup {
    let texts = &look.texts().member;
    let href = |format: &str| look.href(place, &[("period", &period.to_string()), ("format", format)]);
    html! {
        p class="files" {
            (texts.download) " "
            a href=(href("csv")) download { (texts.csv) } ", "
            a href=(href("json")) download { (texts.json) }
        }
    }
}
