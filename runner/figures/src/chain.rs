//! One digest of many lines, so that two people can tell whether they looked at the same.

use domain::Digest;

/// A chain of digests: each is the SHA-256 of the one before, in hexadecimal, and the next line. The first is that of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(Digest);

impl Default for Chain {
    fn default() -> Chain {
        Chain(Digest::of(b""))
    }
}

impl Chain {
    /// Adds the next line.
    pub fn add(&mut self, line: &str) {
        self.0 = Digest::of(format!("{}\n{line}\n", self.0).as_bytes());
    }

    /// Returns the digest of all lines so far.
    pub fn digest(self) -> Digest {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_and_their_order_matter() {
        let of = |lines: &[&str]| {
            let mut chain = Chain::default();
            lines.iter().for_each(|line| chain.add(line));
            chain.digest()
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&[]), of(&[""]));
    }
}
