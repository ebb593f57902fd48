//! Upload stream → registry. Whatever messages arrive, either the announced component is stored completely under its
//! digest, or nothing is stored and, if a digest was announced, one record is added.

#![no_main]

use std::sync::{Arc, LazyLock};

use base::base;
use books::Store;
use domain::Digest;
use libfuzzer_sys::fuzz_target;
use rec_market::adapter::grpc::receive_upload;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::algorithms::registry::Registry;
use rec_market::clock::SystemClock;
use sandbox::{Options, Sandbox};
use store::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wire::rec_market_v1::upload_request::Part;
use wire::rec_market_v1::{UploadHeader, UploadRequest};

struct World {
    runtime: Runtime,
    store: Arc<dyn Store>,
    registry: Registry,
    /// A component that passes the gate and is not a base algorithm.
    good: Vec<u8>,
    _directory: TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).expect("a store"));
    let make = |codegen| Sandbox::new(Options { runs_max: 1, codegen, ..Options::default() });
    let stock = Arc::new(AlgorithmCache::new(make(sandbox::Codegen::Usual).expect("a sandbox"), Arc::clone(&store)));
    let registry = Registry::new(Arc::clone(&store), Arc::new(SystemClock), Vec::new(), stock, Box::new(make));
    let mut good = base("uniform").expect("a base algorithm").bytes.to_vec();
    while let Some(at) = good.windows(7).position(|window| window == b"uniform") {
        good[at..at + 7].copy_from_slice(b"evening");
    }
    World { runtime, store, registry, good, _directory: directory }
});

/// Decodes messages. Each begins with its kind and its length.
fn messages(input: &[u8], good: &[u8]) -> Vec<UploadRequest> {
    let mut messages = Vec::new();
    let (mut rest, mut sent) = (input, 0);
    while let [kind, length, tail @ ..] = rest {
        let length = usize::from(*length);
        let part = match kind % 6 {
            // The correct header for the good component.
            0 => Some(Part::Header(UploadHeader { sha256: Digest::of(good).to_string(), bytes: good.len() as u64 })),
            // A header with any text as the digest.
            1 => {
                let text = String::from_utf8_lossy(&tail[..length.min(tail.len())]).into_owned();
                Some(Part::Header(UploadHeader { sha256: text, bytes: length as u64 }))
            }
            2 => {
                let bytes = &tail[..length.min(tail.len())];
                Some(Part::Header(UploadHeader { sha256: Digest::of(bytes).to_string(), bytes: bytes.len() as u64 }))
            }
            // The next chunk of the good component.
            3 => {
                let end = good.len().min(sent + length * 512);
                let chunk = good[sent..end].to_vec();
                sent = end;
                Some(Part::Chunk(chunk))
            }
            4 => Some(Part::Chunk(tail[..length.min(tail.len())].to_vec())),
            _ => None,
        };
        let used = if matches!(kind % 6, 1 | 2 | 4) { length.min(tail.len()) } else { 0 };
        messages.push(UploadRequest { part });
        rest = &tail[used..];
    }
    messages
}

fuzz_target!(|input: &[u8]| {
    let world = &*WORLD;
    let messages = messages(input, &world.good);
    let announced = match messages.first().and_then(|message| message.part.clone()) {
        Some(Part::Header(header)) => header.sha256.parse::<Digest>().ok(),
        _ => None,
    };
    world.runtime.block_on(async {
        let state = || async {
            let versions = world.store.versions().await.expect("a store").len();
            (versions, world.store.changes(None, usize::MAX).await.expect("a store").len())
        };
        let before = state().await;
        let stream = tokio_stream::iter(messages.into_iter().map(Ok));
        let uploaded = receive_upload(&world.registry, "fuzzer", stream).await;
        let after = state().await;
        match uploaded {
            Ok(uploaded) if uploaded.accepted => {
                let label = uploaded.label.expect("an accepted component has a label");
                assert_eq!(Some(label.digest), announced);
                let kept = world.store.component(&label.digest).await.expect("a store").expect("an accepted component is stored");
                assert_eq!(Digest::of(&kept), label.digest);
                assert_eq!(after, (before.0 + usize::from(!uploaded.was_there), before.1));
            }
            _ => assert_eq!(after, (before.0, before.1 + usize::from(announced.is_some())), "{uploaded:?}"),
        }
    });
});
