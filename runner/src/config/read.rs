//! Reads a TOML document into a schema of serde, and tells every mistake at once.
//!
//! A deserializer of serde ends at its first mistake. This one tells what is wrong and where, and goes on: each value of
//! the schema is in a [`Field`], which then has none. Nothing here knows any key.

use std::fmt;
use std::iter::once;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;

/// Numbers with a fraction and times come as a table with this key and what the file says: nothing is rounded.
pub(super) const WRITTEN: &str = "$written";

/// The value of a key: missing, wrong (which was reported), or right.
pub(super) struct Field<T> {
    /// The value, if it is right.
    pub(super) value: Option<T>,
    /// Where it stands, right or wrong.
    pub(super) at: Option<usize>,
}

impl<T> Field<T> {
    /// A value that stands nowhere yet.
    pub(super) fn new(value: T) -> Field<T> {
        Field { value: Some(value), at: None }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.value.is_none()
    }

    /// Whether something is there that was reported to be wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.value.is_none() && self.at.is_some()
    }

    /// The value and where it stands, if it is right.
    pub(super) fn placed(self) -> Option<(T, usize)> {
        self.value.zip(self.at)
    }
}

impl<T> Default for Field<T> {
    fn default() -> Field<T> {
        Field { value: None, at: None }
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field<T>, D::Error> {
        // `Value` answers a pair with where it stands, and itself.
        let (at, Caught(value)) = Deserialize::deserialize(deserializer)?;
        Ok(Field { value, at: Some(at) })
    }
}

/// A value, or none where it is wrong, which was reported where it was found.
struct Caught<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Caught<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Caught<T>, D::Error> {
        Ok(Caught(T::deserialize(deserializer).ok()))
    }
}

/// Reads a document; what is wrong in it is reported, and missing in the result.
pub(super) fn read<'a, T: Deserialize<'a>>(document: &'a DeValue<'a>, problems: &'a Problems<'a>) -> Option<T> {
    T::deserialize(Value { value: document, at: 0, path: String::new(), problems }).ok()
}

/// What is expected in the place of a value that cannot be read; nothing if that was reported already.
#[derive(Debug)]
struct Mistake(Option<String>);

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("reported"))
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(expected: T) -> Mistake {
        Mistake(Some(expected.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Mistake {
        Mistake::custom(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Mistake {
        Mistake::custom(expected)
    }
}

/// A value of the document.
#[derive(Clone)]
struct Value<'de> {
    value: &'de DeValue<'de>,
    at: usize,
    /// The keys to it, such as `community.members.school.meters`.
    path: String,
    problems: &'de Problems<'de>,
}

impl<'de> Value<'de> {
    fn inner(&self, path: String, value: &'de Spanned<DeValue<'de>>) -> Value<'de> {
        Value { value: value.get_ref(), at: value.span().start, path, problems: self.problems }
    }

    fn path_to(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The entries of a table with these keys.
    fn entries<V: Visitor<'de>>(
        &self,
        table: &'de DeTable<'de>,
        is_known: impl Fn(&str) -> bool,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let entries = table.iter().map(|(key, value)| (key.get_ref().as_ref(), value));
        let entries = entries.filter(|(key, _)| is_known(key));
        visitor.visit_map(MapDeserializer::new(entries.map(|(key, value)| (key, self.inner(self.path_to(key), value)))))
    }

    /// Tells a mistake, if nobody has.
    fn tell(&self, Mistake(expected): Mistake) -> Mistake {
        if let Some(expected) = expected {
            let (name, found) = (self.problems.name(self.at, &self.path), written(self.value));
            self.problems.at(self.at, format!("{name} is {found}, but {expected} is expected"));
        }
        Mistake(None)
    }
}

/// A value as a person wrote it, near enough to find it.
fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

impl<'de> IntoDeserializer<'de, Mistake> for Value<'de> {
    type Deserializer = Value<'de>;

    fn into_deserializer(self) -> Value<'de> {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let as_written = |text: &str, visitor: V| visitor.visit_map(MapDeserializer::new(once((WRITTEN, text))));
        let visited = match self.value {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(signed) => visitor.visit_i64(signed),
                Err(_) => match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(unsigned) => visitor.visit_u64(unsigned),
                    Err(_) => visitor.visit_unit(),
                },
            },
            DeValue::Boolean(truth) => visitor.visit_bool(*truth),
            DeValue::Float(number) => as_written(number.as_str(), visitor),
            DeValue::Datetime(time) => as_written(&time.to_string(), visitor),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.inner(self.path.clone(), item));
                visitor.visit_seq(SeqDeserializer::new(items))
            }
            DeValue::Table(table) => self.entries(table, |_| true, visitor),
        };
        visited.map_err(|mistake| self.tell(mistake))
    }

    /// Tells the keys that the schema does not know.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let DeValue::Table(table) = self.value else {
            // A struct of serde would read a list as its fields in order.
            return Err(self.tell(de::Error::invalid_type(Unexpected::Other("value"), &visitor)));
        };
        let is_known = |key: &str| known.contains(&key);
        for key in table.keys().filter(|key| !is_known(key.get_ref())) {
            let mut known = known.to_vec();
            known.sort_unstable();
            let message = format!("is not a known key (known here: {})", known.join(", "));
            self.problems.at(key.span().start, format!("{} {message}", self.path_to(key.get_ref())));
        }
        self.entries(table, is_known, visitor).map_err(|mistake| self.tell(mistake))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.value.is_table() { self.deserialize_any(visitor) } else { Err(self.tell(de::Error::custom("a table"))) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let expected = "a list ([…], or [[…]] for tables)";
        if self.value.is_array() { self.deserialize_any(visitor) } else { Err(self.tell(de::Error::custom(expected))) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self.clone()).map_err(|mistake| self.tell(mistake))
    }

    /// What a [`Field`] asks for.
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(Placed { at: Some(self.at), value: Some(self) })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        tuple_struct enum identifier ignored_any
    }
}

/// A position, and then the value that stands there.
struct Placed<'de> {
    at: Option<usize>,
    value: Option<Value<'de>>,
}

impl<'de> SeqAccess<'de> for Placed<'de> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        if let Some(at) = self.at.take() {
            return seed.deserialize(at.into_deserializer()).map(Some);
        }
        self.value.take().map(|value| seed.deserialize(value)).transpose()
    }
}
