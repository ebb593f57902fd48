//! The result as one JSON object, the same for programs that read it from the command line and from the web: money in
//! nano-euro, energy in Wh, rates in parts per million.

use std::collections::BTreeMap;

use figures::calendar::month_name;
use figures::{Backtest, TooLarge, Variant};
use serde::Serialize;

/// The result for programs. The names of its fields are the command line's contract.
#[derive(Serialize)]
pub struct BacktestJson<'a> {
    community: &'a str,
    from: Option<String>,
    until: Option<String>,
    intervals: u64,
    skipped: u64,
    estimated_ppm: Option<u128>,
    variants: Vec<VariantJson<'a>>,
}

#[derive(Serialize)]
struct VariantJson<'a> {
    name: &'a str,
    version: Option<&'a str>,
    digest: Option<String>,
    settings: BTreeMap<&'a str, &'a str>,
    failed: u64,
    rejected: u64,
    fuel: u64,
    shared_wh: u128,
    potential_wh: u128,
    cover_ppm: Option<u128>,
    use_ppm: Option<u128>,
    operator: i128,
    paid: i128,
    saved: i128,
    worse_than_grid: usize,
    fairness: FairnessJson,
    months: Vec<MonthJson>,
    members: Vec<MemberJson<'a>>,
}

#[derive(Serialize)]
struct FairnessJson {
    gini_ppm: Option<u128>,
    jain_ppm: Option<u128>,
    lowest: Option<i128>,
    highest: Option<i128>,
}

#[derive(Serialize)]
struct MonthJson {
    month: String,
    shared_wh: u128,
    saved: i128,
}

#[derive(Serialize)]
struct MemberJson<'a> {
    member: &'a str,
    sold_here_wh: u128,
    bought_here_wh: u128,
    to_grid_wh: u128,
    from_grid_wh: u128,
    paid: i128,
    grid_alone: i128,
    saved: i128,
}

impl<'a> BacktestJson<'a> {
    /// Makes the object.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn of(backtest: &'a Backtest) -> Result<BacktestJson<'a>, TooLarge> {
        let (from, until) = backtest.span.map(|(from, until)| (from.to_string(), until.to_string())).unzip();
        let variants = backtest.variants.iter().map(|variant| variant_json(backtest, variant));
        Ok(BacktestJson {
            community: &backtest.community,
            from,
            until,
            intervals: backtest.coverage.counted,
            skipped: backtest.coverage.skipped(),
            estimated_ppm: backtest.coverage.estimated_ppm(),
            variants: variants.collect::<Result<_, _>>()?,
        })
    }
}

fn variant_json<'a>(backtest: &'a Backtest, variant: &'a Variant) -> Result<VariantJson<'a>, TooLarge> {
    let (named, runs, total, all) = (&variant.named, &variant.runs, variant.total(), variant.all());
    let fairness = variant.fairness();
    let months = variant.months().iter().map(|(month, sums)| {
        let saved = sums.all()?.saved().nano_eur();
        Ok(MonthJson { month: month_name(*month), shared_wh: sums.shared_wh, saved })
    });
    let members = backtest.members.iter().zip(variant.accounts()).map(|(member, account)| MemberJson {
        member: member.as_str(),
        sold_here_wh: account.sold_local.wh,
        bought_here_wh: account.bought_local.wh,
        to_grid_wh: account.sold_grid.wh,
        from_grid_wh: account.bought_grid.wh,
        paid: account.paid().nano_eur(),
        grid_alone: account.grid_alone.nano_eur(),
        saved: account.saved().nano_eur(),
    });
    Ok(VariantJson {
        name: &named.name,
        version: named.version.as_deref(),
        digest: named.digest.map(|digest| digest.to_string()),
        settings: named.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        failed: runs.failed,
        rejected: runs.rejected,
        fuel: runs.fuel,
        shared_wh: total.shared_wh,
        potential_wh: total.potential_wh,
        cover_ppm: variant.cover_ppm(),
        use_ppm: variant.use_ppm(),
        operator: total.operator.nano_eur(),
        paid: all.paid().nano_eur(),
        saved: all.saved().nano_eur(),
        worse_than_grid: variant.worse_than_grid().members,
        fairness: FairnessJson {
            gini_ppm: fairness.gini_ppm,
            jain_ppm: fairness.jain_ppm,
            lowest: fairness.lowest,
            highest: fairness.highest,
        },
        months: months.collect::<Result<_, TooLarge>>()?,
        members: members.collect(),
    })
}
