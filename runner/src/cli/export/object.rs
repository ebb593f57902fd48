//! A JSON object that is written as it is read.

use std::io::Write;

use domain::text::printable_json;
use serde::Serialize;

/// An object, with a line for each field and each item of its lists.
pub(super) struct Object<'o, W: Write> {
    out: &'o mut W,
    is_first: bool,
}

/// A list in an object.
pub(super) struct List<'l, 'o, W: Write> {
    object: &'l mut Object<'o, W>,
    pub(super) items: u64,
}

impl<'o, W: Write> Object<'o, W> {
    pub(super) fn begin(out: &'o mut W) -> anyhow::Result<Object<'o, W>> {
        write!(out, "{{")?;
        Ok(Object { out, is_first: true })
    }

    fn key(&mut self, key: &str) -> anyhow::Result<()> {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        Ok(write!(self.out, "{comma}\n{}: ", serde_json::to_string(key)?)?)
    }

    pub(super) fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> anyhow::Result<()> {
        self.key(key)?;
        Ok(write!(self.out, "{}", printable_json(&serde_json::to_string(value)?))?)
    }

    /// Begins a list, which [ends](List::end).
    pub(super) fn list(&mut self, key: &str) -> anyhow::Result<List<'_, 'o, W>> {
        self.key(key)?;
        write!(self.out, "[")?;
        Ok(List { object: self, items: 0 })
    }

    pub(super) fn end(self) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "\n}}")?)
    }
}

impl<W: Write> List<'_, '_, W> {
    pub(super) fn item(&mut self, item: &impl Serialize) -> anyhow::Result<()> {
        let comma = if self.items > 0 { "," } else { "" };
        self.items += 1;
        Ok(write!(self.object.out, "{comma}\n{}", printable_json(&serde_json::to_string(item)?))?)
    }

    /// Ends the list; returns how many items it has.
    pub(super) fn end(self) -> anyhow::Result<u64> {
        let line = if self.items > 0 { "\n" } else { "" };
        write!(self.object.out, "{line}]")?;
        Ok(self.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_piece_by_piece_is_one_object() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out).unwrap();
        object.field("a", "m\u{202e}\"").unwrap();
        assert_eq!(object.list("none").unwrap().end().unwrap(), 0);
        let mut list = object.list("some").unwrap();
        list.item(&1).unwrap();
        list.item(&"x").unwrap();
        assert_eq!(list.end().unwrap(), 2);
        object.end().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{202e}'), "{text}");
        let expected = serde_json::json!({"a": "m\u{202e}\"", "none": [], "some": [1, "x"]});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    }
}
