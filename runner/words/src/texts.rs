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
        show,
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
