//! What every store promises: functions over any store, and each store put to them.
//!
//! A [`Shelf`] is where a store's contents outlive it: every step of a story may open the store anew.

mod decisions;
mod intervals;
mod leases;
mod payments;
mod prices;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use books::{
    Acquired, Action, Books, Change, Claim, ClearedInterval, ClearedRound, Commit, Committed, Decisions, ExpectedState,
    GapTrade, KeptChange, KeptVersion, Label, Lease, Leases, Match, MatchFilter, MatchUpdate, MeterReading,
    OutboxDepth, Payments, Prices, Progress, Quantity, ShadowState, ShadowTotals, Span, Store, StoreError, StoredEvent,
    StoredInterval, StoredTrade, UpdateError, Version, Window, community_lease,
};
use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::round::{PriceLimits, Terms};
use domain::trade::State;
use domain::{Boundary, Digest, Energy, MemberId, MeterPrice, Price, Round, Settlement, Tariff, TradeId};
use jiff::Timestamp;
use rec_market_tests::settled;

use crate::{MongoConfig, MongoStore, SqliteStore};

pub(super) use rec_market_tests::settled::{NOON as START, boundary, interval, put};
pub(super) use shelf::{Database, File, Shelf};

/// Every promise as a test of each store.
macro_rules! promises {
    ($($topic:ident: $($promise:ident)*;)*) => {
        mod sqlite {
            use super::File;
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$topic::$promise(File::new()).await;
            })*)*
        }

        mod mongo {
            use super::Database;
            $($(#[needs::mongodb]
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$topic::$promise(Database::new().await.unwrap()).await;
            })*)*
        }
    };
}

promises! {
    decisions:
        an_upload_is_kept_with_its_component
        a_label_means_one_digest_for_ever
        of_many_uploads_at_once_one_gets_the_label
        a_name_stays_with_what_it_first_meant
        decisions_come_back_in_order
        notes_decide_nothing
        a_decision_is_made_only_where_its_community_stands
        a_commit_that_does_not_know_a_decision_is_overtaken
        of_a_commit_and_a_decision_at_once_one_is_made
        totals_move_on_from_where_they_were;
    intervals:
        nothing_is_known_at_first
        what_is_committed_comes_back
        the_largest_numbers_come_back
        the_same_interval_again_changes_nothing
        an_earlier_interval_is_there_already
        of_two_at_once_one_commits
        a_row_is_committed_up_to_what_cannot_be
        half_a_commit_is_none
        trades_are_paged
        intervals_are_paged
        spans_are_half_open
        trades_are_found_by_member
        communities_are_apart
        a_component_is_kept_once
        a_commit_after_another_mark_is_overtaken
        meters_that_were_not_read_come_back
        a_reader_sees_what_a_writer_commits;
    payments:
        a_trade_is_shown_whole
        filters_narrow_alone_and_together
        matches_come_in_order_and_windows
        no_two_claims_get_the_same_trade
        a_claim_takes_what_waits_of_its_buyer
        a_claim_that_nobody_reports_of_returns
        reports_change_what_they_say
        only_real_transitions_are_made
        a_list_of_reports_is_made_whole_or_not_at_all
        what_waits_is_pushed_in_order
        a_push_changes_only_what_waits;
    prices:
        the_later_price_wins
        prices_come_newest_first_in_windows
        a_book_has_every_price_that_holds_within;
    leases:
        a_lease_has_one_owner
        a_lease_that_ran_out_or_was_released_goes_on_with_another_token
        of_many_at_once_one_gets_the_lease
        a_commit_under_a_lost_lease_is_fenced;
}

pub(super) fn member(name: &str) -> MemberId {
    name.parse().unwrap()
}

pub(super) fn reading(meter: &str, member: &str, import_wh: u64, export_wh: u64) -> MeterReading {
    let registers = Registers { import_wh, export_wh };
    MeterReading { meter: meter.parse().unwrap(), member: self::member(member), registers }
}

/// A boundary that only opens accounts.
pub(super) fn opening(community: &str, number: u64) -> Commit {
    Commit {
        community: community.to_owned(),
        after: None,
        decision: 0,
        fence: None,
        settled_at: Timestamp::from_second(1_700_000_000).unwrap(),
        cleared: ClearedInterval {
            interval: interval(number),
            basis: Basis::Net,
            configuration: (number != 7).then(|| Digest::of(&number.to_le_bytes())),
            readings: vec![reading("a", "a", 5, 7)],
            absent: LastReads::new(),
            round: None,
            gaps: Vec::new(),
            trades: Vec::new(),
            events: Vec::new(),
        },
    }
}

/// A commit with another round and other gaps, and the trades that follow from them.
pub(super) fn with(mut commit: Commit, round: Option<ClearedRound>, gaps: Vec<GapTrade>) -> Commit {
    let ClearedInterval { interval, basis, .. } = commit.cleared;
    let derived = ClearedInterval::new(&commit.community, interval, basis, round, gaps);
    let ClearedInterval { round, gaps, trades, .. } = derived;
    commit.cleared = ClearedInterval { round, gaps, trades, ..commit.cleared };
    commit
}

pub(super) fn tariff(retail: i64, feed_in: i64) -> Tariff {
    Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
}

/// A round in which `seller` sells so much to `buyer` and the rest to the grid, and what cleared it; with nothing that
/// is usual.
pub(super) fn cleared(community: &str, number: u64, (seller, buyer): (&str, &str), wh: u64) -> ClearedRound {
    let terms = Terms {
        limits: PriceLimits::new(Some(Price::from_micro_eur(-1)), None).unwrap(),
        seed: u64::MAX - number,
        settings: vec![("price".to_owned(), "7".to_owned())],
        ..settled::terms(community, number)
    };
    let trades = [format!("{seller} > {buyer} {wh} 96200"), format!("{seller} > grid 1 30000")];
    let mut round = settled::cleared(terms, &trades, |position| {
        if position.member.as_str() == buyer {
            position.tariff = tariff(i64::MAX, i64::MIN);
        }
        (position.offer, position.bid) = (Price::from_micro_eur(40_000), position.tariff.retail);
        (position.share, position.rank) = (250_000, 3);
    });
    round.provenance.fuel = 1234;
    round.provenance.fallback_reason = Some("the other one failed".to_owned());
    round
}

/// A boundary with everything: a round, a member of two meters, a gap in both directions, events.
pub(super) fn full(community: &str, number: u64) -> Commit {
    let gap = GapTrade {
        member: member("carla"),
        since: boundary(number.saturating_sub(5)),
        surplus: Energy::from_wh(8),
        deficit: Energy::from_wh(9),
        tariff: tariff(171_000, -42_000),
    };
    let round = cleared(community, number, ("a", "bob"), 100 + number);
    let mut commit = with(opening(community, number), Some(round), vec![gap]);
    commit.cleared.basis = Basis::Gross;
    commit.cleared.readings =
        vec![reading("a", "a", 5, 7 + number), reading("b1", "bob", 1, 2), reading("b2", "bob", 3, 4)];
    commit.cleared.events = ["gap", "unreadable"].map(event).to_vec();
    commit
}

pub(super) fn event(code: &str) -> StoredEvent {
    StoredEvent { code: code.to_owned(), subject: "b2".to_owned(), message: format!("it is {code:?}; 'so' \u{1f4a1}") }
}

/// What a commit is when it comes back.
pub(super) fn kept(commit: &Commit) -> StoredInterval {
    let ClearedInterval { interval, basis, configuration, readings, round, gaps, trades, events, .. } =
        commit.cleared.clone();
    let settlement = round.as_ref().map(|round| &round.settlement);
    StoredInterval {
        interval,
        basis,
        configuration,
        readings,
        round: settlement.map(|settlement| Round::clone(settlement.round())),
        round_digest: settlement.map(|settlement| settlement.round().digest()),
        trades_digest: settlement.map(Settlement::digest),
        provenance: round.as_ref().map(|round| round.provenance.clone()),
        gaps,
        trades,
        events,
    }
}

pub(super) async fn all_intervals(store: &impl Store, community: &str) -> Vec<StoredInterval> {
    store.intervals(community, Span::default(), usize::MAX).await.unwrap()
}

pub(super) async fn all_trades(store: &impl Store, community: &str) -> Vec<StoredTrade> {
    store.trades(community, Span::default(), None, None, usize::MAX).await.unwrap()
}
