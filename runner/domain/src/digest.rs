//! SHA-256 digests, and how domain values are encoded for them.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A SHA-256 digest. Its text form is 64 hexadecimal digits: lower case when printed, either case when parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Length of a digest that is cut for people, in digits.
const SHORT_DIGITS: usize = 12;

/// The error for text that is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 digest (64 hexadecimal digits are expected)")]
pub struct InvalidDigest(String);

impl Digest {
    /// Computes the digest of raw bytes, such as a component file.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// Restores a digest that was computed earlier.
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 digits, which are enough for people to tell algorithms apart.
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(SHORT_DIGITS);
        digits
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        read_hex(text).map(Digest).ok_or_else(|| InvalidDigest(text.to_owned()))
    }
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex<const N: usize>(f: &mut fmt::Formatter<'_>, bytes: &[u8; N]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; N];
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    // OK because digits are text.
    f.write_str(str::from_utf8(digits.as_flattened()).unwrap_or_default())
}

/// Parses exactly `N` bytes from hexadecimal digits; `None` for any other text.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// Builds a digest field by field. Every field has a fixed width or is preceded by its length, so that different values
/// never encode to the same bytes.
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    /// Starts with a label, so that values of different types never have the same digest.
    pub(crate) fn new(label: &str) -> Hasher {
        let mut hasher = Hasher(sha2::Sha256::new());
        hasher.text(label);
        hasher
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn option(&mut self, number: Option<i64>) {
        self.u64(u64::from(number.is_some()));
        self.i64(number.unwrap_or(0));
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_can_be_printed_and_parsed() {
        let digest = Digest::of(b"watt");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!((digest.short().len(), digest.to_string().find(&digest.short())), (12, Some(0)));
    }

    #[test]
    fn text_that_is_not_a_digest_is_refused() {
        for text in ["", "ab", "zz", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(text.parse::<Digest>(), Err(InvalidDigest(text.to_owned())));
        }
    }

    #[test]
    fn moving_a_letter_from_one_field_to_the_next_changes_the_digest() {
        let digest = |a, b| {
            let mut hasher = Hasher::new("test");
            hasher.text(a);
            hasher.text(b);
            hasher.finish()
        };
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
    }
}
