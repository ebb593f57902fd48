//! The result of the demo as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{COMMUNITY, DemoResult};

#[derive(Serialize)]
pub(super) struct DemoJson<'a> {
    community: &'a str,
    intervals: u64,
    trades: u64,
    members: Vec<MemberJson<'a>>,
    local_wh: u128,
    demand_wh: u128,
    paid_neur: i128,
    grid_alone_neur: i128,
    saved_neur: i128,
    balanced: bool,
    findings: &'a [String],
    seconds: f64,
    payments: PaymentsJson<'a>,
    life: serde_json::Value,
    /// The file of the report; none if it could not be written.
    report: Option<String>,
}

#[derive(Serialize)]
struct PaymentsJson<'a> {
    mode: &'a str,
    forwarded: u64,
    paid: u64,
    amount_neur: i128,
    states: &'a BTreeMap<String, u64>,
    seconds: f64,
}

#[derive(Serialize)]
struct MemberJson<'a> {
    member: &'a str,
    kind: Option<&'a str>,
    produced_wh: u64,
    used_wh: u64,
    sold_local_wh: u128,
    bought_local_wh: u128,
    sold_grid_wh: u128,
    bought_grid_wh: u128,
    paid_neur: i128,
    saved_neur: i128,
}

impl DemoResult {
    pub(super) fn json(&self) -> DemoJson<'_> {
        let total = self.books.statement.total();
        let members = self.books.statement.members.iter().map(|(member, account)| {
            let (kind, produced_wh, used_wh) = self.home(member.as_str());
            MemberJson {
                member: member.as_str(),
                kind,
                produced_wh,
                used_wh,
                sold_local_wh: account.sold_local.wh,
                bought_local_wh: account.bought_local.wh,
                sold_grid_wh: account.sold_grid.wh,
                bought_grid_wh: account.bought_grid.wh,
                paid_neur: account.paid().nano_eur(),
                saved_neur: account.saved().nano_eur(),
            }
        });
        DemoJson {
            community: COMMUNITY,
            intervals: self.audit.intervals,
            trades: self.audit.trades,
            members: members.collect(),
            local_wh: total.bought_local.wh,
            demand_wh: total.bought_local.wh + total.bought_grid.wh,
            paid_neur: total.paid().nano_eur(),
            grid_alone_neur: total.grid_alone.nano_eur(),
            saved_neur: total.saved().nano_eur(),
            balanced: self.audit.findings_total == 0,
            findings: &self.audit.findings,
            seconds: self.settle_seconds,
            payments: PaymentsJson {
                mode: self.payments.mode,
                forwarded: self.payments.totals.trades,
                paid: self.payments.totals.paid,
                amount_neur: self.payments.totals.amount.nano_eur(),
                states: &self.books.states,
                seconds: self.payments.seconds,
            },
            life: self.algorithm.json(),
            report: self.report.path(),
        }
    }
}
