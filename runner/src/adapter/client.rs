//! The administrator's client of a running service: `rec.market.v1.AlgorithmService`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use wire::rec_market_v1 as v1;
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;
use wire::status::{CallError, message};
use wire::tls::{ClientTls, TlsError};

/// Bytes of a component in one message of an upload.
const CHUNK_BYTES: usize = 256 << 10;
/// Largest response, in bytes: a report has an entry for each member.
const RESPONSE_BYTES_MAX: usize = 64 << 20;
/// Deadline of a call.
const CALL: Duration = Duration::from_secs(30);
/// Deadline of a call for which the gate examines an algorithm.
const EXAMINATION: Duration = Duration::from_secs(20 * 60);

/// Where a service is, and how to authenticate both sides.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// An `https://` address.
    pub address: String,
    pub tls: ClientTls,
    pub token_file: Option<PathBuf>,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot read the token in {}", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("the token in {} is {problem}", path.display())]
    InvalidToken { path: PathBuf, problem: &'static str },
    #[error("{address}: {message} (name the --token-file, or the --certificate and --key, of a permitted caller)")]
    NotPermitted { address: String, message: String },
    /// The request is wrong, whatever the state of the service.
    #[error("{0}")]
    Invalid(String),
    /// The state of the service does not allow it.
    #[error("{0}")]
    Refused(String),
    #[error("{address} does not answer")]
    Unavailable { address: String, source: CallError },
    #[error("{address} does not administer algorithms")]
    Unsuited { address: String, source: CallError },
    #[error("{address} sent a component with the digest {found} instead of {expected} (nothing was written)")]
    Damaged { address: String, found: Digest, expected: String },
}

/// A connection to a service, made when it is first used.
pub struct ServiceClient {
    address: String,
    client: AlgorithmServiceClient<Channel>,
    token: Option<MetadataValue<Ascii>>,
}

impl ServiceClient {
    /// Prepares the connection. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address or a file is wrong.
    pub fn new(server: &Server) -> Result<ServiceClient, ClientError> {
        let channel = server.tls.endpoint(&server.address)?.connect_lazy();
        let token = match &server.token_file {
            Some(path) => Some(read_token(path)?),
            None => None,
        };
        let client = AlgorithmServiceClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX);
        Ok(ServiceClient { address: server.address.clone(), client, token })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        response: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(deadline, response).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failed(status)),
            Err(_) => Err(self.away(CallError::NoAnswer(deadline))),
        }
    }

    fn away(&self, source: CallError) -> ClientError {
        ClientError::Unavailable { address: self.address.clone(), source }
    }

    fn failed(&self, status: Status) -> ClientError {
        let message = message(&status).into_owned();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                ClientError::NotPermitted { address: self.address.clone(), message }
            }
            Code::NotFound | Code::InvalidArgument | Code::OutOfRange => ClientError::Invalid(message),
            Code::FailedPrecondition | Code::AlreadyExists => ClientError::Refused(message),
            Code::Unimplemented => ClientError::Unsuited { address: self.address.clone(), source: status.into() },
            _ => self.away(status.into()),
        }
    }

    /// Uploads a component; `sent` is called with the number of bytes sent so far.
    ///
    /// # Errors
    /// If the call fails. A component that the gate refuses is no error.
    pub async fn upload(
        &self,
        component: Vec<u8>,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Result<v1::UploadResponse, ClientError> {
        use v1::upload_request::Part;
        let header = v1::UploadHeader { sha256: Digest::of(&component).to_string(), bytes: component.len() as u64 };
        let starts = (0..component.len()).step_by(CHUNK_BYTES);
        let chunks = starts.map(move |start| {
            let end = component.len().min(start.saturating_add(CHUNK_BYTES));
            sent(end as u64);
            Part::Chunk(component.get(start..end).unwrap_or_default().to_vec())
        });
        let parts = std::iter::once(Part::Header(header)).chain(chunks);
        let messages = tokio_stream::iter(parts.map(|part| v1::UploadRequest { part: Some(part) }));
        let request = self.request(messages);
        self.within(EXAMINATION, self.client.clone().upload(request)).await
    }

    /// Downloads a component with its label.
    ///
    /// # Errors
    /// If there is none, or if what arrives has another digest.
    pub async fn download(&self, algorithm: &str) -> Result<(v1::Algorithm, Vec<u8>), ClientError> {
        use v1::download_response::Part;
        let request = self.request(v1::DownloadRequest { algorithm: algorithm.to_owned() });
        let mut stream = self.within(CALL, self.client.clone().download(request)).await?;
        let (mut label, mut component) = (v1::Algorithm::default(), Vec::new());
        loop {
            let message = tokio::time::timeout(CALL, stream.message()).await;
            let message = message.map_err(|_| self.away(CallError::NoAnswer(CALL)))?;
            match message.map_err(|status| self.failed(status))?.map(|message| message.part) {
                None => break,
                Some(Some(Part::Algorithm(algorithm))) => label = algorithm,
                Some(Some(Part::Chunk(chunk))) => component.extend_from_slice(&chunk),
                Some(None) => {}
            }
        }
        let found = Digest::of(&component);
        // Who asks by digest gets that component or an error, whatever the service says.
        let expected = algorithm.strip_prefix("sha256:").unwrap_or(&label.sha256);
        if found.to_string() != expected.to_lowercase() {
            return Err(ClientError::Damaged { address: self.address.clone(), found, expected: expected.to_owned() });
        }
        Ok((label, component))
    }
}

/// Calls with one request and one response.
macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident within $deadline:ident;)*) => {
        impl ServiceClient {
            $(pub async fn $name(&self, request: v1::$request) -> Result<v1::$response, ClientError> {
                let request = self.request(request);
                self.within($deadline, self.client.clone().$name(request)).await
            })*
        }
    };
}

calls! {
    list_algorithms(ListAlgorithmsRequest) -> ListAlgorithmsResponse within CALL;
    show_algorithm(ShowAlgorithmRequest) -> ShowAlgorithmResponse within CALL;
    preview_activation(ActivateRequest) -> ActivationPreview within EXAMINATION;
    activate(ActivateRequest) -> Change within EXAMINATION;
    roll_back(RollBackRequest) -> Change within CALL;
    start_shadow(StartShadowRequest) -> Change within CALL;
    end_shadow(EndShadowRequest) -> Change within CALL;
    report_shadow(ReportShadowRequest) -> ShadowReport within CALL;
    list_changes(ListChangesRequest) -> ListChangesResponse within CALL;
    show_limits(ShowLimitsRequest) -> ShowLimitsResponse within CALL;
}

fn read_token(path: &Path) -> Result<MetadataValue<Ascii>, ClientError> {
    let text = fs::read_to_string(path).map_err(|source| ClientError::TokenFile { path: path.to_owned(), source })?;
    let text = text.trim();
    let invalid = |problem| ClientError::InvalidToken { path: path.to_owned(), problem };
    if text.is_empty() {
        return Err(invalid("empty"));
    }
    let is_plain = text.chars().all(|character| character.is_ascii_graphic() || character == ' ');
    let value = format!("Bearer {text}").parse().ok().filter(|_| is_plain);
    value.ok_or_else(|| invalid("not a token (only ASCII letters, digits and punctuation are allowed)"))
}
