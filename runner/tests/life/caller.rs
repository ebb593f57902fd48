//! A caller of `rec.market.v1.AlgorithmService`: what an administrator's program says to it.

use std::net::SocketAddr;
use std::path::Path;

use domain::Digest;
use testkit::{Market, Meters, Service, runtime};
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;
use wire::rec_market_v1::upload_request::Part;
use wire::rec_market_v1::*;

pub const ADMINISTRATOR: &str = "the administrator's token";
pub const READER: &str = "the reader's own token";

/// Callers by token, as a configuration.
pub const CALLERS: &str = r#"
[[caller]]
name = "ada"
roles = ["administer"]
token_file = "ada.token"
[[caller]]
name = "rea"
roles = ["inspect"]
token_file = "rea.token"
"#;

/// A market whose callers have tokens.
pub fn market_with_callers(meters: &Meters, community_keys: &str) -> Market {
    let market = Market::serving(meters, CALLERS, community_keys);
    // With a line's end, as an editor writes it.
    market.file("ada.token", format!("{ADMINISTRATOR}\n"));
    market.file("rea.token", READER);
    market
}

/// Such a market, its service, and its administrator.
pub fn serve(meters: &Meters, community_keys: &str) -> (Market, Service, Caller) {
    let market = market_with_callers(meters, community_keys);
    let service = Service::start(&market);
    let ada = Caller::of(&market, &service);
    (market, service, ada)
}

/// A connection, and who talks over it.
pub struct Caller {
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

impl Caller {
    /// The administrator's.
    pub fn of(market: &Market, service: &Service) -> Caller {
        Caller::with(service.tls, tls(&market.path(""), None), Some(ADMINISTRATOR))
    }

    pub fn with(address: SocketAddr, tls: ClientTlsConfig, token: Option<&str>) -> Caller {
        let runtime = runtime();
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
        let client = {
            let _inside = runtime.enter();
            AlgorithmServiceClient::new(endpoint.connect_lazy()).max_decoding_message_size(64 << 20)
        };
        Caller { runtime, client, token: token.map(str::to_owned) }
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    /// Runs something on the connection.
    pub fn run<T, F>(&self, ask: impl FnOnce(AlgorithmServiceClient<Channel>) -> F) -> T
    where
        F: Future<Output = T>,
    {
        self.runtime.block_on(ask(self.client.clone()))
    }

    /// Asks one thing.
    fn ask<M, T, F>(
        &self,
        message: M,
        ask: impl FnOnce(AlgorithmServiceClient<Channel>, Request<M>) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.run(|client| ask(client, self.request(message))).map(Response::into_inner)
    }

    /// Sends these messages as an upload.
    pub fn send(&self, messages: Vec<UploadRequest>) -> Result<UploadResponse, Status> {
        self.ask(tokio_stream::iter(messages), |mut client, request| async move { client.upload(request).await })
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
        self.ask(ListAlgorithmsRequest {}, |mut client, request| async move { client.list_algorithms(request).await })
    }

    /// How the one community stands.
    pub fn standing(&self) -> Community {
        self.list().unwrap().communities.remove(0)
    }

    pub fn show(&self, algorithm: &str) -> Result<ShowAlgorithmResponse, Status> {
        self.ask(ShowAlgorithmRequest { algorithm: algorithm.to_owned() }, |mut client, request| async move {
            client.show_algorithm(request).await
        })
    }

    /// What is downloaded: its label and its bytes.
    pub fn download(&self, algorithm: &str) -> Result<(Algorithm, Vec<u8>), Status> {
        let request = self.request(DownloadRequest { algorithm: algorithm.to_owned() });
        self.run(|mut client| async move {
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
        self.ask(request, |mut client, request| async move { client.activate(request).await })
    }

    pub fn preview(&self, request: ActivateRequest) -> Result<ActivationPreview, Status> {
        self.ask(request, |mut client, request| async move { client.preview_activation(request).await })
    }

    /// Activates an algorithm in the one community, from a time or from the next interval on.
    pub fn activate(&self, algorithm: &str, from: &str) -> Result<Change, Status> {
        let (community, algorithm, from) = ("aveiro".to_owned(), algorithm.to_owned(), from.to_owned());
        self.activate_with(ActivateRequest { community, algorithm, from, ..ActivateRequest::default() })
    }

    pub fn roll_back(&self, community: &str) -> Result<Change, Status> {
        self.ask(RollBackRequest { community: community.to_owned() }, |mut client, request| async move {
            client.roll_back(request).await
        })
    }

    pub fn start_shadow(&self, algorithm: &str, since: &str) -> Result<Change, Status> {
        let (community, algorithm, since) = ("aveiro".to_owned(), algorithm.to_owned(), since.to_owned());
        self.ask(StartShadowRequest { community, algorithm, since, settings: None }, |mut client, request| async move {
            client.start_shadow(request).await
        })
    }

    pub fn end_shadow(&self) -> Result<Change, Status> {
        self.ask(EndShadowRequest { community: "aveiro".to_owned() }, |mut client, request| async move {
            client.end_shadow(request).await
        })
    }

    pub fn report(&self) -> Result<ShadowReport, Status> {
        self.ask(ReportShadowRequest { community: "aveiro".to_owned() }, |mut client, request| async move {
            client.report_shadow(request).await
        })
    }

    /// The records, the newest first.
    pub fn changes(&self) -> Result<Vec<Change>, Status> {
        let message = ListChangesRequest::default();
        let answer = self.ask(message, |mut client, request| async move { client.list_changes(request).await });
        answer.map(|answer| answer.changes)
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
