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
        unavailable,
        busy_title,
        busy,
        wrong_title,
        wrong,
    }
    picker: Picker {
        period,
        day,
        week,
        month,
        year,
        earlier,
        later,
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
    backtest: Backtest {
        title,
        span,
        no_span,
        assumed,
        no_reaction,
        as_they_were,
        same_sandbox,
        gaps_left_out,
        compared_with,
        of_the_past,
        coverage,
        intervals,
        number,
        of_all,
        first_to_last,
        counted,
        unread,
        uncleared,
        estimates,
        not_known,
        problems,
        failed_on,
        and_more,
        repeat,
        rule,
        algorithm,
        component,
        fuel,
        digest,
        same_digests,
        formulas,
        exact,
        shared,
        shared_is,
        potential,
        potential_is,
        cover,
        cover_is,
        used,
        used_is,
        paid,
        paid_is,
        saved,
        saved_is,
        beside,
        beside_is,
        operator,
        operator_is,
        worse,
        worse_is,
        gini,
        gini_is,
        jain,
        jain_is,
        range,
        range_is,
        deviation,
        deviation_is,
        beside_each_other,
        shared_kwh,
        paid_eur,
        saved_eur,
        beside_eur,
        operator_eur,
        worse_than_baseline,
        worse_than_grid,
        is_baseline,
        under_a_cent,
        months,
        months_note,
        month,
        day,
        saved_by,
        better,
        sign_of_the_whole,
        of,
        fairness,
        fairness_note,
        lowest,
        highest,
        deviation_cents,
        for_members,
        no_other,
        members_note,
        how_many,
        beside_title,
        member,
        better_by,
        same_sign,
        traded_kwh,
        paid_column,
        saved_column,
        grid_alone_column,
        buys_at,
        sells_at,
        all_members,
        better_column,
        hours,
        hours_note,
        nothing_shared,
        each_hour,
        most_shared,
        both,
        prices,
        prices_note,
        duration,
        falls,
        of_the_energy,
    }
    compare: Compare {
        title,
        intro,
        start_title,
        rules,
        uploaded,
        more_rules,
        more_rules_hint,
        period,
        period_hint,
        from,
        to,
        baseline,
        as_settled,
        grid_alone,
        start,
        running_title,
        running,
        progress,
        refreshes,
        cancel,
        one_at_a_time,
        elsewhere,
        not_started_title,
        busy,
        no_rule,
        not_cancelled_title,
        not_yours,
        nothing_runs,
        elsewhere_from_title,
        elsewhere_from,
        ended_cancelled,
        ended_late,
        ended_failed,
        ended_machine,
        finished_title,
        none_finished,
        kept_note,
        finished,
        by,
        span,
        result_title,
        result_by,
        damaged,
        other_baseline,
        candidate_title,
        no_candidate,
        candidate_runs,
        candidate_ran,
        no_interval_yet,
        candidate_counts,
        behind,
        candidate_beside,
        local_settled,
        local_candidate,
        balance_settled,
        balance_candidate,
        difference,
        all,
    }
    algorithms: Algorithms {
        title,
        intro,
        settles_title,
        as_configured,
        as_activated,
        next_interval,
        nothing_settled,
        then,
        failures,
        to_activate,
        to_roll_back,
        to_shadow,
        to_end_shadow,
        to_upload,
        to_check,
        spans_title,
        from,
        until,
        beginning,
        open,
        algorithm,
        configured,
        settings,
        configured_settings,
        decided_by,
        decisions_title,
        none_decided,
        more_decisions,
        time,
        by,
        what,
        before,
        from_interval,
        reason,
        service_itself,
        activated,
        rolled_back,
        shadow_started,
        shadow_ended,
        failed_code,
        refused,
        uploads_title,
        no_uploads,
        uploaded,
        gate,
        check,
        verdict,
        found,
        passed,
        noted,
        failed,
        costs_title,
        costs_note,
        last_intervals,
        as_candidate,
        intervals,
        fuel_mean,
        fuel_most,
        time_mean,
        time_most,
        memory_most,
    }
    events: Events {
        title,
        intro,
        filter,
        code,
        any_code,
        subject,
        from,
        to,
        show,
        all,
        last_days,
        none,
        time,
        meaning,
        message,
        next,
        first,
        codes_title,
        what_to_do,
        do_nothing,
        do_readings,
        do_decide,
        do_unit,
        do_members,
        do_service,
        do_series,
        do_algorithm,
        do_connection,
        do_clock,
        gap,
        missing,
        late,
        fell,
        jumped,
        glitch,
        restarted,
        exchanged,
        accepted,
        too_large,
        no_member,
        changed_hands,
        stranger,
        outside,
        unreadable,
        skipped,
        crowded,
        series_wrong,
        series_ended,
        fallback,
        never_read,
        half_read,
        off_boundary,
        silent,
        recovered,
        skipped_row,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::Language;

    /// The names of a text's places, and how often each stands there.
    fn places(text: &str) -> BTreeMap<&str, usize> {
        let mut places = BTreeMap::new();
        for (name, _) in text.split('{').skip(1).filter_map(|part| part.split_once('}')) {
            *places.entry(name).or_default() += 1;
        }
        places
    }

    /// Every text of a language that is not English, beside the English one.
    fn translations() -> impl Iterator<Item = (String, &'static str, &'static str)> {
        let english = Language::En.texts().each();
        Language::ALL.into_iter().filter(|language| *language != Language::En).flat_map(move |language| {
            let pairs = language.texts().each().into_iter().zip(english.clone());
            pairs.map(move |((section, field, text), (.., english))| {
                (format!("{}: {section}.{field}", language.code()), text, english)
            })
        })
    }

    #[test]
    fn no_language_lacks_a_text_a_form_or_a_place() {
        for (.., text) in Language::En.texts().each() {
            assert!(text.split('|').all(|form| !form.trim().is_empty()) && text.split('|').count() <= 2, "{text}");
        }
        for (name, text, english) in translations() {
            let (forms, expected): (Vec<_>, Vec<_>) = (text.split('|').collect(), english.split('|').collect());
            assert_eq!(forms.len(), expected.len(), "{name}");
            for (form, expected) in forms.iter().zip(expected) {
                assert!(!form.trim().is_empty(), "{name} is empty");
                assert_eq!(places(form), places(expected), "{name}");
            }
        }
    }

    #[test]
    fn nothing_is_left_in_english() {
        /// What other languages have from English, or English from them.
        const SHARED: [&str; 2] = ["Week", "Later"];
        /// What stands in English texts only.
        const ENGLISH: [&str; 11] = ["the", "and", "with", "from", "this", "are", "not", "for", "you", "your", "which"];
        for (name, text, english) in translations() {
            assert!(text != english || SHARED.contains(&text), "{name} is {text:?}, as in English");
            let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            let left: Vec<&str> = ENGLISH.into_iter().filter(|word| words.contains(word)).collect();
            let places = places(text);
            assert!(left.iter().all(|word| places.contains_key(word)), "{name} has {left:?}: {text}");
        }
    }

    #[test]
    fn signs_stand_as_each_language_has_them() {
        for language in Language::ALL {
            for (section, field, text) in language.texts().each() {
                let name = format!("{}: {section}.{field}: {text}", language.code());
                assert!(text.trim() == text && !text.contains("  ") && !text.contains(['\'', '"']), "{name}");
                let before = |sign: char| text.split(sign).rev().skip(1).filter_map(|before| before.chars().last());
                for sign in [':', ';', '?', '!'] {
                    for before in before(sign) {
                        let is_apart = matches!(before, '\u{a0}' | '\u{202f}');
                        assert_eq!(is_apart, language == Language::Fr, "{sign} in {name}");
                        assert!(before != ' ', "{sign} in {name}");
                    }
                }
            }
        }
    }
}
