//! An operator's desk: what a program says to `rec.market.v1.AlgorithmService`.

use std::net::SocketAddr;
use std::path::Path;

use base::base;
use domain::Digest;
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;
use wire::rec_market_v1::upload_request::Part;
use wire::rec_market_v1::*;

use crate::common::{Market, Meters, runtime};
use crate::running::{Running, market};

pub const ADMINISTRATOR: &str = "the administrator's token";
pub const READER: &str = "the reader's own token";

/// Callers by token, as a configuration.
pub const CALLERS: &str = r#"
[[caller]]
name = "ada"
role = "administer"
token_file = "ada.token"
[[caller]]
name = "rea"
role = "read"
token_file = "rea.token"
"#;

/// A market whose operators have tokens.
pub fn market_with_callers(meters: &Meters, community_keys: &str) -> Market {
    let market = market(meters, CALLERS, community_keys);
    // With a line's end, as an editor writes it.
    std::fs::write(market.path("ada.token"), format!("{ADMINISTRATOR}\n")).unwrap();
    std::fs::write(market.path("rea.token"), READER).unwrap();
    market
}

/// A connection, and who talks over it.
pub struct Desk {
    runtime: Runtime,
    client: AlgorithmServiceClient<Channel>,
    token: Option<String>,
}

/// TLS as a client of the service has it.
pub fn tls(directory: &Path, identity: Option<(&str, &str)>) -> ClientTlsConfig {
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read("ca_crt.pem"))).domain_name("market");
    match identity {
        Some((certificate, key)) => tls.identity(Identity::from_pem(read(certificate), read(key))),
        None => tls,
    }
}

impl Desk {
    /// The administrator's.
    pub fn of(market: &Market, service: &Running) -> Desk {
        Desk::with(service.tls, tls(&market.path(""), None), Some(ADMINISTRATOR))
    }

    pub fn with(address: SocketAddr, tls: ClientTlsConfig, token: Option<&str>) -> Desk {
        let runtime = runtime();
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
        let client = {
            let _inside = runtime.enter();
            AlgorithmServiceClient::new(endpoint.connect_lazy()).max_decoding_message_size(64 << 20)
        };
        Desk { runtime, client, token: token.map(str::to_owned) }
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    /// Runs something on the connection.
    pub fn ask<T, F>(&self, ask: impl FnOnce(AlgorithmServiceClient<Channel>) -> F) -> T
    where
        F: Future<Output = T>,
    {
        self.runtime.block_on(ask(self.client.clone()))
    }

    /// Sends these messages as an upload.
    pub fn send(&self, messages: Vec<UploadRequest>) -> Result<UploadResponse, Status> {
        let request = self.request(tokio_stream::iter(messages));
        self.ask(|mut client| async move { client.upload(request).await }).map(tonic::Response::into_inner)
    }

    pub fn upload(&self, component: &[u8]) -> Result<UploadResponse, Status> {
        self.send(messages(component))
    }

    /// Uploads what must pass the gate.
    #[track_caller]
    pub fn accepted(&self, component: &[u8]) -> Algorithm {
        let uploaded = self.upload(component).unwrap();
        assert!(uploaded.accepted, "{}", uploaded.report);
        uploaded.algorithm.unwrap()
    }

    pub fn list(&self) -> Result<ListAlgorithmsResponse, Status> {
        let request = self.request(ListAlgorithmsRequest {});
        self.ask(|mut client| async move { client.list_algorithms(request).await }).map(tonic::Response::into_inner)
    }

    /// How the one community stands.
    pub fn standing(&self) -> Community {
        self.list().unwrap().communities.remove(0)
    }

    pub fn show(&self, algorithm: &str) -> Result<ShowAlgorithmResponse, Status> {
        let request = self.request(ShowAlgorithmRequest { algorithm: algorithm.to_owned() });
        self.ask(|mut client| async move { client.show_algorithm(request).await }).map(tonic::Response::into_inner)
    }

    /// What is downloaded: its label and its bytes.
    pub fn download(&self, algorithm: &str) -> Result<(Algorithm, Vec<u8>), Status> {
        let request = self.request(DownloadRequest { algorithm: algorithm.to_owned() });
        self.ask(|mut client| async move {
            let mut stream = client.download(request).await?.into_inner();
            let (mut label, mut bytes) = (None, Vec::new());
            while let Some(message) = stream.message().await? {
                match message.part.unwrap() {
                    download_response::Part::Algorithm(algorithm) => label = Some(algorithm),
                    download_response::Part::Chunk(chunk) => bytes.extend(chunk),
                }
            }
            Ok((label.unwrap(), bytes))
        })
    }

    pub fn activate_with(&self, request: ActivateRequest) -> Result<Change, Status> {
        let request = self.request(request);
        self.ask(|mut client| async move { client.activate(request).await }).map(tonic::Response::into_inner)
    }

    /// Activates an algorithm in the one community, from a time or from the next interval on.
    pub fn activate(&self, algorithm: &str, from: &str) -> Result<Change, Status> {
        let (community, algorithm, from) = ("aveiro".to_owned(), algorithm.to_owned(), from.to_owned());
        self.activate_with(ActivateRequest { community, algorithm, from, settings: None })
    }

    pub fn roll_back(&self, community: &str) -> Result<Change, Status> {
        let request = self.request(RollBackRequest { community: community.to_owned() });
        self.ask(|mut client| async move { client.roll_back(request).await }).map(tonic::Response::into_inner)
    }

    pub fn start_shadow(&self, algorithm: &str, since: &str) -> Result<Change, Status> {
        let (community, algorithm, since) = ("aveiro".to_owned(), algorithm.to_owned(), since.to_owned());
        let request = self.request(StartShadowRequest { community, algorithm, since, settings: None });
        self.ask(|mut client| async move { client.start_shadow(request).await }).map(tonic::Response::into_inner)
    }

    pub fn end_shadow(&self) -> Result<Change, Status> {
        let request = self.request(EndShadowRequest { community: "aveiro".to_owned() });
        self.ask(|mut client| async move { client.end_shadow(request).await }).map(tonic::Response::into_inner)
    }

    pub fn report(&self) -> Result<ShadowReport, Status> {
        let request = self.request(ReportShadowRequest { community: "aveiro".to_owned() });
        self.ask(|mut client| async move { client.report_shadow(request).await }).map(tonic::Response::into_inner)
    }

    /// The records, the newest first.
    pub fn changes(&self) -> Result<Vec<Change>, Status> {
        let request = self.request(ListChangesRequest::default());
        let answer = self.ask(|mut client| async move { client.list_changes(request).await });
        answer.map(|answer| answer.into_inner().changes)
    }

    /// What was done, the newest first, as `ada uploaded guest`.
    pub fn done(&self) -> Vec<String> {
        let shown = |change: Change| {
            let name = change.algorithm.map(|algorithm| algorithm.name).unwrap_or_default();
            format!("{} {} {name}", change.by, change.action).trim().to_owned()
        };
        self.changes().unwrap().into_iter().map(shown).collect()
    }
}

/// An upload in messages of odd sizes.
pub fn messages(component: &[u8]) -> Vec<UploadRequest> {
    let (sha256, bytes) = (Digest::of(component).to_string(), component.len() as u64);
    std::iter::once(header(&sha256, bytes)).chain(component.chunks(99_991).map(chunk)).collect()
}

pub fn header(sha256: &str, bytes: u64) -> UploadRequest {
    UploadRequest { part: Some(Part::Header(UploadHeader { sha256: sha256.to_owned(), bytes })) }
}

pub fn chunk(bytes: &[u8]) -> UploadRequest {
    UploadRequest { part: Some(Part::Chunk(bytes.to_vec())) }
}

/// A component with one text in place of another of the same length.
pub fn patched(component: &[u8], text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut patched = component.to_vec();
    let mut found = 0;
    for at in 0..=component.len() - text.len() {
        if component[at..].starts_with(text.as_bytes()) {
            patched[at..at + text.len()].copy_from_slice(other.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "no {text:?} in the component");
    patched
}

/// The rule of a base algorithm under another name of the same length.
pub fn renamed(name: &str, other: &str) -> Vec<u8> {
    patched(base(name).unwrap().bytes, name, other)
}

/// Asserts how a request was refused, and that it says so.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, says: &[&str]) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    for part in says {
        assert!(status.message().contains(part), "no {part:?} in: {}", status.message());
    }
}

/// Asserts that there was not even a connection.
#[track_caller]
pub fn unconnected<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let status = answer.unwrap_err();
    // As the end of the handshake is told, or the end of the connection behind it.
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status:?}");
    assert!(std::error::Error::source(&status).is_some(), "no answer of the service: {status:?}");
}
