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
        csv,
        json,
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
