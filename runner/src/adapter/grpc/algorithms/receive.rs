//! Receives an upload with limits on size and time, and records one that is refused.

use std::time::Duration;

use domain::Digest;
use sandbox::COMPONENT_BYTES_MAX;
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use crate::algorithms::registry::{Registry, Uploaded};
use wire::rec_market_v1::upload_request::Part;
use wire::rec_market_v1::{UploadHeader, UploadRequest};

/// Deadline of the next message.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Deadline of the whole upload: 64 MiB at 2 Mbit/s.
const RECEIVE_MAX: Duration = Duration::from_secs(300);

/// Receives a component from the caller `by` and passes it to the registry.
///
/// # Errors
/// If the messages are wrong, or the registry rejects the component. A component that the gate refuses is no error.
pub async fn upload(
    registry: &Registry,
    by: &str,
    messages: impl Stream<Item = Result<UploadRequest, Status>> + Unpin,
) -> Result<Uploaded, Status> {
    let mut messages = messages;
    let until = Instant::now() + RECEIVE_MAX;
    let header = match next(&mut messages, until).await? {
        Some(UploadRequest { part: Some(Part::Header(header)) }) => header,
        _ => return Err(Status::invalid_argument("the first message of an upload must be its header")),
    };
    let UploadHeader { sha256, bytes } = header;
    let expected: Digest =
        sha256.parse().map_err(|error| Status::invalid_argument(format!("header.sha256: {error}")))?;
    let received = match bytes {
        0 => Err("it has no bytes (send a component file)".to_owned()),
        bytes if bytes > COMPONENT_BYTES_MAX => {
            Err(format!("it would have {bytes} bytes, and a component may have {COMPONENT_BYTES_MAX}"))
        }
        bytes => receive(&mut messages, bytes, until).await,
    };
    match received {
        Ok(component) => Ok(registry.upload(by, expected, component).await?),
        Err(reason) => {
            tracing::warn!(by, sha256 = %expected, code = "refused", "refused an upload: {reason}");
            registry.refuse(by, expected, reason.clone()).await?;
            Err(Status::invalid_argument(format!("the upload is refused: {reason}")))
        }
    }
}

/// Receives exactly as many bytes as were announced.
async fn receive(
    messages: &mut (impl Stream<Item = Result<UploadRequest, Status>> + Unpin),
    announced: u64,
    until: Instant,
) -> Result<Vec<u8>, String> {
    let mut component = Vec::new();
    loop {
        let so_far = component.len();
        let stopped = |status: Status| format!("it stopped after {so_far} of {announced} bytes: {}", status.message());
        match next(messages, until).await.map_err(stopped)? {
            None if so_far as u64 == announced => return Ok(component),
            None => return Err(format!("it ended after {so_far} of {announced} bytes (send them all)")),
            Some(UploadRequest { part: Some(Part::Chunk(chunk)) }) => {
                if so_far as u64 + chunk.len() as u64 > announced {
                    return Err(format!("it has more than the {announced} bytes that were announced"));
                }
                // Memory grows with the bytes that arrive, not with what is announced.
                component.extend_from_slice(&chunk);
            }
            Some(_) => return Err(format!("a message after {so_far} bytes has none (only the first is a header)")),
        }
    }
}

async fn next(
    messages: &mut (impl Stream<Item = Result<UploadRequest, Status>> + Unpin),
    until: Instant,
) -> Result<Option<UploadRequest>, Status> {
    let latest = until.min(Instant::now() + IDLE_MAX);
    match tokio::time::timeout_at(latest, messages.next()).await {
        Ok(message) => message.transpose(),
        Err(_) => Err(Status::deadline_exceeded("nothing more came in time (send faster)")),
    }
}
