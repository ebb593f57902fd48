//! What an operator says to a running service: a client of `rec.market.v1.AlgorithmService`.

use std::path::PathBuf;
use std::time::Duration;

use domain::Digest;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use wire::rec_market_v1 as v1;
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;
use wire::status::status_text;
use wire::tls::{ClientTls, TlsError};

/// Bytes of a component in one message of an upload.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest answer, in bytes: a report has a line for each member.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long an answer may take that needs nothing examined, and one that does.
const ANSWER: Duration = Duration::from_secs(30);
const EXAMINATION: Duration = Duration::from_secs(20 * 60);

/// Where a service is, whom to believe that it is it, and who asks.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Its `https://` address.
    pub address: String,
    /// How to connect.
    pub tls: ClientTls,
    /// A file with our token.
    pub token_file: Option<PathBuf>,
}

/// Something that a service did not do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection cannot even be tried.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The token cannot be used.
    #[error("the token in {} cannot be used: {reason}", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It does not know us, or we may not.
    #[error("{address}: {message} (name a --token-file, or a --certificate and its --key, of a caller that may)")]
    NotPermitted {
        /// The service.
        address: String,
        /// What it says.
        message: String,
    },
    /// What is asked makes no sense to it.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// It is away, too slow or failing.
    #[error("{address} does not answer: {reason}")]
    Away {
        /// The service.
        address: String,
        /// What happened.
        reason: String,
    },
    /// What it sent is not what it says.
    #[error("{address} sent a component with the digest {found}, which should have been {said} (nothing was written)")]
    Damaged {
        /// The service.
        address: String,
        /// The digest of what came.
        found: Digest,
        /// What should have come.
        said: String,
    },
}

/// A connection to a service.
pub struct ServiceClient {
    address: String,
    client: AlgorithmServiceClient<Channel>,
    token: Option<MetadataValue<Ascii>>,
}

impl ServiceClient {
    /// Will talk to that service. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address or a file is wrong.
    pub fn new(server: &Server) -> Result<ServiceClient, ClientError> {
        let channel = server.tls.endpoint(&server.address)?.connect_lazy();
        let token = match &server.token_file {
            Some(path) => Some(read_token(path.clone())?),
            None => None,
        };
        let client = AlgorithmServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(ServiceClient { address: server.address.clone(), client, token })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }

    /// An answer within a time.
    async fn within<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_) => Err(self.away(format!("no answer within {deadline:?}"))),
        }
    }

    fn away(&self, reason: String) -> ClientError {
        ClientError::Away { address: self.address.clone(), reason }
    }

    fn failed(&self, status: &Status) -> ClientError {
        let message = status.message().to_owned();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                ClientError::NotPermitted { address: self.address.clone(), message }
            }
            Code::NotFound | Code::InvalidArgument | Code::OutOfRange => ClientError::Invalid(message),
            Code::FailedPrecondition | Code::AlreadyExists => ClientError::Refused(message),
            Code::Unimplemented => self.away(format!("it serves no algorithms there: {message}")),
            _ => self.away(status_text(status)),
        }
    }

    /// Uploads a component; is told how many bytes are on their way.
    ///
    /// # Errors
    /// If it is not taken; that the gate refuses it is none.
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

    /// Downloads a component, and what it is.
    ///
    /// # Errors
    /// If there is none, or what comes is something else.
    pub async fn download(&self, algorithm: &str) -> Result<(v1::Algorithm, Vec<u8>), ClientError> {
        use v1::download_response::Part;
        let request = self.request(v1::DownloadRequest { algorithm: algorithm.to_owned() });
        let mut stream = self.within(ANSWER, self.client.clone().download(request)).await?;
        let (mut label, mut component) = (v1::Algorithm::default(), Vec::new());
        loop {
            let message = tokio::time::timeout(ANSWER, stream.message()).await;
            let message = message.map_err(|_| self.away(format!("nothing more within {ANSWER:?}")))?;
            match message.map_err(|status| self.failed(&status))?.map(|message| message.part) {
                None => break,
                Some(Some(Part::Algorithm(algorithm))) => label = algorithm,
                Some(Some(Part::Chunk(chunk))) => component.extend_from_slice(&chunk),
                Some(None) => {}
            }
        }
        let found = Digest::of(&component);
        // What is asked for by its digest is that, whatever the service says.
        let said = algorithm.strip_prefix("sha256:").unwrap_or(&label.sha256);
        if found.to_string() != said.to_lowercase() {
            return Err(ClientError::Damaged { address: self.address.clone(), found, said: said.to_owned() });
        }
        Ok((label, component))
    }
}

/// Calls that are one question and one answer.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $answer:ident within $deadline:ident;)*) => {
        impl ServiceClient {
            $($(#[$doc])*
            ///
            /// # Errors
            /// If the service does not do it.
            pub async fn $name(&self, request: v1::$request) -> Result<v1::$answer, ClientError> {
                let request = self.request(request);
                self.within($deadline, self.client.clone().$name(request)).await
            })*
        }
    };
}

calls! {
    /// Every algorithm and every community.
    list_algorithms(ListAlgorithmsRequest) -> ListAlgorithmsResponse within ANSWER;
    /// All that is known of one algorithm.
    show_algorithm(ShowAlgorithmRequest) -> ShowAlgorithmResponse within ANSWER;
    /// Settles a community with an algorithm from an interval on.
    activate(ActivateRequest) -> Change within EXAMINATION;
    /// Withdraws what was activated last.
    roll_back(RollBackRequest) -> Change within ANSWER;
    /// Runs a candidate beside what settles.
    start_shadow(StartShadowRequest) -> Change within ANSWER;
    /// Runs it no more.
    end_shadow(EndShadowRequest) -> Change within ANSWER;
    /// What the candidate came to.
    report_shadow(ReportShadowRequest) -> ShadowReport within ANSWER;
    /// What was done, the newest first.
    list_changes(ListChangesRequest) -> ListChangesResponse within ANSWER;
    /// What the gate allows there.
    show_limits(ShowLimitsRequest) -> ShowLimitsResponse within ANSWER;
}

fn read_token(path: PathBuf) -> Result<MetadataValue<Ascii>, ClientError> {
    let token = |reason: String| ClientError::Token { path: path.clone(), reason };
    let text = std::fs::read_to_string(&path).map_err(|error| token(error.to_string()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(token("it is empty".to_owned()));
    }
    let is_plain = text.chars().all(|character| character.is_ascii_graphic() || character == ' ');
    let value = format!("Bearer {text}").parse().ok().filter(|_| is_plain);
    value.ok_or_else(|| {
        token("it has characters that no header may have (letters, digits and signs of ASCII)".to_owned())
    })
}
