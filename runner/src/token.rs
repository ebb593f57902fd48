//! Secret texts by which somebody is known: those that people put into files, and those that are made here.

use std::fmt;
use std::path::Path;

use domain::Digest;
use tokio_rustls::rustls::crypto::ring;

/// Minimum length of a token in a file; a shorter one could be guessed.
const CHARS_MIN: usize = 16;
/// Maximum size of a token file, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// Length of a token that is made here, in hexadecimal digits: 128 bits.
const DIGITS: usize = 32;

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers (is /dev/urandom there?)")]
pub struct NoRandomNumbers;

/// A token that was made here: 128 random bits, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Nothing that is logged shows one.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Makes one that nobody can guess.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new() -> Result<Token, NoRandomNumbers> {
        let mut bits = [0; DIGITS / 2];
        ring::default_provider().secure_random.fill(&mut bits).map_err(|_| NoRandomNumbers)?;
        Ok(Token(bits.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Reads one; `None` if the text was never one.
    pub fn parse(text: &str) -> Option<Token> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == DIGITS && text.bytes().all(is_digit)).then(|| Token(text.to_owned()))
    }

    /// The text itself, for whoever it is made for.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// The token in a file, read each time because the file may be replaced while the service runs. `whose` is who brings it, for the
/// log.
pub fn in_file(file: &Path, whose: &'static str) -> Option<String> {
    let read = |file: &Path| {
        let bytes = file.metadata()?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!("it has {bytes} bytes")));
        }
        std::fs::read_to_string(file)
    };
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(file = %file.display(), "cannot read the token of a {whose}: {error}");
            return None;
        }
    };
    let token = text.trim();
    if token.chars().count() < CHARS_MIN {
        tracing::error!(file = %file.display(), "the token of a {whose} has fewer than {CHARS_MIN} characters and is ignored");
        return None;
    }
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_the_same_and_none_is_shown() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 32);
        assert_eq!(Token::parse(one.as_str()), Some(one.clone()));
        assert!(!format!("{one:?}").contains(one.as_str()));
        assert_eq!(one.digest(), Digest::of(one.as_str().as_bytes()));
    }

    #[test]
    fn what_was_never_a_token_is_none() {
        let right = "0123456789abcdef0123456789abcdef";
        assert!(Token::parse(right).is_some());
        for wrong in ["", "0", &right[1..], &format!("{right}0"), &right.to_uppercase(), &right.replace('a', "g")] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Token::parse(&"é".repeat(16)), None);
    }
}
