//! The address of every page, made and read in one place.

use domain::{Boundary, MemberId};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a name in an address keeps as it is (RFC 3986, 2.3: unreserved characters).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As [`KEPT`], for a name that ends like the address of its numbers.
const KEPT_BUT_DOTS: &AsciiSet = &KEPT.add(b'.');
/// What the address of a page's numbers ends with.
const JSON: &str = ".json";

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// All communities.
    Home,
    /// One page about a community.
    Of {
        /// The community's name.
        community: String,
        /// Which page.
        part: Part,
    },
}

/// Which page about a community.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The community over a period.
    Overview,
    /// One interval, by its start.
    Interval(Boundary),
    /// The statement of one member.
    Member(MemberId),
    /// Differences between rules.
    Compare,
    /// What settles and what was decided.
    Algorithms,
    /// What people should know of.
    Events,
}

/// What is wanted of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The page to look at.
    Page,
    /// Its numbers for programs.
    Json,
}

impl Place {
    /// Makes a place about a community.
    pub fn of(community: impl Into<String>, part: Part) -> Place {
        Place::Of { community: community.into(), part }
    }

    /// Returns the community that it is about.
    pub fn community(&self) -> Option<&str> {
        match self {
            Place::Home => None,
            Place::Of { community, .. } => Some(community),
        }
    }

    /// Reads the path of an address, as it was sent; `None` if no page has it.
    pub fn parse(path: &str) -> Option<(Place, Form)> {
        let (path, form) = match path.strip_suffix(JSON) {
            Some(path) => (path, Form::Json),
            None => (path, Form::Page),
        };
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let decoded = |part: &str| {
            let name = percent_decode_str(part).decode_utf8().ok()?;
            Some(name.into_owned()).filter(|name| !name.is_empty())
        };
        let place = match parts[..] {
            [""] => Place::Home,
            ["c", community] => Place::of(decoded(community)?, Part::Overview),
            ["c", community, page] => {
                let part = match page {
                    "compare" => Part::Compare,
                    "algorithms" => Part::Algorithms,
                    "events" => Part::Events,
                    _ => return None,
                };
                Place::of(decoded(community)?, part)
            }
            ["c", community, "i", start] => {
                let start: Timestamp = decoded(start)?.parse().ok()?;
                let whole = u64::try_from(start.as_second()).ok().filter(|_| start.subsec_nanosecond() == 0)?;
                Place::of(decoded(community)?, Part::Interval(Boundary::from_seconds(whole)?))
            }
            ["c", community, "m", member] => {
                Place::of(decoded(community)?, Part::Member(MemberId::from_stored(&decoded(member)?).ok()?))
            }
            _ => return None,
        };
        Some((place, form))
    }

    /// Returns the path of the page in this form.
    pub fn href(&self, form: Form) -> String {
        let path = match self {
            Place::Home => "/".to_owned(),
            Place::Of { community, part } => {
                let community = encoded(community);
                match part {
                    Part::Overview => format!("/c/{community}"),
                    Part::Interval(start) => format!("/c/{community}/i/{start}"),
                    Part::Member(member) => format!("/c/{community}/m/{}", encoded(member.as_str())),
                    Part::Compare => format!("/c/{community}/compare"),
                    Part::Algorithms => format!("/c/{community}/algorithms"),
                    Part::Events => format!("/c/{community}/events"),
                }
            }
        };
        match form {
            Form::Page => path,
            Form::Json => path + JSON,
        }
    }
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let kept = if name.ends_with(JSON) || name.chars().all(|c| c == '.') { KEPT_BUT_DOTS } else { KEPT };
    utf8_percent_encode(name, kept).to_string()
}

/// A value as a part of a query.
pub fn query_value(value: &str) -> String {
    utf8_percent_encode(value, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_an_address_that_leads_to_it() {
        let start = Boundary::from_seconds(1_714_731_300).unwrap();
        for community in ["sunny-street", "a/b?c#d", "Ré ö", "a.json", "%2F", "c"] {
            for part in [
                Part::Overview,
                Part::Interval(start),
                Part::Member("m/1.json".parse().unwrap()),
                Part::Compare,
                Part::Algorithms,
                Part::Events,
            ] {
                let place = Place::of(community, part);
                for form in [Form::Page, Form::Json] {
                    assert_eq!(Place::parse(&place.href(form)), Some((place.clone(), form)));
                }
            }
        }
        assert_eq!(Place::parse("/"), Some((Place::Home, Form::Page)));
        assert_eq!(Place::parse("/.json"), Some((Place::Home, Form::Json)));
        assert_eq!(Place::of("x", Part::Interval(start)).href(Form::Page), "/c/x/i/2024-05-03T10:15:00Z");
    }

    #[test]
    fn what_is_no_page_is_none() {
        for path in [
            "",
            "c/x",
            "/c",
            "/c/",
            "/c/x/",
            "/c//compare",
            "/c/x/y",
            "/c/x/i/now",
            "/c/x/i/2024-05-03",
            "/c/%ff",
            "//",
            "/c/x/m/",
        ] {
            assert_eq!(Place::parse(path), None, "{path}");
        }
    }
}
