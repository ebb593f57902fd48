//! Pages: how much of an ordered answer a caller wants, and how much of it one message can carry.

use prost::Message;

use super::convert::Invalid;
use books::Window;

/// How many rows one answer is made from at most: the shortest trade has more than 80 bytes, so that no page of the
/// usual size is cut by this.
const ROWS_MAX: usize = 50_000;

/// Skip and limit as a caller gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    skip: u64,
    /// None for no limit.
    limit: Option<usize>,
}

/// A part of an answer that fits one message.
#[derive(Debug, PartialEq)]
pub(super) struct Page<T> {
    /// The rows, in order.
    pub(super) rows: Vec<T>,
    /// Whether there is more that the caller asked for.
    pub(super) more: bool,
}

impl Asked {
    /// Reads the two fields; a limit of 0 is none.
    pub(super) fn read(skip: Option<i32>, limit: Option<i32>) -> Result<Asked, Invalid> {
        let whole = |field: &str, number: Option<i32>| {
            let number = number.unwrap_or_default();
            u32::try_from(number).map_err(|_| Invalid::new(field, number, "a number from 0 is expected"))
        };
        let (skip, limit) = (whole("skip", skip)?, whole("limit", limit)?);
        // OK because every machine that this runs on has addresses of 32 bit or more.
        let limit = (limit > 0).then(|| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Asked { skip: skip.into(), limit })
    }

    /// What to ask the store for: one row more than an answer can have, so as to know whether there is more.
    pub(super) fn window(self) -> Window {
        let most = ROWS_MAX + 1;
        Window { skip: self.skip, limit: self.limit.map_or(most, |limit| limit.min(most)) }
    }

    /// The same beginning, and exactly so many rows.
    pub(super) fn exactly(self, rows: usize) -> Window {
        Window { skip: self.skip, limit: rows }
    }
}

impl<T: Message> Page<T> {
    /// The first rows that together have at most so many bytes as one field of a message; at least one, if there is any.
    pub(super) fn cut(rows: impl IntoIterator<Item = T>, bytes_max: usize) -> Page<T> {
        let mut page = Page { rows: Vec::new(), more: false };
        let mut bytes = 0;
        for row in rows {
            let length = row.encoded_len();
            // One byte for the field's number and type.
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
    fn a_limit_of_0_is_none_and_negative_numbers_are_refused() {
        let window = |skip, limit| Asked::read(skip, limit).map(Asked::window).map_err(|error| error.to_string());
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
