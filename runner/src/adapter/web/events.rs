//! What people should know of, a page after the other.

use books::{EventFilter, EventPlace, Span, event_codes};
use domain::text::printable;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pages::events::{self as page, DAYS, Events, Filter};
use serde_json::json;
use words::fill;

use super::ask::{Ask, Refusal, Shown};
use super::compare::date;
use crate::event_json::EventJson;

/// Makes the page.
///
/// # Errors
/// If a parameter says something that cannot be, or the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let community = ask.community()?;
    let (name, zone) = (&community.name, &community.zone);
    let text = |key| ask.query.get(key).map(str::to_owned);
    let filter =
        Filter { code: text("code"), meter: text("meter"), from: text("from"), to: text("to"), after: text("after") };
    if let Some(code) = filter.code.as_deref().filter(|code| event_codes().all(|known| known != *code)) {
        let expected = "gap, missing, late, fell, …";
        return Err(Refusal::Wrong { name: "code", value: code.to_owned(), expected });
    }
    let wanted = EventFilter {
        span: Span { from: date(&ask.query, "from", zone)?, to: date(&ask.query, "to", zone)? },
        code: filter.code.clone(),
        subject: filter.meter.clone(),
    };
    let after = filter.after.as_deref().map(place).transpose()?;
    // One more says whether there is another page.
    let mut events = ask.parts.reader.events(name, &wanted, after.as_ref(), page::PAGE + 1).await?;
    let has_more = events.len() > page::PAGE;
    events.truncate(page::PAGE);
    let next = events.last().filter(|_| has_more).map(|last| token(&last.place));
    let latest = DAYS.map(|days| days_ago(ask.now, zone, days));
    let latest = [latest[0].as_str(), latest[1].as_str()];
    let model = Events { community: name, zone, filter: &filter, latest, events: &events, next: next.as_deref() };
    let body = page::body(&ask.look, &model);
    let json = json!({
        "community": name,
        "events": events.iter().map(|listed| EventJson::new(name, listed)).collect::<Vec<_>>(),
        "next": next,
    });
    let title = fill(ask.look.texts().events.title, &[("community", &printable(name))]);
    Ok(Shown::new(title, body, json))
}

/// The date so many days ago.
fn days_ago(now: Timestamp, zone: &TimeZone, days: u32) -> String {
    let today = zone.to_datetime(now).date();
    today.checked_sub(i64::from(days).days()).unwrap_or(today).to_string()
}

/// A place in the list as a part of an address: when, the number, and the meter if there is one.
fn token(EventPlace { at, meter, number }: &EventPlace) -> String {
    match meter {
        None => format!("{at}.{number}"),
        Some(meter) => format!("{at}.{number}.{meter}"),
    }
}

fn place(token: &str) -> Result<EventPlace, Refusal> {
    let wrong = || Refusal::Wrong { name: "after", value: token.to_owned(), expected: "1714731300.0" };
    let mut parts = token.splitn(3, '.');
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or_else(wrong);
    let (at, number) = (number()?, number()?);
    let meter = parts.next().map(str::parse).transpose().map_err(|_| wrong())?;
    // What no store can look for.
    if [at, number].iter().any(|part| i64::try_from(*part).is_err()) {
        return Err(wrong());
    }
    Ok(EventPlace { at, meter, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_read_back() {
        for meter in [None, Some("m.1"), Some("a/b c")] {
            let there = EventPlace { at: 1_714_731_300, meter: meter.map(|meter| meter.parse().unwrap()), number: 7 };
            assert_eq!(place(&token(&there)).unwrap(), there);
        }
        for wrong in ["", "1", "1.", ".1", "1.x", "-1.0", "1.0.", "99999999999999999999.0", "18446744073709551615.0"] {
            assert!(matches!(place(wrong), Err(Refusal::Wrong { name: "after", .. })), "{wrong}");
        }
    }
}
