//! What monitoring sees of communities.

/// Communities that have series of their own in `/metrics` if nobody says otherwise: each has some hundred, 7 KB.
const COMMUNITIES_WITH_SERIES: usize = 200;

/// Whose series `/metrics` has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SeriesOf {
    /// Each community's, unless there are many.
    #[default]
    Auto,
    /// Each community's.
    Each,
    /// Those of all communities together.
    Total,
}

impl SeriesOf {
    /// Whether so many communities have theirs together.
    pub fn in_total(self, communities: usize) -> bool {
        match self {
            SeriesOf::Auto => communities > COMMUNITIES_WITH_SERIES,
            SeriesOf::Each => false,
            SeriesOf::Total => true,
        }
    }
}
