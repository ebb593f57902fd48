//! Reads and writes typed documents. An error names the document, and the field that cannot be read.

use std::cell::RefCell;

use mongodb::Collection;
use mongodb::action::Find;
use mongodb::bson::error::Error as BsonError;
use mongodb::bson::{
    Bson, Deserializer, Document, RawBsonRef, RawDocument, deserialize_from_slice, doc, serialize_to_document,
};
use mongodb::error::ErrorKind;
use serde::Serialize;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::fault::{DUPLICATE, Fault, is_duplicate, write_failed};
use crate::cause::about;

/// All documents of a query; `what` is what an error calls one of them.
pub(super) async fn all<T: DeserializeOwned + Send + Sync>(what: &str, find: Find<'_, T>) -> Result<Vec<T>, Fault> {
    let mut documents = Vec::new();
    each(what, find, |document| {
        documents.push(document);
        Ok(())
    })
    .await?;
    Ok(documents)
}

/// Takes the documents of a query one by one, so that they are never all in memory.
pub(super) async fn each<T: DeserializeOwned + Send + Sync>(
    what: &str,
    find: Find<'_, T>,
    mut take: impl FnMut(T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut cursor = find.await?;
    while cursor.advance().await? {
        take(decode(what, cursor.current())?)?;
    }
    Ok(())
}

/// The first document that a filter finds.
pub(super) async fn one<T: DeserializeOwned + Send + Sync>(
    what: &str,
    of: &Collection<T>,
    filter: Document,
) -> Result<Option<T>, Fault> {
    // A negative limit asks for one batch and no cursor.
    Ok(all(what, of.find(filter).limit(-1)).await?.pop())
}

/// Whether a filter finds anything.
pub(super) async fn exists<T: Send + Sync>(collection: &Collection<T>, filter: Document) -> Result<bool, Fault> {
    let found = collection.clone_with_type::<Document>().find_one(filter).projection(doc! { "_id": 1 }).await?;
    Ok(found.is_some())
}

/// Inserts a document; answers whether its `_id` was free.
pub(super) async fn insert<T: Serialize + Send + Sync>(into: &Collection<T>, document: &T) -> Result<bool, Fault> {
    match into.insert_one(document).await {
        Err(error) if is_duplicate(&error) => Ok(false),
        inserted => Ok(inserted.map(|_| true)?),
    }
}

/// Inserts documents in order, up to the first whose `_id` is taken; answers how many were inserted.
pub(super) async fn insert_in_order<T: Serialize + Send + Sync>(
    into: &Collection<T>,
    documents: &[T],
) -> Result<usize, Fault> {
    match documents {
        [] => return Ok(0),
        [single] => return insert(into, single).await.map(usize::from),
        _ => {}
    }
    let Err(error) = into.insert_many(documents).ordered(true).await else { return Ok(documents.len()) };
    let ErrorKind::InsertMany(failed) = error.kind.as_ref() else { return Err(error.into()) };
    if let Some(concern) = &failed.write_concern_error {
        return Err(Fault::Unsafe(concern.message.clone()));
    }
    match failed.write_errors.iter().flatten().next() {
        Some(error) if error.code == DUPLICATE => Ok(error.index),
        Some(error) => Err(write_failed(&error.message)),
        None => Err(error.into()),
    }
}

/// Inserts those documents whose `_id` is not there yet; answers the positions of the others.
pub(super) async fn insert_missing<T: Serialize + Send + Sync>(
    into: &Collection<T>,
    documents: &[T],
) -> Result<Vec<usize>, Fault> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let Err(error) = into.insert_many(documents).ordered(false).await else { return Ok(Vec::new()) };
    let ErrorKind::InsertMany(failed) = error.kind.as_ref() else { return Err(error.into()) };
    if let Some(concern) = &failed.write_concern_error {
        return Err(Fault::Unsafe(concern.message.clone()));
    }
    let errors = failed.write_errors.iter().flatten();
    let position = |error: &mongodb::error::IndexedWriteError| match error.code {
        DUPLICATE => Ok(error.index),
        _ => Err(write_failed(&error.message)),
    };
    errors.map(position).collect()
}

/// A document in whose place another one can be found or written.
pub(super) fn encode<T: Serialize>(document: &T) -> Result<Document, Fault> {
    serialize_to_document(document).map_err(|error| Fault::Refused(error.into()))
}

/// Reads a document.
pub(super) fn decode<T: DeserializeOwned>(what: &str, document: &RawDocument) -> Result<T, Fault> {
    deserialize_from_slice(document.as_bytes()).map_err(|error| {
        let what = format!("{what} {}", id(document));
        // The driver's error names no field.
        Fault::Record(about(what, wrong_field::<T>(document).unwrap_or_else(|| message(&error))))
    })
}

/// Whether a document has a field, and not null in it.
pub(super) fn has(document: &RawDocument, name: &str) -> bool {
    matches!(document.get(name), Ok(Some(value)) if value != RawBsonRef::Null)
}

/// The `_id` of a document as people write it.
pub(super) fn id(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::String(id))) => id.to_owned(),
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_string(),
        Ok(Some(id)) => Bson::try_from(id).map(|id| id.to_string()).unwrap_or_default(),
        _ => "without an _id".to_owned(),
    }
}

/// What is wrong with a document that cannot be read. It is read again, because the driver's error names no field.
fn wrong_field<T: DeserializeOwned>(document: &RawDocument) -> Option<String> {
    struct Value(Bson);
    impl IntoDeserializer<'_, BsonError> for Value {
        type Deserializer = Deserializer;
        fn into_deserializer(self) -> Deserializer {
            Deserializer::new(self.0)
        }
    }
    let document = Document::try_from(document).ok()?;
    // The field that is being read; none after the last one.
    let reading = RefCell::new(None);
    let fields = document.iter().map(Some).chain([None]).map_while(|field| {
        reading.replace(field);
        field.map(|(name, value)| (name.as_str(), Value(value.clone())))
    });
    let error = T::deserialize(MapDeserializer::new(fields)).err()?;
    Some(match reading.into_inner() {
        Some((name, value)) => format!("field {name} has {:?}: {}", value.element_type(), message(&error)),
        None => message(&error),
    })
}

fn message(error: &BsonError) -> String {
    error.message.clone().unwrap_or_else(|| error.to_string())
}

#[cfg(test)]
mod tests {
    use domain::text::chain;
    use mongodb::bson::{DateTime, RawDocumentBuf};

    use super::super::trades::TradeDocument;
    use super::*;

    /// A trade of ours with this in a field, or without the field.
    fn read(name: &str, value: Option<Bson>) -> Result<TradeDocument, Fault> {
        let id = mongodb::bson::oid::ObjectId::from_bytes([7; 12]);
        let date = DateTime::from_millis(1_693_569_600_000);
        let mut document = doc! {
            "_id": id, "timestamp": date, "buyer_id": "b", "seller_id": "a", "created_at": date,
            "metadata": { "transaction_state": 0, "updated_at": date, "revision": 1_i64 }, "community": "aveiro",
            "start": date, "number": 0_i64, "energy_wh": 100, "price_micro_eur": 7_i64, "unknown": [1],
        };
        document.remove(name);
        document.extend(value.map(|value| (name.to_owned(), value)));
        decode("trade", &RawDocumentBuf::try_from(document).unwrap())
    }

    #[test]
    fn an_error_names_the_document_and_its_field() {
        assert!(read("", None).is_ok());
        for (name, wrong, expected) in [
            ("start", Bson::from("x"), "field start has String: a date is expected"),
            ("start", Bson::Null, "field start has Null: a date is expected"),
            (
                "timestamp",
                DateTime::MIN.into(),
                "field timestamp has DateTime: a date before the year 10000 is expected",
            ),
            (
                "created_at",
                DateTime::MAX.into(),
                "field created_at has DateTime: a date before the year 10000 is expected",
            ),
            ("community", 1.into(), "field community has Int32: invalid type: integer `1`, expected a string"),
            ("number", (-1).into(), "field number has Int32: invalid value: integer `-1`, expected u64"),
            ("energy_wh", 0.5.into(), "field energy_wh has Double: invalid type: floating point `0.5`, expected u64"),
            ("buyer_id", 7.into(), "field buyer_id has Int32: a name or 100 is expected"),
            ("seller_id", "grid".into(), "field seller_id has String: \"grid\" is no name of a member"),
            ("metadata", "x".into(), "field metadata has String: invalid type: string \"x\", expected struct Metadata"),
            ("metadata", doc! { "transaction_state": 9 }.into(), "field metadata has EmbeddedDocument: 9 is no state"),
        ] {
            let Err(Fault::Record(cause)) = read(name, Some(wrong)) else { panic!("{name} can be read") };
            assert_eq!(chain(&*cause), format!("trade 070707070707070707070707: {expected}"));
        }
        let Err(Fault::Record(cause)) = read("start", None) else { panic!("it can be read") };
        assert_eq!(chain(&*cause), "trade 070707070707070707070707: missing field `start`");
        let Err(Fault::Record(cause)) = read("_id", None) else { panic!("it can be read") };
        assert_eq!(chain(&*cause), "trade without an _id: missing field `_id`");
    }
}
