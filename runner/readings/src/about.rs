//! What a format is.

/// What a format is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// A short name for programs, which never changes.
    pub name: &'static str,
    /// Who makes such files.
    pub title: &'static str,
    /// How it is known.
    pub known_by: &'static str,
    /// What its numbers are.
    pub unit: &'static str,
    /// What its times are.
    pub stamp: &'static str,
}
