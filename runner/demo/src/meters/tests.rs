//! Tests of the service over gRPC, on ports that the system chooses.

use std::sync::atomic::{AtomicI64, Ordering};

use tonic::Code;
use tonic::transport::Channel;

use super::*;
use wire::meters_microservice::meters_service_client as own_client;
use wire::meters_service_client as platform_client;

const FIRST: i64 = 1_693_569_600; // 2023-09-01T12:00:00Z

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Meters `m0000`, `m0001`, … with one row per quarter-hour.
fn recorded(meters: usize, rows: i64) -> Recorded {
    let times: Arc<[Timestamp]> = (0..rows).map(|row| at(FIRST + row * 900)).collect();
    let import_wh: Vec<u64> = (0..).map(|row| 8_290_348 + row * 87).take(times.len()).collect();
    let export_wh = vec![3_731_388; times.len()];
    let meter = |number: usize| {
        let id = format!("m{number:04}").parse().unwrap();
        RecordedMeter::new(id, times.clone(), &import_wh, &export_wh).unwrap()
    };
    Recorded::new((0..meters).map(meter).collect()).unwrap()
}

async fn start(service: MetersService, package: Package) -> (Serving, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = serve(service, package, listener).unwrap();
    let channel = Channel::from_shared(format!("http://{}", serving.address())).unwrap().connect().await.unwrap();
    (serving, channel)
}

fn filter() -> wire::QueryMeters {
    wire::QueryMeters::default()
}

#[tokio::test]
async fn only_the_platforms_name_is_served() {
    let service = MetersService::new(recorded(2, 3), || at(FIRST + 1800));
    let (serving, channel) = start(service, Package::Platform).await;
    let answer = platform_client::MetersServiceClient::new(channel.clone()).retrieve_measurement(filter()).await;
    assert_eq!(answer.unwrap().into_inner().entries.len(), 2 * 4 * 3);
    let refused = own_client::MetersServiceClient::new(channel).retrieve_measurement(filter()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    serving.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_repositorys_own_name_is_served() {
    let service = MetersService::new(recorded(2, 3), || at(FIRST + 1800));
    let (serving, channel) = start(service, Package::Own).await;
    let answer = own_client::MetersServiceClient::new(channel.clone()).retrieve_measurement(filter()).await;
    assert_eq!(answer.unwrap().into_inner().entries.len(), 2 * 4 * 3);
    let refused = platform_client::MetersServiceClient::new(channel).retrieve_measurement(filter()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    serving.stop().await.unwrap();
}

#[tokio::test]
async fn rows_arrive_as_now_rises() {
    let now = Arc::new(AtomicI64::new(FIRST));
    let clock = now.clone();
    let service = MetersService::new(recorded(1, 3), move || at(clock.load(Ordering::SeqCst)));
    let (_serving, channel) = start(service, Package::Platform).await;
    let mut client = platform_client::MetersServiceClient::new(channel);
    for rows in 1..=3 {
        assert_eq!(client.retrieve_measurement(filter()).await.unwrap().into_inner().entries.len(), 4 * rows);
        now.fetch_add(900, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn refusals_have_the_platforms_codes() {
    let (_serving, channel) = start(MetersService::new(recorded(1, 1), || at(FIRST)), Package::Platform).await;
    let mut client = platform_client::MetersServiceClient::new(channel);
    let future = wire::QueryMeters { start_interval: Some(at(FIRST + 1).to_string()), ..filter() };
    let no_time = wire::QueryMeters { start_interval: Some("noon".to_owned()), ..filter() };
    let too_many = wire::QueryMeters { limit: Some(10_001), ..filter() };
    for (filter, code) in
        [(future, Code::Aborted), (no_time, Code::FailedPrecondition), (too_many, Code::FailedPrecondition)]
    {
        assert_eq!(client.retrieve_measurement(filter).await.unwrap_err().code(), code);
    }
    let entry = wire::MeterEntry::default();
    assert_eq!(client.add_measurement(entry).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn an_answer_may_exceed_a_clients_default_message_size() {
    let (_serving, channel) =
        start(MetersService::new(recorded(10_000, 2), || at(FIRST + 900)), Package::Platform).await;
    let mut narrow = platform_client::MetersServiceClient::new(channel.clone());
    assert_eq!(narrow.retrieve_measurement(filter()).await.unwrap_err().code(), Code::OutOfRange);
    let mut wide = platform_client::MetersServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    assert_eq!(wide.retrieve_measurement(filter()).await.unwrap().into_inner().entries.len(), 10_000 * 4 * 2);
}

#[tokio::test]
async fn dropping_the_result_stops_the_service() {
    let (serving, channel) = start(MetersService::new(recorded(1, 1), || at(FIRST)), Package::Platform).await;
    let Serving { stop, server, .. } = serving;
    drop((stop, channel));
    server.await.unwrap().unwrap();
}
