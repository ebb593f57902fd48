//! Where a MongoDB database is, and who we are there.

use std::fmt;

/// A MongoDB database, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoConfig {
    /// A `mongodb://` or `mongodb+srv://` address without credentials or other secrets; its path, if it has one, is the
    /// database's name.
    pub address: String,
    /// Who we are.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
