//! The way of every text to stdout: whatever a command prints, no character reaches the terminal that nobody sees.

use std::io::{self, Write};

use domain::text::printable_lines;

/// A writer of text that prints an escape for each character that is not to be printed, but line breaks and tabs.
///
/// JSON and CSV come here without such characters, or the escapes would change what they mean.
pub struct Printed<W> {
    to: W,
    /// The beginning of a character whose end is yet to come.
    begun: Vec<u8>,
}

impl<W: Write> Printed<W> {
    pub fn new(to: W) -> Printed<W> {
        Printed { to, begun: Vec::new() }
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.utf8_chunks() {
            self.to.write_all(printable_lines(chunk.valid()).as_bytes())?;
            if !chunk.invalid().is_empty() {
                self.to.write_all("\u{fffd}".as_bytes())?;
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Printed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&text) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => text.len(),
        };
        self.begun = text.split_off(complete);
        self.print(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let begun = std::mem::take(&mut self.begun);
        self.print(&begun)?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(parts: &[&[u8]]) -> String {
        let mut bytes = Vec::new();
        let mut out = Printed::new(&mut bytes);
        for part in parts {
            out.write_all(part).unwrap();
        }
        out.flush().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_nobody_sees_becomes_an_escape() {
        assert_eq!(printed(&["m\u{202e}1\t→\n".as_bytes(), b"\x1b[2J\r"]), "m\\u{202e}1\t→\n\\u{1b}[2J\\r");
    }

    #[test]
    fn a_character_may_come_in_parts() {
        let bytes = "→ \u{202e}\u{e0041}".as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(printed(&[&bytes[..at], &bytes[at..]]), "→ \\u{202e}\\u{e0041}", "{at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(printed(&single), "→ \\u{202e}\\u{e0041}");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(printed(&[b"a\xff\xfeb", b"\xe2\x86"]), "a\u{fffd}\u{fffd}b\u{fffd}");
    }
}
