//! Uploads: what passes the gate is there for ever, what does not leaves a record, and nothing comes between.

use std::collections::BTreeSet;

use base::{BASE, base};
use domain::Digest;
use rec_market::clock::{Clock, SystemClock};
use rec_market_tests::{corpus, guests};
use serde_json::Value;
use tonic::Code;

use crate::caller::*;
use testkit::*;

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Names of the checks that failed.
fn failed(text: &str) -> BTreeSet<String> {
    let report = report(text);
    let checks = report["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["verdict"] == "failed");
    failed.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_passes_the_gate_is_there_for_ever() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, "");
    let before = caller.list().unwrap();
    let names: Vec<_> = before.versions.iter().map(|version| version.algorithm.clone().unwrap().name).collect();
    assert_eq!(names, BASE.each_ref().map(|base| base.name));
    assert!(before.versions.iter().all(|version| version.is_base && version.uploaded_by.is_empty()));

    let uploaded = caller.upload(guests::GRID_ONLY).unwrap();
    assert!(uploaded.accepted && !uploaded.was_there);
    let algorithm = uploaded.algorithm.unwrap();
    let digest = Digest::of(guests::GRID_ONLY).to_string();
    assert_eq!((algorithm.name.as_str(), algorithm.version.as_str(), &algorithm.sha256), ("guest", "1.0.0", &digest));
    // The report is that of the author's own check.
    market.file("guest.wasm", guests::GRID_ONLY);
    let at_home = &market.json(&["algorithm", "check", "guest.wasm", "--json"])[0];
    let here = report(&uploaded.report);
    assert_eq!(here["passed"], true);
    let checks = |report: &Value| -> Vec<(Value, Value)> {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| (check["name"].clone(), check["verdict"].clone()))
            .collect()
    };
    assert_eq!(checks(&here), checks(at_home));
    assert!(caller.upload(guests::GRID_ONLY).unwrap().was_there);

    // Also after the service was killed, and for another copy of it.
    service.kill();
    let service = Service::start(&market);
    let caller = Caller::of(&market, &service);
    let listed = caller.list().unwrap();
    let version = listed.versions.last().unwrap();
    assert_eq!((version.algorithm.as_ref(), version.is_base), (Some(&algorithm), false));
    assert_eq!((version.uploaded_by.as_str(), version.component_bytes), ("ada", guests::GRID_ONLY.len() as u64));
    for name in ["guest", "guest@1.0.0", &format!("sha256:{digest}")] {
        let (label, bytes) = caller.download(name).unwrap();
        assert_eq!((&label, bytes.as_slice()), (&algorithm, guests::GRID_ONLY), "{name}");
        let shown = caller.show(name).unwrap();
        assert_eq!(shown.version.unwrap().algorithm.as_ref(), Some(&algorithm));
        assert_eq!(shown.report, uploaded.report);
    }
    assert_eq!(caller.download("uniform").unwrap().1, base("uniform").unwrap().bytes);
    let settings = caller.show("static").unwrap().settings;
    assert!(settings.iter().any(|setting| setting.key == "price"), "{settings:?}");
    assert_eq!(caller.done(), ["ada uploaded guest"]);
}

#[test]
fn a_name_of_nothing_is_told_so_and_reaches_no_file() {
    let meters = Meters::silent();
    let (market, _service, caller) = serve(&meters, "");
    caller.accepted(guests::GRID_ONLY);
    market.file("guest.wasm", guests::GRID_ONLY);
    for (name, code) in [
        ("guest@2.0.0", Code::NotFound),
        ("guset", Code::NotFound),
        ("sha256:12", Code::InvalidArgument),
        (&format!("sha256:{}", Digest::of(b"x")), Code::NotFound),
        // No file of the service's machine.
        ("./guest.wasm", Code::InvalidArgument),
        ("guest.wasm", Code::InvalidArgument),
        ("", Code::InvalidArgument),
    ] {
        refused(caller.download(name).map(drop), code, &[]);
        refused(caller.show(name), code, &[]);
    }
}

#[test]
fn a_label_means_one_component() {
    let meters = Meters::silent();
    let (_market, _service, caller) = serve(&meters, "");
    caller.accepted(guests::GRID_ONLY);
    // The same name and version, but other trades, or none at all.
    let other = patched(guests::GRID_ONLY, "Trades with the grid alone.", "Trades with the grid alone!");
    let taken = format!("guest@1.0.0 is sha256:{} already", Digest::of(guests::GRID_ONLY));
    refused(caller.upload(&other), Code::FailedPrecondition, &[&taken, "raise the version"]);
    caller.accepted(&patched(&other, "guest1.0.0", "guest1.1.0"));
    // Nor may anything be called as a base algorithm is.
    let false_base = patched(base("uniform").unwrap().bytes, "0.1.0", "9.1.0");
    refused(caller.upload(&false_base), Code::FailedPrecondition, &["a base algorithm: uniform"]);
    // A base algorithm itself is there.
    assert!(caller.upload(base("uniform").unwrap().bytes).unwrap().was_there);
    assert_eq!(caller.done(), ["ada refused", "ada uploaded guest", "ada refused", "ada uploaded guest"]);
    assert_eq!(caller.list().unwrap().versions.len(), BASE.len() + 2);
    // A name alone is the newest of that name.
    assert_eq!(caller.show("guest").unwrap().version.unwrap().algorithm.unwrap().version, "1.1.0");
}

/// A component with a custom section that makes it so many bytes.
fn padded(component: &[u8], bytes: usize) -> Vec<u8> {
    // The section's id, its length in five bytes, and its name, which is empty.
    let content = bytes - component.len() - 6;
    let mut length = u32::try_from(content).unwrap();
    let mut section = vec![0];
    for _ in 0..4 {
        section.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    section.push(u8::try_from(length).unwrap());
    let mut padded = [component, &section].concat();
    padded.resize(bytes, 0);
    padded
}

#[test]
fn a_component_may_have_64_mib() {
    let meters = Meters::telling(&["a 12:00 5 5", "b 12:00 5 5", "a 12:15 5 605", "b 12:15 505 5"]);
    let (market, service, caller) = serve(&meters, "");
    let most = usize::try_from(sandbox::COMPONENT_BYTES_MAX).unwrap();
    let largest = padded(guests::GRID_ONLY, most);
    caller.accepted(&largest);
    assert!(caller.download("guest").unwrap().1 == largest);
    let larger = padded(guests::GRID_ONLY, most + 1);
    refused(caller.upload(&larger), Code::InvalidArgument, &["67108865 bytes"]);
    eventually("two are settled", || market.intervals() == 2);
    caller.activate("guest", "").unwrap();
    meters.tell(&["a 12:30 5 700", "b 12:30 905 5"]);
    eventually("it settles", || market.intervals() == 3);
    println!("an upload of 64 MiB: the service had {} MiB at most", service.peak_memory());
    service.terminate().ends_with(0);
    market.run(&["replay"]).ends_with(0);
}

#[test]
fn an_upload_that_is_not_what_it_says_leaves_nothing_but_a_record() {
    let meters = Meters::silent();
    let (market, _service, caller) = serve(&meters, "");
    let good = guests::GRID_ONLY;
    let (digest, bytes) = (Digest::of(good).to_string(), good.len() as u64);
    let other = Digest::of(b"other").to_string();
    let whole = chunk(good);
    let most = sandbox::COMPONENT_BYTES_MAX;
    let cases = [
        (vec![], "the first message of an upload must be its header"),
        (vec![whole.clone()], "the first message of an upload must be its header"),
        (vec![header("12", 5), whole.clone()], "header.sha256: \"12\" is not a SHA-256 digest"),
        (vec![header(&other, bytes), whole.clone()], "was announced (send them again)"),
        (vec![header(&digest, bytes + 1), whole.clone()], "ended after"),
        (vec![header(&digest, bytes - 1), whole.clone()], "more than the"),
        (vec![header(&digest, 0)], "it has no bytes"),
        (vec![header(&digest, most + 1), whole.clone()], "and a component may have 67108864"),
        (vec![header(&digest, u64::MAX), whole.clone()], "and a component may have 67108864"),
        (vec![header(&digest, bytes), header(&digest, bytes)], "only the first is a header"),
        (vec![header(&digest, bytes), wire::rec_market_v1::UploadRequest { part: None }], "only the first"),
    ];
    for (messages, says) in cases.clone() {
        refused(caller.send(messages), Code::InvalidArgument, &[says]);
    }
    assert_eq!(caller.list().unwrap().versions.len(), BASE.len());
    // Those that had a digest are on record, the newest first.
    let changes = caller.changes().unwrap();
    assert_eq!(changes.len(), 8, "{changes:#?}");
    for (change, (_, says)) in changes.iter().zip(cases.iter().rev()) {
        assert!(change.action == "refused" && change.reason.contains(says), "{says}: {change:?}");
    }
    let components: u64 = market.query("SELECT count(*) FROM component");
    assert_eq!(components, 0);
    caller.accepted(good);
}

#[test]
fn an_upload_that_stops_half_way_leaves_nothing_but_a_record() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, "");
    // Two that go away when the service has some of it: the channel takes the last part only when the first is read.
    const PART: usize = 1 << 20;
    for _ in 0..2 {
        let gone = Caller::of(&market, &service);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let request = gone.request(tokio_stream::wrappers::ReceiverStream::new(receiver));
        gone.run(|mut client| async move {
            let upload = tokio::spawn(async move { client.upload(request).await });
            let digest = Digest::of(guests::GRID_ONLY).to_string();
            sender.send(header(&digest, 64 * PART as u64)).await.unwrap();
            for _ in 0..8 {
                sender.send(chunk(&[0; PART])).await.unwrap();
            }
            upload.abort();
        });
    }
    eventually("both are on record", || caller.done() == ["ada refused", "ada refused"]);
    let reasons: Vec<_> = caller.changes().unwrap().into_iter().map(|change| change.reason).collect();
    assert!(
        reasons.iter().all(|reason| reason.contains("it stopped after") || reason.contains("it ended after")),
        "{reasons:?}"
    );
    assert_eq!(caller.list().unwrap().versions.len(), BASE.len());
    caller.accepted(guests::GRID_ONLY);
}

#[test]
fn names_that_look_like_others_are_refused() {
    let meters = Meters::silent();
    let market = market_with_callers(&meters, "");
    let service = Service::start(&market);
    let caller = Caller::of(&market, &service);
    for (component, says) in [
        (
            renamed("uniform", "Uniform"),
            "name \"Uniform\" is no name of an algorithm (a name has 1 to 64 of the characters a-z",
        ),
        (renamed("uniform", "unif rm"), "name \"unif rm\""),
        (renamed("uniform", "unіfrm"), "name \"unіfrm\""),
        (
            patched(guests::GRID_ONLY, "guest1.0.0", "guest1.0.x"),
            "version \"1.0.x\" is no version of an algorithm (a version is a semantic one",
        ),
    ] {
        let answer = caller.upload(&component).unwrap();
        assert!(!answer.accepted && answer.report.contains(&says.replace('"', "\\\"")), "{answer:?}");
    }
    refused(caller.show("Evening"), Code::InvalidArgument, &["\"Evening\" names no algorithm of a service", "a-z"]);
    refused(caller.show("evening@1"), Code::InvalidArgument, &["a version is a semantic one"]);
}

#[test]
fn uploads_that_race_each_other_leave_one() {
    let meters = Meters::silent();
    let market = market_with_callers(&meters, "");
    let services = [Service::start(&market), Service::start(&market)];
    let other = patched(guests::GRID_ONLY, "Trades with the grid alone.", "Trades with the grid alone!");
    let components = [guests::GRID_ONLY, &other];
    let answers = std::thread::scope(|scope| {
        let upload = |number: usize| {
            let caller = Caller::of(&market, &services[number % 2]);
            scope.spawn(move || caller.upload(components[number / 2 % 2]))
        };
        let uploads: Vec<_> = (0..4).map(upload).collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect::<Vec<_>>()
    });
    let caller = Caller::of(&market, &services[0]);
    let versions = caller.list().unwrap().versions;
    assert_eq!(versions.len(), BASE.len() + 1);
    let kept = versions.last().unwrap().algorithm.clone().unwrap().sha256;
    for (number, answer) in answers.into_iter().enumerate() {
        let is_kept = Digest::of(components[number / 2 % 2]).to_string() == kept;
        match answer {
            Ok(uploaded) => assert!(is_kept && uploaded.accepted, "{number}: {uploaded:?}"),
            Err(status) => assert!(!is_kept && status.code() == Code::FailedPrecondition, "{number}: {status:?}"),
        }
    }
    let (_, bytes) = caller.download("guest").unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), kept);
}

/// What the server may take for the corpus above what it takes anyway: the largest guests declare gigabytes.
const MEMORY_MAX: u64 = 512;

/// How long after its readings are there an interval may be settled, in seconds. A service that waits for readings asks
/// for them every 15 seconds, where intervals have a minute.
const LATE_MAX: i64 = 30;

/// How long the readings of an interval waited at most, by when each was told.
fn latest(market: &Market, told: &[i64]) -> i64 {
    let database = market.database();
    let mut select = database.prepare("SELECT settled_at FROM interval ORDER BY start").unwrap();
    let settled = select.query_map((), |row| row.get::<_, i64>(0)).unwrap();
    settled.zip(told).map(|(settled, told)| settled.unwrap() - told).max().unwrap()
}

#[test]
fn the_hostile_corpus_is_refused_while_communities_settle_on_time() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, "interval = \"1m\"\ngrace = \"0s\"");
    let (mut accepted, mut told) = (Vec::new(), Vec::new());
    for (minute, guest) in (0..).zip(corpus::corpus()) {
        // Readings come in meanwhile, as they do every quarter of an hour, here with every upload.
        meters.tell_quarter(60 * minute, &format!("02T{:02}:{:02}:00", minute / 60, minute % 60));
        told.push(SystemClock.now().as_second());
        match caller.upload(guest.bytes) {
            Ok(uploaded) if uploaded.accepted => accepted.push(guest.name),
            Ok(uploaded) => assert!(!failed(&uploaded.report).is_empty(), "{}: {}", guest.name, uploaded.report),
            // Another guest has the label already.
            Err(status) => assert_eq!(status.code(), Code::FailedPrecondition, "{}: {status:?}", guest.name),
        }
    }
    let boundaries = u64::try_from(told.len()).unwrap();
    eventually("all intervals are settled", || market.intervals() == boundaries);
    let late = latest(&market, &told);
    assert!(late <= LATE_MAX, "an interval was settled {late} s after its readings were there");
    let memory = service.peak_memory();
    println!("accepted: {accepted:?}; the service had {memory} MiB at most, and was {late} s late at most");
    assert!(memory < MEMORY_MAX, "{memory} MiB");
    // All that answers as it should on the gate's rounds, and nothing else.
    assert!(accepted.contains(&"grid_only") || accepted.contains(&"traps_on_short_names"), "{accepted:?}");
    assert_eq!(caller.list().unwrap().versions.len(), BASE.len() + accepted.len());
    let refusals = caller.done().iter().filter(|done| done.starts_with("ada refused")).count();
    assert!(refusals > 90, "{refusals}");
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

macro_rules! bombs {
    ($($name:ident $bytes:ident)*) => { [$((stringify!($name), guests::$bytes)),*] };
}

#[test]
fn compile_bombs_end_in_the_child_and_leave_the_service_as_it_was() {
    let meters = Meters::silent();
    let (_market, service, caller) = serve(&meters, "");
    for (name, bomb) in rec_market_tests::for_each_bomb!(bombs) {
        // Compiled with patience or given up, whichever this machine comes to: it is refused, and here is nothing of it.
        let uploaded = caller.upload(bomb).unwrap();
        assert!(!uploaded.accepted, "{name}");
        assert!(!failed(&uploaded.report).is_disjoint(&["compile", "describe"].map(str::to_owned).into()), "{name}");
        assert_eq!(service.get("/ready").0, 200, "{name}");
    }
    let memory = service.peak_memory();
    println!("compile bombs: the service had {memory} MiB at most");
    assert!(memory < MEMORY_MAX, "{memory} MiB");
    caller.accepted(guests::GRID_ONLY);
}
