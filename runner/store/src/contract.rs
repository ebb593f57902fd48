//! The contract of every store: tests that run against each implementation.
//!
//! A [`Shelf`] is storage that outlives an open store, so that every step of a test may open the store again.

mod backtests;
mod decisions;
mod details;
mod events;
mod intervals;
mod leases;
mod meters;
mod payments;
mod prices;
mod readings;
mod replicas;
mod shelf;
mod sums;
mod viewers;

use std::sync::Arc;
use std::time::Duration;

use crate::{MongoAddress, MongoStore, SqliteStore};
use books::{
    Acquired, Action, Books, CLAIM_TERM_MAX, Change, Claim, ClearedInterval, Commit, CommitOutcome, Decisions, Due,
    ExpectedState, GapTrade, KeptChange, LEASE_TERM_MAX, Label, Lease, Leases, Match, MatchFilter, MatchUpdate,
    NewPrices, OfferedSince, OutboxDepth, Payments, PriceBounds, Prices, PricesKept, Progress, Quantity, ReopenError,
    Reopened, Reopening, Replica, Replicas, ShadowState, ShadowTotals, Span, Store, StoreError, StoredEvent,
    StoredInterval, StoredTrade, UpdateError, UploadOutcome, Version, Window, WireParty, community_lease,
};
use domain::disputes::MeterRules;
use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::trade::State;
use domain::{Boundary, Digest, Energy, MeterPrice, OwnPrices, Price, Round, Settlement, TradeId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) use rec_market_tests::commits::{cleared, event, full, member, opening, reading, tariff, with};
pub(super) use rec_market_tests::settled::{NOON as START, boundary, interval, put};
pub(super) use shelf::{Database, File, Shelf};

/// Makes each promise a test of each store.
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
                super::$topic::$promise(Database::new()).await;
            })*)*
        }
    };
}

promises! {
    backtests:
        a_backtest_is_kept_with_its_content
        the_oldest_backtests_make_room;
    decisions:
        an_upload_is_stored_with_its_component
        a_label_refers_to_one_digest_for_ever
        only_one_of_concurrent_uploads_gets_the_label
        a_name_stays_pinned_to_its_first_digest
        decisions_are_listed_in_order
        notes_decide_nothing
        a_decision_requires_the_expected_state
        a_commit_that_misses_a_decision_is_overtaken
        only_one_of_a_concurrent_commit_and_decision_succeeds
        shadow_totals_are_replaced_only_from_the_expected_end;
    events:
        events_are_listed_in_order_and_paged
        notices_are_listed_among_the_events_of_intervals
        events_are_found_by_time_code_and_subject
        the_last_notice_of_each_meter_is_known
        a_notice_is_told_once;
    intervals:
        a_new_store_is_empty
        commits_are_read_back
        the_largest_numbers_are_read_back
        committing_an_interval_again_changes_nothing
        an_interval_before_the_resume_mark_is_overtaken
        only_one_of_two_concurrent_commits_succeeds
        a_batch_is_committed_up_to_the_first_failure
        a_failed_commit_leaves_nothing_behind
        trades_are_paged
        intervals_are_paged
        spans_are_half_open
        trades_are_found_by_member
        communities_are_separate
        a_component_is_stored_once_per_digest
        a_commit_from_another_resume_mark_is_overtaken
        the_last_registers_of_absent_meters_are_kept
        books_continue_others_from_an_opening
        a_reader_sees_what_a_writer_commits;
    meters:
        disputed_readings_are_kept
        decisions_about_meters_are_kept
        what_is_decided_is_added_to_the_newest_interval
        a_commit_takes_the_decisions_before_it
        an_addition_under_a_lost_lease_is_fenced;
    sums:
        days_are_summed_up_as_they_are_settled
        days_are_found_by_span_and_paged
        what_is_added_counts_in_the_sums_of_its_day
        sums_that_do_not_fit_are_none;
    details:
        details_are_kept_of_days_that_are_over
        details_are_found_by_span_and_paged
        details_of_other_intervals_count_as_missing
        summing_up_again_forgets_details;
    payments:
        a_trade_is_returned_with_all_fields
        filters_apply_alone_and_together
        matches_are_ordered_and_paged
        no_two_claims_get_the_same_trade
        a_claim_takes_its_buyers_waiting_trades
        an_unreported_claim_lapses
        a_claim_that_lasts_longer_than_any_can_has_lapsed
        a_lapsed_claim_is_found_by_id_and_reported_on
        a_payment_by_an_earlier_claim_is_kept_and_a_second_one_refused
        only_what_is_offered_is_claimed_or_pushed
        reports_change_only_the_fields_they_set
        invalid_transitions_are_refused
        a_list_of_reports_is_applied_as_a_whole_or_not_at_all
        waiting_trades_are_pushed_in_order
        a_push_changes_only_waiting_trades
        reopened_trades_are_offered_again_and_recorded
        a_reopening_is_made_as_a_whole_or_not_at_all;
    prices:
        the_later_price_wins
        prices_are_listed_newest_first_and_paged
        a_price_book_has_every_price_in_effect
        a_price_book_has_only_what_is_asked_for
        a_withdrawal_is_listed_and_in_effect_like_a_price
        a_price_for_now_voids_what_was_planned_before
        the_newest_prices_of_a_meter_are_kept
        prices_of_unknown_meters_wait_and_the_oldest_give_way
        the_latest_of_too_many_unknown_meters_in_one_list_wait
        a_meter_that_was_read_or_is_configured_does_not_wait;
    readings:
        readings_are_kept_and_read_back
        what_meters_have_counted_is_summed
        the_same_readings_change_nothing_and_others_are_refused_with_both
        concurrent_readings_are_all_kept
        what_comes_after_its_intervals_were_settled_is_known;
    leases:
        a_lease_has_one_owner
        an_expired_or_released_lease_gets_a_new_fencing_token
        a_lease_that_lasts_longer_than_any_can_is_held_by_nobody
        only_one_of_concurrent_requests_gets_the_lease
        a_commit_under_a_lost_lease_is_fenced;
    replicas:
        a_replica_lives_until_its_time_is_over_or_it_leaves
        replicas_that_ended_long_ago_are_forgotten
        the_marks_of_all_communities_are_known;
    viewers:
        a_link_is_kept_once_and_found_by_its_id
        a_link_is_revoked_once
        links_are_listed_as_they_were_made_and_paged
        a_session_lasts_until_it_is_ended_and_ended_ones_are_forgotten
        visits_are_listed_newest_first_and_paged
        visits_are_found_by_page_viewer_and_time;
}

/// A list of prices from a caller who knows of no meter.
pub(super) fn new_prices(prices: &[MeterPrice], now: Timestamp) -> NewPrices {
    NewPrices { prices: prices.to_vec(), configured: Arc::default(), bounds: PriceBounds::default(), now }
}

/// The stored form of a commit.
pub(super) fn kept(commit: &Commit) -> StoredInterval {
    let ClearedInterval {
        interval, basis, configuration, readings, rules, opening, round, gaps, trades, events, ..
    } = commit.cleared.clone();
    let settlement = round.as_ref().map(|round| &round.settlement);
    StoredInterval {
        interval,
        basis,
        configuration,
        readings,
        rules,
        decided: Vec::new(),
        opening,
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
