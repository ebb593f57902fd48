//! Messages, clients and servers generated from `proto/` by `build.rs`, exactly as on the wire.
//!
//! The platform's package `proto` is this module itself; other packages are modules in it. Deliberately absent: any
//! interpretation. Energy and prices are floats and ids are strings until a caller converts them.

// OK because this code is generated; its documentation is in proto/.
#![allow(missing_docs, unused_qualifications, clippy::all, clippy::cast_possible_truncation)]

tonic::include_proto!("proto");

/// The package under which the Meters repository's own service serves `RetrieveMeasurement`.
pub mod meters_microservice {
    tonic::include_proto!("meters_microservice");
}

/// The market's own package: how it pushes trades to Transactions, and the administration of algorithms.
pub mod rec_market_v1 {
    tonic::include_proto!("rec.market.v1");
}

pub mod measurements;
pub mod status;
pub mod tls;

/// Every file of `proto/` with its imports, as an encoded `google.protobuf.FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn field_numbers_and_presence_match_the_platform() {
        let filter =
            MatchesFilter { state: vec![0, 3], match_id: Some(String::new()), limit: Some(0), ..Default::default() };
        assert_eq!(filter.encode_to_vec(), [0x1a, 2, 0, 3, 0x32, 0, 0x40, 0]);
        let set = PriceUpdate { buy_price: 1.0, ..Default::default() };
        let answer = PriceResponse { sell_price: 1.0, ..Default::default() };
        assert_eq!(set.encode_to_vec(), answer.encode_to_vec());
        let with_grid = MatchResponse { buyer_id: "100".to_owned(), transaction_state: None, ..Default::default() };
        assert_eq!(with_grid.encode_to_vec(), b"\x12\x03100");
        let created = MatchResponse { transaction_state: Some(State::Created.into()), ..Default::default() };
        assert_eq!(created.encode_to_vec(), [0x48, 0]);
        let row = MeasurementResponse { device_id: "m".to_owned(), date: "d".to_owned(), ..Default::default() };
        assert_eq!(row.encode_to_vec(), b"\x0a\x01m\x22\x01d");
    }

    #[test]
    fn reflection_lists_every_service() {
        let names = ["MarketService", "AuthenticatedMarketService", "TransactionsService", "MetersService"];
        for name in names.into_iter().chain(["meters_microservice", "rec.market.v1", "TradeService"]) {
            assert!(DESCRIPTORS.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
        }
    }
}
