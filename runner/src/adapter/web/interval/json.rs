//! The same numbers for programs, with the keys of `algorithm explain --json` and `trades --json`. Energy in Wh, prices in
//! µEUR/kWh, money in nEUR.

use std::fmt::Display;

use books::statement::{Account, Flow};
use books::{GapTrade, StoredInterval, StoredTrade};
use domain::trade::State;
use domain::{Amount, MemberId};
use explain::{Agreement, Cell, Line, Market, MarketPrice, Side, Table};
use figures::crowd::Step;
use figures::interval::Totals;
use pages::Repeat;
use pages::interval::{Heading, Missing, Own, Rule, Told};
use pages::look::Look;
use serde_json::{Map, Value, json};

/// Everything.
pub(super) fn all(
    look: &Look,
    heading: &Heading<'_>,
    stored: &StoredInterval,
    missing: &[Missing],
    told: Option<Told<'_>>,
    repeat: &Repeat,
) -> Value {
    let mut object = head(look, heading, told.map(|told| told.rule), true);
    if let Some(provenance) = &stored.provenance {
        object.insert("engine".into(), json!(provenance.engine));
        object.insert("fuel".into(), json!(provenance.fuel));
    }
    let digest = |digest: &Option<domain::Digest>| digest.map(|digest| digest.to_string());
    object.insert("round_digest".into(), json!(digest(&stored.round_digest)));
    object.insert("trades_digest".into(), json!(digest(&stored.trades_digest)));
    if let Some(Told { explanation, totals, .. }) = told {
        let (agrees, differences) = match &explanation.agreement {
            Agreement::Exact => (Some(true), &[][..]),
            Agreement::Differs(differences) => (Some(false), differences.as_slice()),
            Agreement::Unknown => (None, &[][..]),
        };
        object.extend(totals.into_iter().flat_map(sums));
        object.insert("steps".into(), steps(&explanation.steps));
        object.insert("agrees".into(), json!(agrees));
        object.insert("differences".into(), json!(differences));
        object.insert("market".into(), market(look, stored, &explanation.market));
    }
    object.insert("trades".into(), stored.trades.iter().map(|it| trade(heading.community, it)).collect());
    object.insert("gaps".into(), stored.gaps.iter().map(gap).collect());
    object.insert("missing".into(), missing.iter().map(missing_meter).collect());
    let event =
        |event: &books::StoredEvent| json!({ "code": event.code, "subject": event.subject, "message": event.message });
    object.insert("events".into(), stored.events.iter().map(event).collect());
    object.insert("replay".into(), json!(repeat.command));
    Value::Object(object)
}

/// What a round comes to.
fn sums(totals: &Totals) -> [(String, Value); 9] {
    [
        ("fed_in", whole(totals.fed_in_wh)),
        ("needed", whole(totals.needed_wh)),
        ("shared", whole(totals.shared.wh)),
        ("shared_amount", amount(totals.shared.amount)),
        ("operator", amount(totals.operator)),
        ("use_ppm", totals.use_ppm().map_or(Value::Null, whole)),
        ("cover_ppm", totals.cover_ppm().map_or(Value::Null, whole)),
        ("lowest_price", json!(totals.prices.map(|prices| prices.0))),
        ("highest_price", json!(totals.prices.map(|prices| prices.1))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// One member's part.
pub(super) fn own(look: &Look, heading: &Heading<'_>, member: &MemberId, own: &Own<'_>) -> Value {
    let mut object = head(look, heading, own.rule, false);
    object.insert("member".into(), json!(member.as_str()));
    object.insert("prices".into(), own.prices.iter().map(price).collect());
    let sees_offered = own.curves.is_some();
    object.insert("share".into(), json!(own.line.map(|line| line.share)));
    object.insert("rank".into(), json!(own.line.map(|line| line.rank)));
    let side_of = |of: fn(&Line) -> Option<Side>| own.line.and_then(of).map(|it| side(look, &it, sees_offered));
    object.insert("sells".into(), json!(side_of(|line| line.sells)));
    object.insert("buys".into(), json!(side_of(|line| line.buys)));
    object.insert("account".into(), own.account.map_or(Value::Null, account));
    let curve = |steps: &[Step]| -> Value {
        steps.iter().map(|step| json!({ "price": step.price, "energy": whole(step.energy) })).collect()
    };
    let curves = own.curves.map(|curves| json!({ "offers": curve(&curves.offers), "bids": curve(&curves.bids) }));
    object.insert("neighbours".into(), json!(curves));
    object.insert("gaps".into(), own.gaps.iter().map(|it| gap(it)).collect());
    Value::Object(object)
}

/// What both views begin with.
fn head(look: &Look, heading: &Heading<'_>, rule: Option<&Rule<'_>>, sees_reason: bool) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("community".into(), json!(heading.community));
    object.insert("start".into(), json!(heading.interval.start().to_string()));
    object.insert("end".into(), json!(heading.interval.end().to_string()));
    object.insert("earlier".into(), json!(heading.earlier.map(|start| start.to_string())));
    object.insert("later".into(), json!(heading.later.map(|start| start.to_string())));
    object.insert("language".into(), json!(look.language.code()));
    object.insert("algorithm".into(), json!(rule.map(|rule| rule.name)));
    object.insert("version".into(), json!(rule.map(|rule| rule.version)));
    object.insert("sha256".into(), json!(rule.map(|rule| rule.component.to_string())));
    object.insert("summary".into(), json!(rule.and_then(|rule| rule.summary.as_deref())));
    object.insert("is_fallback".into(), json!(rule.map(|rule| rule.fallback.is_some())));
    if sees_reason {
        object.insert("fallback_reason".into(), json!(rule.and_then(|rule| rule.fallback)));
    }
    object
}

fn market(look: &Look, stored: &StoredInterval, market: &Market) -> Value {
    let name = |member: u32| {
        let position = stored.round.as_ref().and_then(|round| round.position(member));
        position.map(|position| position.member.as_str())
    };
    let blocks = |blocks: &[explain::Block]| -> Value {
        let block = |block: &explain::Block| {
            json!({
                "member": name(block.member), "price": block.price, "energy": block.energy, "traded": block.traded,
            })
        };
        blocks.iter().map(block).collect()
    };
    let line = |line: &Line| {
        json!({
            "member": name(line.member),
            "share": line.share,
            "rank": line.rank,
            "sells": line.sells.map(|it| side(look, &it, true)),
            "buys": line.buys.map(|it| side(look, &it, true)),
        })
    };
    json!({
        "looks_at_limits": market.looks_at_limits,
        "prices": market.prices.iter().map(price).collect::<Value>(),
        "offers": blocks(&market.offers),
        "bids": blocks(&market.bids),
        "members": market.members.iter().map(line).collect::<Value>(),
    })
}

fn price(price: &MarketPrice) -> Value {
    json!({ "of": price.of.code(), "price": price.micro_eur })
}

fn side(look: &Look, side: &Side, sees_offered: bool) -> Value {
    let offered = side.offered.filter(|_| sees_offered);
    json!({
        "energy": side.energy,
        "traded": side.traded,
        "limit": side.limit,
        "offered": offered.map(whole),
        "gave_back": offered.and(side.gave_back()).map(whole),
        "reason": side.reason.code(),
        "why": side.why(look.language),
    })
}

/// A trade, as `trades --json` has it.
fn trade(community: &str, trade: &StoredTrade) -> Value {
    json!({
        "id": trade.id.to_string(),
        "community": community,
        "start": trade.interval.start().to_string(),
        "seller": trade.seller.to_string(),
        "buyer": trade.buyer.to_string(),
        "energy": trade.energy.wh(),
        "price": trade.price.micro_eur(),
        "amount": amount(Amount::of(trade.energy, trade.price)),
        "state": trade.state.map(State::as_str),
        "message": trade.message,
    })
}

fn gap(gap: &GapTrade) -> Value {
    json!({
        "member": gap.member.as_str(),
        "since": gap.since.to_string(),
        "surplus": gap.surplus.wh(),
        "deficit": gap.deficit.wh(),
    })
}

fn missing_meter(missing: &Missing) -> Value {
    json!({
        "meter": missing.meter.as_str(), "since": missing.since.to_string(), "is_disputed": missing.is_disputed,
    })
}

fn account(account: &Account) -> Value {
    let flow = |flow: Flow| json!({ "wh": whole(flow.wh), "amount": amount(flow.amount) });
    json!({
        "sold_local": flow(account.sold_local),
        "bought_local": flow(account.bought_local),
        "sold_grid": flow(account.sold_grid),
        "bought_grid": flow(account.bought_grid),
        "grid_alone": amount(account.grid_alone),
        "paid": amount(account.paid()),
        "saved": amount(account.saved()),
    })
}

/// The steps of an explanation, as `algorithm explain --json` has them.
fn steps(steps: &[explain::Step]) -> Value {
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => json!(text),
        Cell::Whole(number) => whole(*number),
        Cell::Nothing => Value::Null,
    };
    let table = |table: &Table| {
        let rows = table.rows.iter().map(|row| row.iter().map(cell).collect::<Value>());
        json!({ "columns": table.columns, "rows": rows.collect::<Value>() })
    };
    let step = |step: &explain::Step| json!({ "title": step.title, "sentences": step.sentences, "table": step.table.as_ref().map(table) });
    steps.iter().map(step).collect()
}

/// A whole number. JSON values here have 64 bits, so one that does not fit is a text.
fn whole(number: impl TryInto<i64> + TryInto<u64> + Display + Copy) -> Value {
    let signed: Result<i64, _> = number.try_into();
    let unsigned: Result<u64, _> = number.try_into();
    signed.map(Value::from).or(unsigned.map(Value::from)).unwrap_or_else(|_| json!(number.to_string()))
}

fn amount(amount: Amount) -> Value {
    whole(amount.nano_eur())
}
