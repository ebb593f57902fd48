//! The watching port over real HTTP.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use books::StoreError;
use rec_market::adapter::http::serve;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::scene::Scene;
use testkit::*;

const ROWS: [&str; 4] = ["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 100", "b 12:15 60 0"];

/// The port of a scene.
struct Port {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl Port {
    fn of(scene: &Scene) -> Port {
        let listener = scene.runtime.block_on(listener());
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = serve(listener, 64, Arc::clone(&scene.metrics), Arc::clone(&scene.status), shutdown.clone());
        Port { address, shutdown, server: scene.runtime.spawn(serving) }
    }

    /// Status, head and body of an answer.
    fn get(&self, path: &str) -> (u16, String, String) {
        get(self.address, path)
    }

    fn status(&self) -> Value {
        self.status_of("")
    }

    fn status_of(&self, query: &str) -> Value {
        let (status, head, body) = self.get(&format!("/status{query}"));
        assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
        serde_json::from_str(&body).unwrap()
    }
}

#[test]
fn metrics_are_told_in_the_format_of_prometheus() {
    let meters = Meters::telling(&ROWS);
    let scene = Scene::new(&meters, "12:25", "");
    scene.pass(scene.base("mid-market-rate"), None).unwrap();
    let (status, head, body) = Port::of(&scene).get("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "# TYPE rec_market_trades_total counter",
        "rec_market_energy_watt_hours_total{community=\"aveiro\",kind=\"local\"} 60",
        "rec_market_energy_watt_hours_total{community=\"aveiro\",kind=\"to_grid\"} 40",
        "rec_market_lag_seconds{community=\"aveiro\"} 300",
    ] {
        assert!(body.lines().any(|found| found == line), "no {line} in:\n{body}");
    }
    // Whatever else is in it, every line is a comment or a series with a number.
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn readiness_says_what_is_missing() {
    let meters = Meters::telling(&ROWS);
    let scene = Scene::new(&meters, "12:25", "");
    let port = Port::of(&scene);
    let unready = |expected: &str| {
        let (status, _, body) = port.get("/ready");
        assert_eq!((status, body.as_str()), (503, expected));
    };
    unready("the store was not asked yet\nthe gRPC servers are not up\n");
    scene.status.store(Ok(()));
    unready("the gRPC servers are not up\n");
    scene.status.serving(true);
    let (status, _, body) = port.get("/ready");
    assert_eq!((status, body.as_str()), (200, "ready\n"));
    let away = StoreError::Unavailable { store: "mongodb://db".to_owned(), source: "refused".into() };
    scene.status.store(Err(&away));
    unready("the store mongodb://db does not answer (is it running, and is the address right?): refused\n");
    scene.status.store(Ok(()));
    scene.status.stopping();
    unready("the service is stopping\n");
    // Alive all the while.
    let (status, _, body) = port.get("/live");
    assert_eq!((status, body.as_str()), (200, "live\n"));
    assert_eq!(port.get("/").0, 404);
}

#[test]
fn the_status_tells_how_each_community_stands() {
    let meters = Meters::telling(&ROWS);
    let scene = Scene::new(&meters, "12:25", "");
    let port = Port::of(&scene);
    let before = &port.status()["communities"][0];
    assert_eq!((&before["mark"], &before["lag_seconds"]), (&Value::Null, &Value::Null));

    scene.pass(scene.guest("unreachable"), None).unwrap_err();
    let held = &port.status()["communities"][0];
    assert_eq!((&held["name"], &held["mark"]), (&json!("aveiro"), &json!("2023-09-01T12:00:00Z")));
    assert!(held["held"].as_str().unwrap().contains("is on hold: unreachable: "), "{held}");
    assert_eq!(held["last_error"], held["held"]);
    assert_eq!(held["algorithm"]["name"], "unreachable");
    let troubled = |port: &Port| port.status_of("?only=troubled&limit=7")["communities"].as_array().unwrap().len();
    assert_eq!((troubled(&port), &port.status()["communities_troubled"]), (1, &json!(1)));
    assert_eq!(port.status_of("?after=aveir")["communities"][0]["name"], "aveiro");
    assert_eq!(port.status_of("?after=aveiro")["communities"], json!([]));
    for wrong in ["?limit=x", "?only=happy", "?first=1", "?limit", "?after=%ff"] {
        let (status, _, body) = port.get(&format!("/status{wrong}"));
        assert!(status == 400 && body.contains(&wrong[1..]) && body.contains("is expected"), "{wrong}: {body}");
    }

    let good = scene.base("mid-market-rate");
    let label = good.label();
    scene.pass(good, None).unwrap();
    let status = port.status();
    let community = &status["communities"][0];
    assert_eq!((&community["mark"], &community["lag_seconds"]), (&json!("2023-09-01T12:15:00Z"), &json!(300)));
    assert_eq!((&community["held"], &community["lease_held"]), (&Value::Null, &json!(false)));
    assert_eq!((troubled(&port), &status["communities_troubled"]), (0, &json!(0)));
    assert_eq!(
        community["algorithm"],
        json!({"name": "mid-market-rate", "version": label.version, "sha256": label.digest.to_string()})
    );
    assert_eq!(community["last_error_at"], "2023-09-01T12:25:00Z");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_client_that_never_finishes_does_not_hold_up_the_end() {
    let meters = Meters::telling(&ROWS);
    let scene = Scene::new(&meters, "12:25", "");
    let port = Port::of(&scene);
    let mut slow = TcpStream::connect(port.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: mar").unwrap();
    assert_eq!(port.get("/live").0, 200);
    port.shutdown.cancel();
    let ended =
        scene.runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(30), port.server).await });
    ended.expect("it ends").unwrap();
    assert!(TcpStream::connect(port.address).is_err());
}
