//! Our own Meters service: the platform's Gateway posts readings to it, and the market settles them.

use testkit::*;
use tonic::Code;
use tonic::transport::Channel;
use wire::meters_service_client::MetersServiceClient;
use wire::{MeterEntry, QueryMeters};

type Client = MetersServiceClient<Channel>;

async fn client(service: &Service) -> Client {
    MetersServiceClient::connect(format!("http://{}", service.plain)).await.unwrap()
}

fn entry(meter: &str, time: &str, import: i32, export: i32) -> MeterEntry {
    MeterEntry {
        device_id: meter.to_owned(),
        active_import: import,
        active_export: export,
        timestamp: date(time),
        ..MeterEntry::default()
    }
}

async fn add(client: &mut Client, meter: &str, time: &str, import: i32, export: i32) {
    let added = client.add_measurement(entry(meter, time, import, export)).await.unwrap().into_inner();
    assert_eq!((added.status, added.message), (200, None));
}

/// What is listed, as `meter register value time`.
async fn listed(client: &mut Client, query: QueryMeters) -> Vec<String> {
    let entries = client.retrieve_measurement(query).await.unwrap().into_inner().entries;
    let line = |row: &wire::MeasurementResponse| {
        format!("{} {} {} {}", row.device_id, row.field.trim_start_matches("Active "), row.value, short(&row.date))
    };
    entries.iter().map(line).collect()
}

fn market() -> Market {
    Market::serving_all(&community("aveiro", "store", ""), "")
}

#[test]
fn readings_that_are_posted_are_listed_and_settled() {
    // Long after, so that it does not settle what is only posted in part.
    let market = Market::serving_all(&community("aveiro", "store", "grace = \"60000h\"\n"), "");
    let service = Service::start(&market);
    runtime().block_on(async {
        let mut client = client(&service).await;
        for (meter, time, import, export) in
            [("a", "12:00", 0, 500), ("b", "12:00", 7, 0), ("a", "12:15", 0, 600), ("b", "12:15", 37, 0)]
        {
            add(&mut client, meter, time, import, export).await;
            add(&mut client, meter, time, import, export).await;
        }
        let all = listed(&mut client, QueryMeters::default()).await;
        let expected = [
            "a import 0 12:15",
            "a import 0 12:00",
            "a export 600 12:15",
            "a export 500 12:00",
            "b import 37 12:15",
            "b import 7 12:00",
            "b export 0 12:15",
            "b export 0 12:00",
        ];
        assert_eq!(all, expected);
        // The oldest rows, newest first.
        let of_b = QueryMeters { device_id: Some("b".to_owned()), limit: Some(1), ..QueryMeters::default() };
        assert_eq!(listed(&mut client, of_b.clone()).await, ["b import 7 12:00", "b export 0 12:00"]);
        let next = QueryMeters { skip: Some(1), ..of_b.clone() };
        assert_eq!(listed(&mut client, next).await, ["b import 37 12:15", "b export 0 12:15"]);
        let later = QueryMeters { start_interval: Some(date("12:10")), ..of_b };
        assert_eq!(listed(&mut client, later).await, ["b import 37 12:15", "b export 0 12:15"]);
    });
    service.terminate().ends_with(0);
    market.reconfigure("60000h", "5m");
    assert_eq!(market.books(), ["12:00 a > b 30 at 96200, Created", "12:00 a > grid 70 at 30000"]);
    market.run(&["replay", "--interval", &date("12:00")]).ends_with(0);
}

#[test]
fn what_contradicts_or_is_no_reading_is_refused_with_what_is_wrong() {
    let market = market();
    let service = Service::start(&market);
    runtime().block_on(async {
        let mut client = client(&service).await;
        add(&mut client, "a", "12:00", 5, 0).await;
        let mut refused = async |entry: MeterEntry| client.add_measurement(entry).await.unwrap_err();
        let other = refused(entry("a", "12:00", 6, 0)).await;
        assert_eq!(other.code(), Code::FailedPrecondition);
        let both =
            "meter a has import 5 Wh, export 0 Wh at 2023-09-01T12:00:00Z, and import 6 Wh, export 0 Wh contradicts it";
        assert!(other.message().starts_with(both), "{}", other.message());
        let at = |timestamp: &str| MeterEntry { timestamp: timestamp.to_owned(), ..entry("a", "12:00", 5, 0) };
        for (entry, says) in [
            (entry("", "12:00", 5, 0), "a name is empty"),
            (entry("a", "12:15", -1, 0), "activeImport -1 is negative"),
            (at("yesterday"), "\"yesterday\" is not an RFC 3339 time"),
            (at("2999-01-01T00:00:00Z"), "is not between 1970 and now"),
        ] {
            let status = refused(entry).await;
            assert_eq!(status.code(), Code::FailedPrecondition);
            assert!(status.message().contains(says), "{}", status.message());
        }
        let from = |text: &str| QueryMeters { start_interval: Some(text.to_owned()), ..QueryMeters::default() };
        for (query, code) in [
            (from("2999-01-01T00:00:00Z"), Code::Aborted),
            (from("yesterday"), Code::FailedPrecondition),
            (QueryMeters { limit: Some(0), ..QueryMeters::default() }, Code::FailedPrecondition),
            (QueryMeters { skip: Some(-1), ..QueryMeters::default() }, Code::FailedPrecondition),
        ] {
            assert_eq!(client.retrieve_measurement(query).await.unwrap_err().code(), code);
        }
    });
    service.terminate().ends_with(0);
}

#[test]
fn it_is_served_only_where_readings_are_in_the_store() {
    let elsewhere = Market::serving(&Meters::silent(), "", "");
    let service = Service::start(&elsewhere);
    runtime().block_on(async {
        let posted = client(&service).await.add_measurement(entry("a", "12:00", 5, 0)).await;
        assert_eq!(posted.unwrap_err().code(), Code::Unimplemented);
    });
}
