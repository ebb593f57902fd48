//! One interval: why this price.
//!
//! The round is read as it was stored and explained by the rule of its component, if that is part of the program. A member gets
//! its own line, and of the others only what hides everybody ([`figures::crowd`]).

mod json;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
mod tests;

use std::sync::Arc;

use base::base_by_digest;
use books::statement::Statement;
use books::{ForeignTrade, Span, StoreError, StoredInterval};
use domain::text::shell_word;
use domain::{Boundary, MemberId};
use explain::{Block, Explanation, explain};
use figures::crowd::{Curves, Other};
use figures::interval::Totals;
use figures::sums::paid;
use pages::Repeat;
use pages::interval::{Heading, Missing, Own, Rule, Told, own, whole};
use pages::place::{Part, Place};

use super::ask::{Ask, Refusal, Shown};
use super::guard::Sight;

/// Makes the page.
///
/// # Errors
/// If the interval is not settled, or the store cannot be read.
pub async fn look_up(ask: &Ask, start: Boundary) -> Result<Shown, Refusal> {
    let community = Arc::clone(ask.community()?);
    let mark = ask.parts.reader.mark(&community.name).await?;
    let stored = at(ask, &community.name, start).await?.ok_or(Refusal::NotFound)?;
    let end = stored.interval.end();
    let before = start.interval(stored.interval.length()).map(|interval| interval.start());
    let earlier = match before {
        Some(before) => at(ask, &community.name, before).await?.map(|_| before),
        None => None,
    };
    let scene = Scene {
        summary: summary(ask, &stored).await?,
        missing: missing(ask, &community.name, end).await?,
        explanation: None,
        totals: None,
        earlier,
        later: mark.filter(|mark| *mark > end).map(|_| end),
        stored,
    };
    let (look, sight) = (ask.look.clone(), ask.sight.clone());
    let repeat = Repeat { command: replay(ask, &community.name, start), program: ask.parts.program.clone() };
    let zone = community.zone.clone();
    // Explaining takes time that grows with the round.
    let shown = tokio::task::spawn_blocking(move || {
        let scene = scene.explained(&look)?;
        let day = match &sight {
            Sight::Whole if look.opens(&Part::Overview) => Some(Place::of(&*community.name, Part::Overview)),
            Sight::Whole => None,
            Sight::Own(member) => Some(Place::of(&*community.name, Part::Member(member.clone()))),
        };
        let heading = Heading {
            community: &community.name,
            interval: scene.stored.interval,
            zone: &zone,
            earlier: scene.earlier,
            later: scene.later,
            day,
        };
        let title = format!("{}, {start}", look.texts().interval.title);
        let (body, json) = match &sight {
            Sight::Whole => {
                let rule = scene.rule();
                let told = scene.told(rule.as_ref());
                let body = whole(&look, &heading, &scene.stored, &scene.missing, told, &repeat);
                (body, json::all(&look, &heading, &scene.stored, &scene.missing, told, &repeat))
            }
            Sight::Own(member) => scene.own(&look, &heading, member),
        };
        Ok(Shown::new(title, body, json).until_after(mark, true))
    });
    shown.await.unwrap_or(Err(Refusal::NotFound))
}

/// The interval that starts here.
async fn at(ask: &Ask, community: &str, start: Boundary) -> Result<Option<StoredInterval>, Refusal> {
    let span = Span { from: Some(start.seconds()), to: Some(start.seconds().saturating_add(1)) };
    Ok(ask.parts.reader.intervals(community, span, 1).await?.pop())
}

/// The rule in one sentence: in the viewer's language if it is part of the program, else as its author wrote it.
async fn summary(ask: &Ask, stored: &StoredInterval) -> Result<Option<String>, Refusal> {
    let Some(provenance) = &stored.provenance else { return Ok(None) };
    if let Some(base) = base_by_digest(&provenance.algorithm) {
        return Ok(explain::summary(base.name, ask.look.language).map(str::to_owned));
    }
    let versions = ask.parts.reader.versions().await?;
    Ok(versions.into_iter().find(|version| version.label.digest == provenance.algorithm).map(|version| version.summary))
}

/// The meters that were not read well at an interval's end, nor since.
async fn missing(ask: &Ask, community: &str, end: Boundary) -> Result<Vec<Missing>, Refusal> {
    if ask.only().is_some() {
        return Ok(Vec::new());
    }
    let progress = ask.parts.reader.progress(community).await?;
    let missing = progress.last_reads.into_iter().filter(|(_, last)| last.boundary < end);
    Ok(missing
        .map(|(meter, last)| Missing { meter, since: last.boundary, is_disputed: last.dispute.is_some() })
        .collect())
}

/// The command that runs the interval again.
fn replay(ask: &Ask, community: &str, start: Boundary) -> String {
    let (config, community) = (shell_word(&ask.parts.config_path), shell_word(community));
    format!("rec-market replay --config {config} --community {community} --interval {start}")
}

/// Everything that is known of an interval.
struct Scene {
    stored: StoredInterval,
    /// What the rule does.
    summary: Option<String>,
    missing: Vec<Missing>,
    /// `None` without a round.
    explanation: Option<Explanation>,
    /// `None` without a round, or if a sum of money does not fit.
    totals: Option<Totals>,
    earlier: Option<Boundary>,
    later: Option<Boundary>,
}

impl Scene {
    /// Explains the round, if there is one.
    ///
    /// # Errors
    /// If its trades are not of its members.
    fn explained(self, look: &pages::look::Look) -> Result<Scene, Refusal> {
        let Some((round, provenance)) = self.stored.round.as_ref().zip(self.stored.provenance.as_ref()) else {
            return Ok(self);
        };
        let community = &round.terms().community;
        let damaged = |error: ForeignTrade| StoreError::Corrupt { store: community.clone(), source: error.into() };
        let trades = self.stored.round_trades().map_err(damaged)?;
        let rule = base_by_digest(&provenance.algorithm).map(|base| base.name);
        let explanation = explain(rule, round, &trades, look.language);
        let totals = Totals::of(round, &trades).ok();
        Ok(Scene { explanation: Some(explanation), totals, ..self })
    }

    fn rule(&self) -> Option<Rule<'_>> {
        let provenance = self.stored.provenance.as_ref()?;
        Some(Rule {
            name: &provenance.name,
            version: &provenance.version,
            summary: self.summary.clone(),
            component: provenance.algorithm,
            fallback: provenance.fallback_reason.as_deref(),
        })
    }

    fn told<'s>(&'s self, rule: Option<&'s Rule<'s>>) -> Option<Told<'s>> {
        let (rule, explanation) = rule.zip(self.explanation.as_ref())?;
        Some(Told { rule, explanation, totals: self.totals.as_ref() })
    }

    /// One member's part, as a page and for programs.
    fn own(
        &self,
        look: &pages::look::Look,
        heading: &Heading<'_>,
        member: &MemberId,
    ) -> (maud::Markup, serde_json::Value) {
        let (rule, market) = (self.rule(), self.explanation.as_ref().map(|explanation| &explanation.market));
        let place = self
            .stored
            .round
            .as_ref()
            .and_then(|round| round.positions().binary_search_by(|position| position.member.cmp(member)).ok());
        let line = market.zip(place).and_then(|(market, place)| market.members.get(place));
        let active = line.filter(|line| line.sides().next().is_some());
        let others = |blocks: &[Block]| -> Vec<Other> {
            let others = blocks.iter().filter(|block| Some(block.member) != line.map(|line| line.member));
            others.map(|block| Other { price: block.price, energy: block.energy }).collect()
        };
        // Whoever had nothing to trade sees nothing of those who had.
        let curves = active.and(market).and_then(|market| Curves::of(others(&market.offers), others(&market.bids)));
        let statement = Statement::of(self.stored.round.as_ref(), &self.stored.gaps, &self.stored.trades);
        let account = statement.as_ref().and_then(|statement| statement.members.get(member));
        let part = Own {
            rule: rule.as_ref(),
            line,
            account: account.filter(|account| paid(account).is_ok() && has_energy(account)),
            prices: market.filter(|_| active.is_some()).map_or(&[], |market| &market.prices),
            looks_at_limits: market.is_some_and(|market| market.looks_at_limits),
            curves: curves.as_ref(),
            gaps: self.stored.gaps.iter().filter(|gap| gap.member == *member).collect(),
        };
        (own(look, heading, &part), json::own(look, heading, member, &part))
    }
}

fn has_energy(account: &books::statement::Account) -> bool {
    [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid].iter().any(|flow| flow.wh > 0)
}
