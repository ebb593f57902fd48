//! The page of a community over a period.

use books::{Calendar, Period};
use domain::NamedParty;
use domain::text::printable;
use figures::community::{Order, Overview, Slot, Step, price_of};
use maud::Markup;
use pages::community::{Model, ROWS_MAX, page, shown};
use pages::place::{Form, Part, Place};
use serde_json::{Value, json};

use super::ask::{Ask, Refusal, Shown};
use super::guard;
use super::numbers::{account, figures, number};
use super::overview::Books;

/// Makes the page.
///
/// # Errors
/// If the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let config = ask.community()?;
    let books = Books::of(&*ask.parts.reader, &config.name, &config.zone, config.interval).await?;
    let newest = books.span.map_or(ask.now, |(_, end)| end.timestamp());
    let usual = || {
        // The end of the last interval may be the first instant of the next month.
        let within = newest.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(newest);
        Period::containing(within, Calendar::Month, &config.zone)
    };
    let period = ask.period()?.unwrap_or_else(usual);
    let order = match ask.query.get("sort") {
        None => Order::default(),
        Some(sort) => Order::parse(sort).ok_or_else(|| wrong("sort", sort, "a column, such as saved or -saved"))?,
    };
    let made = ask.parts.overviews.of(&books, &period).await?;
    let (overview, step) = (&made.0, made.1);
    let before = period.previous(&config.zone);
    let before = match before {
        Some(before) => Some((ask.parts.overviews.figures(&books, &before).await?, before)),
        None => None,
    };
    let model = Model {
        community: &config.name,
        period: &period,
        zone: &config.zone,
        books: books.span,
        overview,
        step,
        before: before.as_ref().map(|(figures, period)| (period, figures)).filter(|(_, figures)| !figures.is_empty()),
        expected: books.expected(&period),
        order,
        part: part(ask)?,
        opens_members: opens_members(ask, overview),
        opens_steps: opens_steps(ask, overview, step, config.interval.seconds()),
    };
    let title = format!("{}, {period}", printable(&config.name));
    let (mark, is_finished) = (books.span.map(|(_, mark)| mark), overview.days_without_details == 0);
    let shown = match ask.form {
        Form::Page => Shown::new(title, page(&ask.look, model), Value::Null),
        Form::Json => Shown::new(title, Markup::default(), to_json(model)),
    };
    Ok(shown.until_after(mark, is_finished))
}

/// Which part of a list is asked for, from 0.
///
/// # Errors
/// If that is no number.
pub(super) fn part(ask: &Ask) -> Result<usize, Refusal> {
    let Some(part) = ask.query.get("part") else { return Ok(0) };
    part.parse().map_err(|_| wrong("part", part, "a whole number"))
}

fn wrong(name: &'static str, value: &str, expected: &'static str) -> Refusal {
    Refusal::Wrong { name, value: value.to_owned(), expected }
}

fn opens_members(ask: &Ask, overview: &Overview) -> bool {
    let place = |member| Place::of(ask.place.community()?, Part::Member(member)).into();
    let first = overview.members.first().and_then(|(member, _)| place(member.clone()));
    first.is_some_and(|place: Place| guard::sight(&ask.viewer, &place).is_some())
}

/// Whether each step is an interval that the viewer may open.
fn opens_steps(ask: &Ask, overview: &Overview, step: Step, length: u32) -> bool {
    let is_interval = |slot: &Slot| slot.until.seconds().saturating_sub(slot.from.seconds()) == u64::from(length);
    let first = overview.slots.first().filter(|slot| step == Step::Interval && is_interval(slot));
    let place = first.and_then(|slot| Some(Place::of(ask.place.community()?, Part::Interval(slot.from))));
    place.is_some_and(|place| guard::sight(&ask.viewer, &place).is_some())
}

fn to_json(model: Model<'_>) -> Value {
    let overview = model.overview;
    let mut members: Vec<_> = overview.members.iter().collect();
    model.order.sort(&mut members);
    let from = model.part.saturating_mul(ROWS_MAX).min(members.len());
    let rows = members.iter().skip(from).take(ROWS_MAX).map(|(member, of)| {
        let mut row = account(of);
        row.insert("member".to_owned(), member.as_str().into());
        Value::Object(row)
    });
    let mut total = figures(&overview.figures);
    if let Some((member, _)) = overview.figures.worse_off.most.and_then(|(place, _)| overview.members.get(place)) {
        total["worst_member"] = member.as_str().into();
    }
    json!({
        "community": model.community,
        "zone": model.zone.iana_name().unwrap_or("UTC"),
        "period": model.period.to_string(),
        "from": model.period.from().to_string(),
        "until": model.period.until().map(|until| until.to_string()),
        "books_from": model.books.map(|(from, _)| from.to_string()),
        "settled_until": model.books.map(|(_, until)| until.to_string()),
        "expected_intervals": model.expected,
        "days_without_details": overview.days_without_details,
        "figures": total,
        "before": model.before.map(|(period, before)| json!({
            "period": period.to_string(),
            "figures": figures(before),
        })),
        "members_total": overview.members.len(),
        "members_from": from,
        "members": rows.collect::<Vec<_>>(),
        "steps": overview.slots.iter().map(step_json).collect::<Vec<_>>(),
        "hours": overview.hours.iter().map(|(hour, flows)| json!({
            "hour": hour.to_string(),
            "shared_wh": number(flows.shared),
            "to_grid_wh": number(flows.to_grid),
            "from_grid_wh": number(flows.from_grid),
        })).collect::<Vec<_>>(),
        "sales": sales(overview),
    })
}

fn step_json(slot: &Slot) -> Value {
    let flowed = slot.flowed.as_ref();
    let wh = |of: fn(&figures::community::Flows) -> u128| flowed.map(|flowed| number(of(&flowed.flows)));
    let prices = flowed.and_then(|flowed| flowed.prices);
    json!({
        "from": slot.from.to_string(),
        "until": slot.until.to_string(),
        "to_neighbours_wh": wh(|flows| flows.to_neighbours),
        "to_grid_wh": wh(|flows| flows.to_grid),
        "from_neighbours_wh": wh(|flows| flows.from_neighbours),
        "from_grid_wh": wh(|flows| flows.from_grid),
        "price_lowest": prices.map(|(lowest, _)| lowest.micro_eur()),
        "price_mean": flowed.and_then(|flowed| price_of(flowed.shared)).map(number),
        "price_highest": prices.map(|(_, highest)| highest.micro_eur()),
    })
}

/// Who sold to whom, as the page shows it: a party that is null stands for all that are not named.
fn sales(overview: &Overview) -> Value {
    let Some(shown) = overview.sales.as_ref().and_then(|sales| shown(sales).ok()) else { return Value::Null };
    let name = |party: &Option<NamedParty>| party.as_ref().map(|party| party.as_str().to_owned());
    let sale = |sale: &figures::community::Sale| {
        json!({
            "seller": name(&sale.seller),
            "buyer": name(&sale.buyer),
            "wh": number(sale.flow.wh),
            "neur": number(sale.flow.amount.nano_eur()),
        })
    };
    json!({ "others": shown.others, "flows": shown.sales.iter().map(sale).collect::<Vec<_>>() })
}
