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
    home: Home {
        title,
        none,
        settled_until,
        nothing_settled,
        behind,
        hours,
        days,
        held,
        failed,
        disputed,
        silent,
        unread,
        well,
        look,
        waiting,
        next_activation,
        next_configured,
        paused,
        part,
    }
    community: Community {
        days_of,
        so_far,
        empty,
        before,
        before_none,
        shared,
        shared_formula,
        of_potential,
        cover,
        cover_formula,
        use_rate,
        use_formula,
        of_kwh,
        saved,
        saved_formula,
        of_grid_alone,
        costs_more,
        paid,
        paid_formula,
        with_grid_alone,
        worse_off,
        worse_off_formula,
        of_members,
        worst,
        operator,
        operator_formula,
        fairness,
        fairness_formula,
        gini_jain,
        from_to,
        deviation,
        data,
        gaps,
        not_summed,
        flows,
        flows_note,
        given,
        taken,
        to_neighbours,
        to_grid,
        from_neighbours,
        from_grid,
        each_step,
        step_minutes,
        step_hour,
        step_day,
        steps_with_data,
        time,
        day,
        month,
        prices,
        prices_of_trades,
        lowest,
        mean,
        highest,
        lowest_to_highest,
        no_trades,
        heat,
        heat_note,
        heat_choice,
        heat_shared,
        heat_to_grid,
        heat_from_grid,
        heat_title,
        heat_most,
        heat_zero,
        members,
        members_note,
        member,
        bought_here,
        bought_grid,
        bought_at,
        sold_here,
        sold_grid,
        sold_at,
        paid_eur,
        grid_alone_eur,
        saved_eur,
        saved_part,
        all_members,
        members_part,
        members_before,
        members_after,
        sales,
        sales_title,
        sales_most,
        sales_unknown,
        seller,
        buyer,
        others,
        operator_party,
        matrix_note,
        matrix_others,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::Language;

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn no_language_lacks_a_text_or_a_place() {
        let english = Language::En.texts().each();
        for language in Language::ALL {
            for ((section, field, text), (.., english)) in language.texts().each().into_iter().zip(&english) {
                assert!(!text.trim().is_empty(), "{}: {section}.{field} is empty", language.code());
                assert_eq!(places(text), places(english), "{}: {section}.{field}", language.code());
            }
        }
    }
}
