use alloc::{
    format,
    string::{String, ToString},
};

use core::{fmt::Display, ops::RangeInclusive};

use crate::Round;

/// One setting that an algorithm reads.
///
/// ```
/// use market_kit::{Setting, testing};
///
/// const PRICE: Setting = Setting {
///     key: "price",
///     summary: "price of every trade between members, in µEUR/kWh",
///     default: "120000",
/// };
///
/// let mut round = testing::round([]);
/// assert_eq!(PRICE.read::<i64>(&round), Ok(120_000));
///
/// round.settings.push(("price".into(), "0.12".into()));
/// assert_eq!(
///     PRICE.read::<i64>(&round).unwrap_err(),
///     r#"setting price is "0.12" but must be a whole number, -9223372036854775808 to 9223372036854775807 (leave it out for "120000")"#,
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in the community's configuration, such as `price`.
    pub key: &'static str,
    /// One sentence on its effect, with its unit.
    pub summary: &'static str,
    /// The value that applies if the community sets none, as text.
    pub default: &'static str,
}

impl Setting {
    /// Reads the setting's value from the round, or its default if the round has none.
    ///
    /// # Errors
    ///
    /// If the text is not a valid `T`. The message has the key, the text, the rule and the default.
    pub fn read<T: Value>(&self, round: &Round) -> Result<T, String> {
        let text = self.text(round);
        T::parse(text).ok_or_else(|| self.refuse(text, &T::rule()))
    }

    /// Reads the setting's value, which must lie within bounds, from the round, or its default if the round has none.
    ///
    /// # Errors
    ///
    /// If the text is not a whole number within the bounds.
    ///
    /// ```
    /// # use market_kit::{Setting, testing};
    /// const POSITION: Setting = Setting { key: "position", summary: "", default: "500000" };
    /// let mut round = testing::round([]);
    /// round.settings.push(("position".into(), "1000001".into()));
    /// assert_eq!(
    ///     POSITION.read_within(&round, 0..=1_000_000_u32).unwrap_err(),
    ///     r#"setting position is "1000001" but must be a whole number, 0 to 1000000 (leave it out for "500000")"#,
    /// );
    /// ```
    pub fn read_within<T: Value + PartialOrd + Display>(
        &self,
        round: &Round,
        bounds: RangeInclusive<T>,
    ) -> Result<T, String> {
        let text = self.text(round);
        let number = T::parse(text).filter(|number| bounds.contains(number));
        number.ok_or_else(|| self.refuse(text, &format!("a whole number, {} to {}", bounds.start(), bounds.end())))
    }

    /// The community's value, or else the default.
    // Always, because the key must be known where it is compared: components without the standard library have no `memcmp`.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    fn text<'r>(&self, round: &'r Round) -> &'r str {
        let given = round.settings.iter().find(|(key, _)| key == self.key);
        given.map_or(self.default, |(_, value)| value)
    }

    fn refuse(&self, text: &str, rule: &str) -> String {
        let Self { key, default, .. } = self;
        format!("setting {key} is {text:?} but must be {rule} (leave it out for {default:?})")
    }
}

/// A type that can be parsed from a setting's text.
///
/// Implement it for your own types, such as an enum of the words that a setting accepts.
pub trait Value: Sized {
    /// Parses the text; `None` if it is not a valid value.
    fn parse(text: &str) -> Option<Self>;

    /// Describes valid texts, to follow "must be" in a message.
    fn rule() -> String;
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn rule() -> String {
                format!("a whole number, {} to {}", Self::MIN, Self::MAX)
            }
        }
    )*};
}

whole_numbers!(i64, u32, u64);

impl Value for bool {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn rule() -> String {
        "true or false".to_string()
    }
}

impl Value for String {
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_string())
    }

    fn rule() -> String {
        "a text".to_string()
    }
}
