//! Reads a TOML document into a schema of serde, and tells every mistake at once.
//!
//! A deserializer of serde ends at its first mistake. This one tells what is wrong and where, and goes on: each value of
//! the schema is in a [`Field`], which then has none. Nothing here knows any key.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;

/// The value of a key: missing, wrong (which was told), or right.
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

    /// Whether something is there that was told to be wrong.
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
        struct Parts<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position and a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Field<T>, A::Error> {
                let at = parts.next_element()?;
                // Whatever is wrong was told where it was found.
                let value = parts.next_element().ok().flatten();
                Ok(Field { value, at })
            }
        }

        // `Value` answers this with where it stands, and itself.
        deserializer.deserialize_tuple(2, Parts(PhantomData))
    }
}

/// What can stand in a list.
pub(super) trait Listed {
    /// A list of it, for messages.
    const LIST: &'static str;
}

/// The values of a list, each right or wrong.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct List<T>(pub(super) Vec<Field<T>>);

impl<'de, T: Deserialize<'de> + Listed> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List<T>, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Listed> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::LIST)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(Items(PhantomData))
    }
}

/// Reads a document; what is wrong in it is told, and missing in the answer.
pub(super) fn read<'a, T: Deserialize<'a>>(document: &'a DeValue<'a>, problems: &'a Problems<'a>) -> Option<T> {
    T::deserialize(Value { value: document, at: 0, path: String::new(), problems }).ok()
}

/// Why a value cannot be read.
#[derive(Debug)]
enum Mistake {
    /// Something else is expected.
    Expected(String),
    /// For another reason.
    Other(String),
    /// It was told already.
    Told,
}

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mistake::Expected(text) | Mistake::Other(text) => text,
            Mistake::Told => "told",
        })
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Mistake {
        Mistake::Other(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Mistake {
        Mistake::Expected(expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Mistake {
        Mistake::Expected(expected.to_string())
    }
}

/// A value of the document.
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
    fn tell(&self, mistake: Mistake) -> Mistake {
        let name = self.problems.name(self.at, &self.path);
        match mistake {
            Mistake::Expected(expected) => {
                let found = written(self.value);
                self.problems.at(self.at, format!("{name} is {found}, but {expected} is expected"));
            }
            Mistake::Other(reason) => self.problems.at(self.at, format!("{name}: {reason}")),
            Mistake::Told => {}
        }
        Mistake::Told
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
        let as_written = |text: String| text.into_deserializer();
        let visited = match self.value {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => visitor.visit_i128(number),
                Err(_) => visitor.visit_newtype_struct(as_written(number.to_string())),
            },
            DeValue::Boolean(truth) => visitor.visit_bool(*truth),
            // To the digit: no schema of ours computes with floating-point numbers.
            DeValue::Float(number) => visitor.visit_newtype_struct(as_written(number.as_str().to_owned())),
            DeValue::Datetime(time) => visitor.visit_newtype_struct(as_written(time.to_string())),
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
        match self.value {
            DeValue::Table(_) => self.deserialize_any(visitor),
            _ => Err(self.tell(Mistake::Expected("a table".to_owned()))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.value {
            DeValue::String(text) if variants.contains(&text.as_ref()) => {
                visitor.visit_enum(text.as_ref().into_deserializer())
            }
            _ => {
                let quoted: Vec<String> = variants.iter().map(|variant| format!("{variant:?}")).collect();
                Err(self.tell(Mistake::Expected(quoted.join(" or "))))
            }
        }
    }

    /// What a [`Field`] asks for.
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(Placed { at: Some(self.at), value: Some(self) })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct identifier ignored_any
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
