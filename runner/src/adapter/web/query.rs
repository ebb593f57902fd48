//! The parameters of an address.

use percent_encoding::percent_decode_str;

/// The longest query that is read, in bytes.
const BYTES_MAX: usize = 2048;
/// The most parameters that are read.
const PARAMETERS_MAX: usize = 32;
/// The longest form that is read, in bytes.
pub const FORM_BYTES_MAX: usize = 16 << 10;
/// The most fields of a form that are read.
const FIELDS_MAX: usize = 128;

/// The parameters of an address, in order. Of one that stands twice, the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of an address; `None` if it is too long or is no text.
    pub fn parse(query: &str) -> Option<Query> {
        Query::within(query, BYTES_MAX, PARAMETERS_MAX)
    }

    /// Reads the fields of a form as browsers send them; `None` if it is too long or is no text.
    pub fn of_form(form: &str) -> Option<Query> {
        Query::within(form, FORM_BYTES_MAX, FIELDS_MAX)
    }

    fn within(query: &str, bytes_max: usize, parameters_max: usize) -> Option<Query> {
        if query.len() > bytes_max {
            return None;
        }
        let mut parameters = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            parameters.push((decoded(key)?, decoded(value)?));
        }
        (parameters.len() <= parameters_max).then_some(Query(parameters))
    }

    /// Returns the value of a parameter; `None` if it is not there or empty, as a form sends it.
    pub fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Returns every value of a parameter that may stand several times.
    pub fn all<'q>(&'q self, key: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(known, value)| known == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// A text as forms send it.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

/// The query as it was sent, without this parameter.
pub fn without(query: &str, key: &str) -> String {
    let is_other = |part: &&str| part.split('=').next() != Some(key);
    query.split('&').filter(is_other).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_forms_send_them() {
        let query = Query::parse("a=1&b=x+y%26&a=2&c&d=").unwrap();
        assert_eq!(
            [query.get("a"), query.get("b"), query.get("c"), query.get("e")],
            [Some("2"), Some("x y&"), None, None]
        );
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(
            [Query::parse("a=%ff"), Query::parse(&"a".repeat(2049)), Query::parse(&"a&".repeat(33))],
            [None, None, None]
        );
        assert_eq!(without("lang=de&period=2024&lang=fr", "lang"), "period=2024");
    }
}
