//! Pages: which part of a result a caller wants, and how much of it fits into one message.

use prost::Message;

use super::convert::Invalid;
use books::Window;

/// Maximum number of rows in a response. The smallest trade has more than 80 bytes, so the size in bytes is reached first.
pub(super) const ROWS_MAX: usize = 50_000;

/// The skip and limit of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    skip: u64,
    /// None for no limit.
    limit: Option<usize>,
}

/// The rows of one response.
#[derive(Debug, PartialEq)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// Whether the caller has asked for more rows than these.
    pub(super) more: bool,
}

impl Paging {
    /// Parses the two fields; a limit of 0 means no limit.
    pub(super) fn read(skip: Option<i32>, limit: Option<i32>) -> Result<Paging, Invalid> {
        let whole = |field: &str, number: Option<i32>| {
            let number = number.unwrap_or_default();
            u32::try_from(number).map_err(|_| Invalid::new(field, number, "a number from 0 is expected"))
        };
        let (skip, limit) = (whole("skip", skip)?, whole("limit", limit)?);
        // OK because this runs only on machines with 32 bits or more.
        let limit = (limit > 0).then(|| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Paging { skip: skip.into(), limit })
    }

    /// The window to read from the store: one row more than a response can have, which shows whether there are more.
    pub(super) fn window(self) -> Window {
        let most = ROWS_MAX + 1;
        Window { skip: self.skip, limit: self.limit.map_or(most, |limit| limit.min(most)) }
    }

    /// Whether nothing is skipped.
    pub(super) fn is_start(self) -> bool {
        self.skip == 0
    }

    /// What the next request has to skip if this one got that many rows.
    pub(super) fn after(self, rows: usize) -> u64 {
        self.skip.saturating_add(rows as u64)
    }

    /// The same start with exactly that many rows.
    pub(super) fn exactly(self, rows: usize) -> Window {
        Window { skip: self.skip, limit: rows }
    }
}

impl<T: Message> Page<T> {
    /// The first rows that fit into that many bytes of a message; at least one, if there is any.
    pub(super) fn cut(rows: impl IntoIterator<Item = T>, bytes_max: usize) -> Page<T> {
        let mut page = Page { rows: Vec::new(), more: false };
        let mut bytes = 0;
        for row in rows {
            let length = row.encoded_len();
            // One byte for the tag.
            bytes += 1 + prost::length_delimiter_len(length) + length;
            let full = bytes > bytes_max || page.rows.len() == ROWS_MAX;
            if full && !page.rows.is_empty() {
                page.more = true;
                break;
            }
            page.rows.push(row);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ListMatchResponse, MatchResponse};

    fn rows(count: usize) -> Vec<MatchResponse> {
        (0..count).map(|row| MatchResponse { id: "x".repeat(100 + row % 60), ..Default::default() }).collect()
    }

    #[test]
    fn a_page_is_as_long_as_its_message_says() {
        for bytes_max in [0, 1, 150, 1000, 1001, 1002, 5000] {
            let page = Page::cut(rows(40), bytes_max);
            let (count, more) = (page.rows.len(), page.more);
            let encoded = |count| ListMatchResponse { matches: rows(count) }.encoded_len();
            assert!(encoded(count) <= bytes_max || count == 1, "{bytes_max}");
            assert_eq!(more, count < 40, "{bytes_max}");
            assert!(!more || encoded(count + 1) > bytes_max, "{bytes_max}");
        }
        assert_eq!(Page::cut(rows(0), 0), Page { rows: rows(0), more: false });
    }

    #[test]
    fn a_limit_of_0_means_no_limit_and_negative_numbers_are_refused() {
        let window = |skip, limit| Paging::read(skip, limit).map(Paging::window).map_err(|error| error.to_string());
        assert_eq!(window(None, None), window(Some(0), Some(0)));
        assert_eq!(window(Some(3), Some(2)), Ok(Window { skip: 3, limit: 2 }));
        assert_eq!(window(None, Some(i32::MAX)), Ok(Window { skip: 0, limit: ROWS_MAX + 1 }));
        assert_eq!(window(Some(-1), None), Err("skip is -1, but a number from 0 is expected".to_owned()));
        assert_eq!(
            window(None, Some(i32::MIN)),
            Err("limit is -2147483648, but a number from 0 is expected".to_owned())
        );
    }
}
