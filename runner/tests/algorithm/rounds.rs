//! Rounds to try algorithms on.

use base::BASE;
use serde_json::{Value, json};

/// The names of all base algorithms.
pub fn base_names() -> impl Iterator<Item = &'static str> {
    BASE.iter().map(|base| base.name)
}

/// The component file of a base algorithm.
pub fn base_component(name: &str) -> &'static [u8] {
    base::base(name).unwrap().bytes
}

/// A round of `(member, surplus, deficit)`; everything else is left out.
pub fn round(members: &[(&str, u64, u64)]) -> Value {
    let position = |(member, surplus, deficit): &(&str, u64, u64)| json!({"member": member, "surplus": surplus, "deficit": deficit});
    let positions: Vec<Value> = members.iter().map(position).collect();
    json!({"community": "aveiro", "start": "2023-09-01T12:00:00Z", "positions": positions})
}

/// The round of the README: one sells, two buy more than there is.
pub fn three_members() -> Value {
    round(&[("anna", 1500, 0), ("ben", 0, 700), ("carla", 0, 1000)])
}

/// The round that the hostile guests are written for.
pub fn guests_round() -> Value {
    let mut round = round(&[("anna", 1200, 0), ("bert", 0, 900), ("cleo", 0, 500)]);
    round["price_floor"] = json!(50_000);
    round["price_ceiling"] = json!(150_000);
    round
}

/// The object without what is never the same twice.
pub fn timeless(mut object: Value) -> Value {
    assert!(object["duration_us"].is_u64(), "{object}");
    object["duration_us"] = Value::Null;
    object
}
