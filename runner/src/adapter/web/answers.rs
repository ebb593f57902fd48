//! Whole answers, kept until another interval is settled, and for a minute at most: a page that many look at is made once.

use domain::Boundary;
use jiff::{SignedDuration, Timestamp};
use pages::place::{Form, Place};
use words::Language;

use super::query::Query;
use super::recent::Recent;
use super::text::Text;
use super::viewer::Viewer;

/// Most bytes of all answers together.
const BYTES_MAX: usize = 32 << 20;
/// Bytes that an answer takes beside its text, about.
const BYTES_BESIDE: usize = 512;
/// All that an answer depends on beside what is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub place: Place,
    pub form: Form,
    pub query: Query,
    pub language: Language,
    pub viewer: Viewer,
}

/// How long a page stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Stays {
    /// Not longer than until another interval is settled: this is the end of the community's last one.
    pub mark: Boundary,
    /// Not longer than this either: so old may be what it tells beside the books.
    pub age_max: SignedDuration,
}

#[derive(Clone, Debug)]
struct Kept {
    text: Text,
    stays: Stays,
    at: Timestamp,
}

/// Answers that were made.
#[derive(Debug, Default)]
pub struct Answers(Recent<Key, Kept>);

impl Answers {
    /// The answer that is kept, with the mark that must still be the community's.
    pub fn find(&self, key: &Key, now: Timestamp) -> Option<(Text, Boundary)> {
        let kept = self.0.find(key)?;
        let age = now.duration_since(kept.at);
        (!age.is_negative() && age < kept.stays.age_max).then_some((kept.text, kept.stays.mark))
    }

    /// Keeps an answer that was made at an instant.
    pub fn keep(&self, key: Key, text: Text, stays: Stays, at: Timestamp) {
        self.0.keep(key, Kept { text, stays, at }, |_, _| false);
        self.0.trim(BYTES_MAX, |_, kept| kept.text.bytes().saturating_add(BYTES_BESIDE));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use pages::place::Part;
    use serde_json::json;

    use super::*;
    use crate::config::Role;

    fn key(community: &str, viewer: &str) -> Key {
        Key {
            place: Place::of(community, Part::Overview),
            form: Form::Json,
            query: Query::default(),
            language: Language::En,
            viewer: Viewer {
                name: viewer.to_owned(),
                role: Role::Board,
                community: None,
                member: None,
                has_session: false,
            },
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// For a minute.
    const STAYS: Stays = Stays { mark: Boundary::EPOCH, age_max: SignedDuration::from_secs(60) };

    #[test]
    fn an_answer_is_for_its_viewer_only_and_for_a_short_time() {
        let answers = Answers::default();
        answers.keep(key("a", "ann"), Text::json(&json!("for ann")), STAYS, at(1000));
        let others = [key("a", "ben"), key("b", "ann"), Key { form: Form::Page, ..key("a", "ann") }];
        let others = others.into_iter().chain([Key { language: Language::De, ..key("a", "ann") }]);
        let others = others.chain([Key { query: Query::parse("period=2024").unwrap(), ..key("a", "ann") }]);
        for other in others {
            assert!(answers.find(&other, at(1000)).is_none(), "{other:?}");
        }
        let found = [999, 1000, 1059, 1060].map(|now| answers.find(&key("a", "ann"), at(now)).is_some());
        // Whoever sets the clock back sees nothing that is older than it looks.
        assert_eq!(found, [false, true, true, false]);
        assert_eq!(answers.find(&key("a", "ann"), at(1000)).unwrap().1, STAYS.mark);
    }

    #[test]
    fn all_answers_together_are_bounded() {
        let answers = Answers::default();
        let text = Text::json(&json!("x".repeat(BYTES_MAX / 4)));
        for community in ["a", "b", "c", "d", "e"] {
            answers.keep(key(community, "ann"), text.clone(), STAYS, at(0));
        }
        let kept = ["a", "b", "c", "d", "e"].map(|community| answers.find(&key(community, "ann"), at(0)).is_some());
        assert_eq!(kept, [false, false, true, true, true]);
    }
}
