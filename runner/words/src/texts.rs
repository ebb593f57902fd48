//! Every text, by the page on which it stands.
#![allow(missing_docs, reason = "the English text says what each is")]

/// Sections of texts. Each field is one text, which every language has.
macro_rules! texts {
    ($($section:ident: $name:ident { $($field:ident,)* })*) => {
        /// Everything that pages say in a language.
        #[derive(Debug)]
        pub struct Texts {
            $(pub $section: $name,)*
        }

        $(#[derive(Debug)]
        pub struct $name {
            $(pub $field: &'static str,)*
        })*

        impl Texts {
            /// Lists every text with its section and field.
            pub fn each(&self) -> Vec<(&'static str, &'static str, &'static str)> {
                vec![$($((stringify!($section), stringify!($field), self.$section.$field),)*)*]
            }
        }
    };
}

texts! {
    frame: Frame {
        skip,
        home,
        community,
        compare,
        algorithms,
        events,
        statement,
        language,
        signed_in_as,
        sign_out,
        the_numbers,
        formula,
        no_data,
        as_json,
        not_found_title,
        not_found,
        refused_title,
        refused,
        unavailable_title,
        unavailable_since,
        busy_title,
        busy,
        wrong_title,
        wrong,
    }
    door: Door {
        title,
        token,
        token_is,
        sign_in,
        or_link,
        wrong_token,
        no_viewer_title,
        no_viewer,
        wrong_link_title,
        wrong_link,
        forged_title,
        forged,
        elsewhere_title,
        elsewhere,
        too_many_title,
        too_many,
        welcome_title,
        welcome,
        signed_out_title,
        signed_out,
    }
    picker: Picker {
        period,
        day,
        week,
        month,
        year,
        earlier,
        later,
        latest,
        show,
    }
    statement: Statement {
        member_of,
        not_an_invoice,
        from_until,
        from_neighbours_tile,
        to_neighbours_tile,
        paid,
        saved,
        part_of,
        with_grid_alone,
        of_grid_alone,
        of_grid_alone_lost,
        lost,
        against_grid_alone,
        cover_formula,
        use_formula,
        paid_formula,
        saved_formula,
        taken_days,
        given_days,
        taken_months,
        given_months,
        taken_steps,
        given_steps,
        taken_clock,
        given_clock,
        from_neighbours,
        from_grid,
        to_neighbours,
        to_grid,
        day,
        hour,
        interval,
        month,
        months_told,
        days_told,
        steps_told,
        clock_told,
        clock_most_told,
        effective_prices,
        neighbours_median,
        bought_from_neighbours,
        bought_from_grid,
        bought,
        sold_to_neighbours,
        sold_to_grid,
        sold,
        price_formula,
        medians,
        medians_few,
        data,
        no_gaps,
        gaps,
        zone,
        digest,
        again,
    }
    explain: Explain {
        round, have_surplus, have_deficit, tariffs, floor, ceiling, floor_and_ceiling, setting, raised, lowered, grid,
        operator, member, surplus, deficit, offer, bid, share, rank, weight, together, may_take, takes, sells, buys, half,
        lot, parts_with, to_members, to_grid, from_members, from_grid, seller, buyer, energy, price, amount, sold_inside,
        bought_inside, paid, grid_alone, saved, the_rule, the_price, the_prices, the_split, who_with_whom, clearing_price,
        who_may_trade, order_of_sellers, order_of_buyers, left_over, who_parts, who_how_much, the_lots, price_of_half_a,
        price_of_half_b, trades_in_half_a, trades_in_half_b, the_trades, for_each_member, grid_only, set_price,
        half_way_tariffs, free, no_energy, no_surplus, no_deficit, greedy, by_name, cheapest_first, highest_first,
        not_itself, split_equal, split_deficits_larger, split_surplus_larger, pairs_clearing, pairs_half_way, pairs_bid,
        pairs_offer, k_between, cheapest_any, single_short, single_reached, single_split, last_pair, no_crossing, accepted,
        sellers, buyers, they_offer, cheapest_comes_first, highest_comes_first, in_proportion, covers_all, fixed, even,
        cascade, no_shares, ranks, rank_all, rank_part, ratio_half_way, ratio, shared_mid, shared_feed_in, shared_retail,
        shared_fixed, turn, take_in_proportion, take, with_itself, fluvius_fixed, fluvius_relative, fluvius_again, passes,
        fluvius_back, no_prices, reduction_pair, reduction_prices, account_keeps, before_last, cut_equal, cut_buyers,
        cut_sellers, with_account, lots, half_none, half_nobody, half_trades, end_equal, end_last_seller, end_sold,
        end_last_buyer, end_bought, trade, nothing_inside, trades, inside_one_price, inside_prices, saved_together,
        more_than_fits, rule_error, only_component, only_explanation, and_more, why_all_sold, why_all_bought, why_grid_only,
        why_no_crossing, why_offer_above, why_bid_below, why_place_sold_none, why_place_sold_part, why_place_bought_none,
        why_place_bought_part, why_split_sold, why_split_bought, why_even, why_share, why_shared_again, why_rank,
        why_returned, why_last_pair, why_behind, why_cut, why_no_price, why_itself, why_unknown,
    }
    rules: Rules {
        average_market, bill_sharing, buyers_price, cascading_shares, equal_shares, fixed_shares, fluvius_fixed,
        fluvius_optimal, fluvius_relative, k_double_auction, mid_market_rate, muda, priority_shares, proportional_shares,
        public_grid, sellers_price, single_sided, static_price, supply_demand_ratio, trade_reduction, uniform,
    }
    interval: Interval {
        title, of_interval, around, earlier, later, the_day, rule, price_title, price_formula, shared_title, shared_formula,
        offered_title, offered_more, offered_formula, wanted_title, wanted_more, wanted_formula, fallback, fallback_own,
        foreign, no_round, curves, curves_caption, offers, bids, price_all, price_decides, price_sellers, price_buyers,
        price_half_a, price_half_b, your_offer, your_bid, described_offers, described_bids, described_price, by_member,
        not_by_limits, by_neighbours, hidden, members, member, side, sells, buys, limit, share, rank, had, inside,
        with_grid, offered, took, gave_back, why, together, steps, exact, differs, gaps, gaps_note, since, to_grid,
        from_grid, happened, code, about, message, check, round_digest, trades_digest, component_digest, engine, fuel,
        replay, more, yours, nothing_yours, yours_sells, yours_buys, yours_limit_sells, yours_limit_buys, yours_share,
        yours_rank, with_whom, sold_neighbours, bought_neighbours, sold_grid, bought_grid, paid, grid_alone, saved,
        saved_note, missing_note, state, disputed, silent, last_good, missing,
    }
    backtest: Backtest {
        title, span, no_span, assumed, no_reaction, as_they_were, same_sandbox, gaps_left_out, compared_with,
        of_the_past, coverage, intervals, number, of_all, first_to_last, counted, unread, uncleared, estimates,
        not_known, problems, failed_on, and_more, repeat, rule, algorithm, component, fuel, digest, same_digests,
        formulas, exact, shared, shared_is, potential, potential_is, cover, cover_is, used, used_is, paid, paid_is,
        saved, saved_is, beside, beside_is, operator, operator_is, worse, worse_is, gini, gini_is, jain, jain_is,
        range, range_is, deviation, deviation_is, beside_each_other, shared_kwh, paid_eur, saved_eur, beside_eur,
        operator_eur, worse_than_baseline, worse_than_grid, is_baseline, under_a_cent, months, months_note, month,
        day, saved_by, better, sign_of_the_whole, of, fairness, fairness_note, lowest, highest, deviation_cents,
        for_members, no_other, members_note, how_many, beside_title, member, better_by, same_sign, traded_kwh,
        paid_column, saved_column, grid_alone_column, buys_at, sells_at, all_members, better_column, hours,
        hours_note, nothing_shared, each_hour, most_shared, both, prices, prices_note, duration, falls, of_the_energy,
    }
    compare: Compare {
        title, intro, start_title, rules, uploaded, more_rules, more_rules_hint, period, period_hint, from, to,
        baseline, as_settled, grid_alone, start, running_title, running, progress, refreshes, cancel, one_at_a_time,
        elsewhere, not_started_title, busy, no_rule, not_cancelled_title, not_yours, nothing_runs, ended_cancelled,
        ended_late, ended_failed, ended_machine, finished_title, none_finished, kept_note, finished, by, span,
        result_title, result_by, damaged, other_baseline, candidate_title, no_candidate, candidate_runs,
        candidate_ran, no_interval_yet, candidate_counts, behind, candidate_beside, local_settled, local_candidate,
        balance_settled, balance_candidate, difference, all,
    }
    algorithms: Algorithms {
        title, intro, settles_title, as_configured, as_activated, next_interval, nothing_settled, then, failures,
        to_activate, to_roll_back, to_shadow, to_end_shadow, to_upload, to_check, spans_title, from, until, beginning,
        open, algorithm, configured, settings, configured_settings, decided_by, decisions_title, none_decided,
        more_decisions, time, by, what, before, from_interval, reason, service_itself, activated, rolled_back,
        shadow_started, shadow_ended, failed_code, refused, uploads_title, no_uploads, uploaded, gate, check, verdict,
        found, passed, noted, failed, costs_title, costs_note, last_intervals, as_candidate, intervals, fuel_mean,
        fuel_most, time_mean, time_most, memory_most,
    }
    events: Events {
        title, intro, filter, code, any_code, subject, from, to, show, all, last_days, none, time, meaning, message,
        next, first, codes_title, what_to_do, do_nothing, do_readings, do_decide, do_unit, do_members, do_service,
        do_series, do_algorithm, do_connection, do_clock, gap, missing, late, fell, jumped, glitch, restarted,
        exchanged, accepted, too_large, no_member, changed_hands, stranger, outside, unreadable, skipped, crowded,
        series_wrong, series_ended, fallback, never_read, half_read, off_boundary, silent, recovered, skipped_row,
    }
    member: Member {
        nothing,
        intervals,
        days,
        months,
        gap_since,
        bought_at,
        sold_at,
        paid,
        sum,
        why,
        together,
        shared,
        shared_more,
        shared_formula,
        cover,
        cover_more,
        cover_formula,
        use_rate,
        use_more,
        use_formula,
        withheld,
        months_are_shown,
        few,
        dominated,
        gives_away,
        from_sums,
        download,
        files_elsewhere,
        csv,
        json,
    }
    home: Home {
        title, none, settled_until, nothing_settled, behind, hours, days, held, failed, disputed, silent, unread,
        well, look, waiting, next_activation, next_configured, paused, part,
    }
    community: Community {
        days_of, so_far, empty, before_none, shared, shared_formula, of_potential, cover, cover_formula, use_rate,
        use_formula, of_kwh, saved, saved_formula, of_grid_alone, costs_more, paid, paid_formula, with_grid_alone,
        worse_off, worse_off_formula, of_members, worst, operator, operator_formula, fairness, fairness_formula,
        from_to, deviation, data, gaps, not_summed, flows, flows_note, given, taken, to_neighbours, to_grid,
        from_neighbours, from_grid, step_minutes, step_hour, step_day, steps_with_data, time, day, month, prices,
        prices_of_trades, lowest, mean, highest, lowest_to_highest, no_trades, heat, heat_note, heat_choice,
        heat_shared, heat_to_grid, heat_from_grid, heat_title, heat_most, heat_zero, members, members_note, member,
        bought_here, bought_grid, bought_at, sold_here, sold_grid, sold_at, paid_eur, grid_alone_eur, saved_eur,
        saved_part, all_members, members_part, members_before, members_after, sales, sales_title, sales_most,
        sales_unknown, seller, buyer, others, operator_party, matrix_note, matrix_others,
    }
}

#[cfg(test)]
mod tests;
