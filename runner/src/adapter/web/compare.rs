//! Differences between rules: backtests, which are started and cancelled here, and the candidate.

use axum::http::StatusCode;
use books::{ActivationLog, KeptBacktest, Period, Span};
use domain::text::{printable, shell_word};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pages::Repeat;
use pages::candidate::Candidate;
use pages::compare::{self as page, Choice, Compare, Now};
use serde_json::{Value, json};
use words::fill;

use super::ask::{Ask, Refusal, Shown};
use super::guard;
use super::query::Query;
use crate::algorithms::registry::{Shadowed, shadowed};
use crate::backtest::background::{Backtests, Canceller, Cancelling, Ended, Refused, Running, Wanted, Why};
use crate::backtest::json::BacktestJson;
use crate::backtest::kept::{self, Finished};
use crate::config::Role;
use crate::listed;

/// After how many seconds a page about a backtest that runs loads itself again.
const REFRESH: u32 = 2;
/// Uploaded algorithms that the form lists at most; any other can be typed.
const UPLOADS_LISTED: usize = 50;

/// What became of a form that was sent.
pub enum Posted {
    Done,
    Refused { status: StatusCode, title: &'static str, text: String },
}

/// Makes the page.
///
/// # Errors
/// If there is no such result, or the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let (community, parts) = (ask.community()?, &ask.parts);
    let (name, reader) = (&community.name, &parts.reader);
    let kept = reader.backtests(name).await?;
    let chosen = match ask.query.get(page::RESULT) {
        Some(number) => {
            let found = kept.iter().find(|kept| kept.number.to_string() == number);
            Some(found.ok_or(Refusal::NotFound)?)
        }
        None => kept.first(),
    };
    let result = match chosen {
        Some(chosen) => Some((chosen, unpacked(ask, chosen).await?)),
        None => None,
    };
    let repeat = result.as_ref().and_then(|(_, finished)| Some(repeat(ask, finished.as_ref()?)));
    let shown = match (&result, &repeat) {
        (Some((kept, Some(finished))), Some(repeat)) => {
            Some(Ok(page::Shown { kept, backtest: &finished.backtest, repeat }))
        }
        (Some((kept, _)), _) => Some(Err(*kept)),
        (None, _) => None,
    };
    let log = ActivationLog::of(&reader.decisions(name).await?);
    let shadowed = shadowed(&**reader, name, &log).await?;
    let running = parts.backtests.running();
    let now = now(ask, name, running.as_ref());
    let ended = parts.backtests.ended(name);
    let notice = ended.as_ref().map(|ended| notice(ask, &community.zone, ended));
    let model = Compare {
        community: name,
        zone: &community.zone,
        choices: &choices(ask).await?,
        baselines: Backtests::baselines(),
        now: &now,
        notice: notice.as_deref(),
        kept: &kept,
        shown,
        candidate: shadowed.as_ref().map(candidate),
    };
    let backtest = result.as_ref().and_then(|(_, finished)| finished.as_ref());
    let json = json!({
        "community": name,
        "running": running.as_ref().filter(|running| running.community == *name).map(running_json),
        "ended": notice,
        "results": kept.iter().map(head_json).collect::<Vec<_>>(),
        "shown": chosen.map(|kept| kept.number),
        "result": backtest.map(result_json).transpose()?,
        "candidate": shadowed.clone().map(|shadowed| listed::json::shadow(&listed::shadow_report(name, shadowed))),
    });
    let title = fill(ask.look.texts().compare.title, &[("community", &printable(name))]);
    let refresh = matches!(now, Now::Here { .. }).then_some(REFRESH);
    Ok(Shown { refresh, ..Shown::new(title, page::body(&ask.look, &model), json) })
}

/// The candidate as pages show it.
pub fn candidate(shadowed: &Shadowed) -> Candidate<'_> {
    let Shadowed { shadow, is_running, until, settled_until, totals } = shadowed;
    Candidate { shadow, is_running: *is_running, until: *until, settled_until: *settled_until, totals }
}

/// A result that is kept, with the baseline that was asked for; `None` if it cannot be read.
async fn unpacked(ask: &Ask, chosen: &KeptBacktest) -> Result<Option<Finished>, Refusal> {
    let community = &ask.community()?.name;
    let bytes = ask.parts.reader.backtest(community, chosen.number).await?.ok_or(Refusal::NotFound)?;
    let unpacked = tokio::task::spawn_blocking(move || kept::unpack(&bytes)).await;
    let mut finished = match unpacked.map_err(|error| Refusal::Failed(error.to_string()))? {
        Ok(finished) => finished,
        Err(error) => {
            tracing::warn!(code = "web", community, number = chosen.number, "a backtest cannot be shown: {error}");
            return Ok(None);
        }
    };
    if let Some(label) = ask.query.get(page::BASELINE) {
        let variants = &finished.backtest.variants;
        let place = variants.iter().position(|variant| variant.named.label == label);
        finished.backtest.baseline = place.ok_or(Refusal::NotFound)?;
    }
    Ok(Some(finished))
}

fn result_json(finished: &Finished) -> Result<Value, Refusal> {
    let json = BacktestJson::of(&finished.backtest).map_err(|error| Refusal::Failed(error.to_string()))?;
    serde_json::to_value(json).map_err(|error| Refusal::Failed(error.to_string()))
}

/// The command that makes the same result.
fn repeat(ask: &Ask, Finished { backtest, asked, program }: &Finished) -> Repeat {
    let time = |second: u64| {
        let at = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
        at.map(|at| at.to_string())
    };
    let mut words = vec!["rec-market".to_owned(), "backtest".to_owned()];
    words.extend(["--config".to_owned(), ask.parts.config_path.clone()]);
    words.extend(["--community".to_owned(), backtest.community.clone()]);
    for (name, second) in [("--from", asked.from), ("--to", asked.to)] {
        words.extend(second.and_then(time).into_iter().flat_map(|time| [name.to_owned(), time]));
    }
    words.push("--with".to_owned());
    let rules = backtest.variants.iter().filter(|variant| variant.named.kind == figures::backtest::Kind::Rule);
    words.extend(rules.map(|variant| variant.named.label.clone()));
    let command = words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
    Repeat { command, program: program.clone() }
}

fn now(ask: &Ask, community: &str, running: Option<&Running>) -> Now {
    match running {
        None => Now::Nothing,
        Some(running) if running.community == community => Now::Here {
            by: running.by.clone(),
            since: running.since,
            rules: running.rules.clone(),
            done: running.done,
            of: running.of,
            may_cancel: ask.viewer.role == Role::Manager || running.by == ask.viewer.name,
        },
        Some(_) => Now::Elsewhere,
    }
}

/// The algorithms that can be tried: those of the program, then uploads, newest first.
async fn choices(ask: &Ask) -> Result<Vec<Choice>, Refusal> {
    let own =
        base::BASE.iter().map(|base| Choice { name: base.name.to_owned(), summary: String::new(), uploaded: None });
    let uploads = ask.parts.reader.versions().await?;
    let uploads = uploads.into_iter().rev().take(UPLOADS_LISTED).map(|version| Choice {
        name: version.label.to_string(),
        summary: version.summary,
        uploaded: Some(version.label.digest),
    });
    Ok(own.chain(uploads).collect())
}

/// What became of the last backtest, in a sentence.
fn notice(ask: &Ask, zone: &TimeZone, Ended { by, at, rules, why }: &Ended) -> String {
    let said = &ask.look.texts().compare;
    let (by, rules) = (printable(by), listed_rules(rules));
    let time = ask.look.language.moment(zone.to_datetime(*at));
    let (name, reason) = match why {
        Why::Cancelled(name) => (printable(name), "".into()),
        Why::Failed(reason) => ("".into(), printable(reason)),
        Why::Late | Why::Machine => ("".into(), "".into()),
    };
    let sentence = match why {
        Why::Cancelled(_) => said.ended_cancelled,
        Why::Late => said.ended_late,
        Why::Failed(_) => said.ended_failed,
        Why::Machine => said.ended_machine,
    };
    fill(sentence, &[("by", &by), ("name", &name), ("time", &time), ("reason", &reason), ("rules", &rules)])
}

fn listed_rules(rules: &[String]) -> String {
    rules.iter().map(|rule| printable(rule)).collect::<Vec<_>>().join("; ")
}

fn running_json(running: &Running) -> Value {
    json!({
        "by": running.by,
        "since": running.since.to_string(),
        "rules": running.rules,
        "done": running.done,
        "of": running.of,
    })
}

fn head_json(KeptBacktest { number, head }: &KeptBacktest) -> Value {
    json!({
        "number": number,
        "finished": head.at.to_string(),
        "by": head.by,
        "from": head.span.map(|(from, _)| from.to_string()),
        "until": head.span.map(|(_, until)| until.to_string()),
        "rules": head.rules,
    })
}

/// Carries out what a form asks for. Who may open the page may start a backtest.
///
/// # Errors
/// If the form says something that cannot be, or the store cannot be read.
pub async fn posted(ask: &Ask, fields: &Query) -> Result<Posted, Refusal> {
    match fields.get(page::DO) {
        Some(page::START) => start(ask, fields).await,
        Some(page::CANCEL) => cancel(ask),
        other => Err(Refusal::Wrong {
            name: page::DO,
            value: other.unwrap_or_default().to_owned(),
            expected: "start | cancel",
        }),
    }
}

async fn start(ask: &Ask, fields: &Query) -> Result<Posted, Refusal> {
    let community = ask.community()?;
    let said = &ask.look.texts().compare;
    let mut rules: Vec<String> = Vec::new();
    let typed = fields.all(page::MORE).flat_map(str::lines).map(str::trim).filter(|rule| !rule.is_empty());
    for rule in fields.all(page::WITH).chain(typed) {
        if rules.iter().all(|known| known != rule) {
            rules.push(rule.to_owned());
        }
    }
    let refused = |status, text| Posted::Refused { status, title: said.not_started_title, text };
    if rules.is_empty() {
        return Ok(refused(StatusCode::BAD_REQUEST, said.no_rule.to_owned()));
    }
    let wanted = Wanted {
        community: community.name.clone(),
        by: ask.viewer.name.clone(),
        rules,
        span: span(fields, &community.zone)?,
        baseline: fields.get(page::BASELINE).map(str::to_owned),
    };
    Ok(match ask.parts.backtests.start(wanted).await {
        Ok(()) => Posted::Done,
        Err(Refused::Store(error)) => return Err(error.into()),
        Err(Refused::Busy(running)) => refused(StatusCode::CONFLICT, busy(ask, &community.zone, &running)),
        Err(error @ (Refused::Invalid(_) | Refused::Rule(_) | Refused::TooMuch(_))) => {
            refused(StatusCode::BAD_REQUEST, printable(&error.to_string()).into_owned())
        }
    })
}

/// Who runs what, as far as the viewer may know.
fn busy(ask: &Ask, zone: &TimeZone, running: &Running) -> String {
    let said = &ask.look.texts().compare;
    let place = pages::place::Place::of(&*running.community, pages::place::Part::Compare);
    if guard::sight(&ask.viewer, &place).is_none() {
        return format!("{} {}", said.elsewhere, said.one_at_a_time);
    }
    let time = ask.look.language.moment(zone.to_datetime(running.since));
    let rules = format!("{}: {}", printable(&running.community), listed_rules(&running.rules));
    fill(said.busy, &[("name", &printable(&running.by)), ("time", &time), ("rules", &rules)])
}

fn cancel(ask: &Ask) -> Result<Posted, Refusal> {
    let community = ask.community()?;
    let said = &ask.look.texts().compare;
    let backtests = &ask.parts.backtests;
    let by = backtests.running().map(|running| running.by).unwrap_or_default();
    let canceller = Canceller { name: &ask.viewer.name, any: ask.viewer.role == Role::Manager };
    let refused = |status, text| Posted::Refused { status, title: said.not_cancelled_title, text };
    Ok(match backtests.cancel(&community.name, canceller) {
        Cancelling::Ends => Posted::Done,
        Cancelling::Nothing => refused(StatusCode::CONFLICT, said.nothing_runs.to_owned()),
        Cancelling::NotYours => refused(StatusCode::FORBIDDEN, fill(said.not_yours, &[("name", &printable(&by))])),
    })
}

/// The span that a form asks for: a period, or from one date to another.
fn span(fields: &Query, zone: &TimeZone) -> Result<Span, Refusal> {
    if let Some(name) = fields.get("period") {
        let expected = "2024-05-03 | 2024-W18 | 2024-05 | 2024";
        let wrong = || Refusal::Wrong { name: "period", value: name.to_owned(), expected };
        let period = Period::parse(name, zone).ok_or_else(wrong)?;
        return Ok(Span { from: Some(second(period.from())), to: period.until().map(second) });
    }
    Ok(Span { from: date(fields, "from", zone)?, to: date(fields, "to", zone)? })
}

/// The first second of a day that a query or form names.
///
/// # Errors
/// If it names none.
pub fn date(fields: &Query, name: &'static str, zone: &TimeZone) -> Result<Option<u64>, Refusal> {
    let Some(text) = fields.get(name) else { return Ok(None) };
    let wrong = || Refusal::Wrong { name, value: text.to_owned(), expected: "2024-05-03" };
    let day: Date = text.parse().map_err(|_| wrong())?;
    let start = zone.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| wrong())?;
    Ok(Some(second(start)))
}

fn second(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}
