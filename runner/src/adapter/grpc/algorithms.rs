//! `rec.market.v1.AlgorithmService`: administers algorithms, for authenticated callers.
//!
//! The guard lets nobody here who has no right to. Decisions are made in `algorithms::registry`.

mod convert;
pub(super) mod receive;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::text::chain;
use sandbox::{COMPONENT_BYTES_MAX, Sandbox};
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::callers::Caller;
use crate::algorithms::registry::{Registry, RegistryError, Wanted};
use crate::listed;
use wire::rec_market_v1 as v1;
use wire::rec_market_v1::algorithm_service_server::AlgorithmService;

/// Number of concurrent uploads, each of which may take 64 MiB of memory.
const UPLOADS_MAX: usize = 2;
/// How long an upload waits for others.
const TURN_MAX: Duration = Duration::from_secs(20);
/// Bytes of a component in one message of a download.
const CHUNK_BYTES: usize = 256 << 10;
/// Number of changes that are listed by default, and maximum number.
const CHANGES_DEFAULT: u32 = 100;
const CHANGES_MAX: u32 = 1000;

#[derive(Clone)]
pub(super) struct Algorithms {
    registry: Arc<Registry>,
    uploads: Arc<Semaphore>,
}

impl Algorithms {
    pub(super) fn new(registry: Arc<Registry>) -> Algorithms {
        Algorithms { registry, uploads: Arc::new(Semaphore::new(UPLOADS_MAX)) }
    }
}

/// Who makes a request, as the guard has found out.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let known = request.extensions().get().cloned();
    known.ok_or_else(|| Status::internal("a request came past the guard (this is a mistake in the market)"))
}

impl From<RegistryError> for Status {
    fn from(error: RegistryError) -> Status {
        let message = chain(&error);
        match error {
            RegistryError::NotFound(_) => Status::not_found(message),
            RegistryError::Invalid(_) => Status::invalid_argument(message),
            RegistryError::Refused(_) => Status::failed_precondition(message),
            RegistryError::Store(error) => super::market::store_failed(error),
            RegistryError::Sandbox(error) => {
                tracing::error!("cannot run or examine an algorithm: {}", chain(&error));
                Status::unavailable("the market's machine cannot run algorithms at the moment (try again)")
            }
        }
    }
}

#[tonic::async_trait]
impl AlgorithmService for Algorithms {
    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadRequest>>,
    ) -> Result<Response<v1::UploadResponse>, Status> {
        let caller = caller(&request)?;
        let turn = tokio::time::timeout(TURN_MAX, Arc::clone(&self.uploads).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Status::resource_exhausted("other uploads are under way (try again in a minute)"));
        };
        let registry = Arc::clone(&self.registry);
        // In a separate task, so that a caller who leaves early leaves a complete upload, or a record of the refusal.
        let upload = tokio::spawn(async move {
            let _turn = turn;
            receive::upload(&registry, &caller.name, request.into_inner()).await
        });
        let uploaded = upload.await.map_err(|_| Status::internal("the upload ended early"))??;
        Ok(Response::new(convert::uploaded(uploaded)))
    }

    async fn list_algorithms(
        &self,
        _: Request<v1::ListAlgorithmsRequest>,
    ) -> Result<Response<v1::ListAlgorithmsResponse>, Status> {
        let (versions, communities) = self.registry.list().await?;
        Ok(Response::new(v1::ListAlgorithmsResponse {
            versions: versions.into_iter().map(listed::version).collect(),
            communities: communities.into_iter().map(listed::community).collect(),
        }))
    }

    async fn show_algorithm(
        &self,
        request: Request<v1::ShowAlgorithmRequest>,
    ) -> Result<Response<v1::ShowAlgorithmResponse>, Status> {
        let (listed, ready) = self.registry.show(&request.get_ref().algorithm).await?;
        let report = listed.uploaded.as_ref().map(|version| version.report.clone()).unwrap_or_default();
        let settings = ready.description.settings.iter().map(|setting| v1::Setting {
            key: setting.key.clone(),
            summary: setting.summary.clone(),
            default: setting.default.clone(),
        });
        let settings = settings.collect();
        Ok(Response::new(v1::ShowAlgorithmResponse { version: Some(listed::version(listed)), settings, report }))
    }

    type DownloadStream = Pin<Box<dyn Stream<Item = Result<v1::DownloadResponse, Status>> + Send>>;

    async fn download(&self, request: Request<v1::DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let (listed, ready) = self.registry.show(&request.get_ref().algorithm).await?;
        let part = |part| Ok(v1::DownloadResponse { part: Some(part) });
        let header = part(v1::download_response::Part::Algorithm(listed::algorithm(&listed.label)));
        let component = ready.component;
        let starts = (0..component.len()).step_by(CHUNK_BYTES);
        let chunks = starts.map(move |start| {
            let end = component.len().min(start.saturating_add(CHUNK_BYTES));
            let bytes = component.get(start..end).unwrap_or_default().to_vec();
            part(v1::download_response::Part::Chunk(bytes))
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(std::iter::once(header).chain(chunks)))))
    }

    async fn preview_activation(
        &self,
        request: Request<v1::ActivateRequest>,
    ) -> Result<Response<v1::ActivationPreview>, Status> {
        let v1::ActivateRequest { community, algorithm, settings, .. } = request.into_inner();
        let settings = settings.map(convert::settings);
        let preview = self.registry.preview(&community, &algorithm, settings.as_ref()).await?;
        Ok(Response::new(convert::preview(&preview)))
    }

    async fn activate(&self, request: Request<v1::ActivateRequest>) -> Result<Response<v1::Change>, Status> {
        let caller = caller(&request)?;
        let v1::ActivateRequest { community, algorithm, from, settings, accept_worse_than_grid } = request.into_inner();
        let wanted = Wanted {
            community: &community,
            algorithm: &algorithm,
            from: convert::time("from", &from)?,
            settings: settings.map(convert::settings),
            accept_worse_than_grid,
        };
        let change = self.registry.activate(&caller.name, wanted).await?;
        Ok(Response::new(listed::change(change)))
    }

    async fn roll_back(&self, request: Request<v1::RollBackRequest>) -> Result<Response<v1::Change>, Status> {
        let caller = caller(&request)?;
        let change = self.registry.roll_back(&caller.name, &request.get_ref().community).await?;
        Ok(Response::new(listed::change(change)))
    }

    async fn start_shadow(&self, request: Request<v1::StartShadowRequest>) -> Result<Response<v1::Change>, Status> {
        let caller = caller(&request)?;
        let v1::StartShadowRequest { community, algorithm, since, settings } = request.into_inner();
        let (since, settings) = (convert::time("since", &since)?, settings.map(convert::settings));
        let change = self.registry.start_shadow(&caller.name, &community, &algorithm, since, settings).await?;
        Ok(Response::new(listed::change(change)))
    }

    async fn end_shadow(&self, request: Request<v1::EndShadowRequest>) -> Result<Response<v1::Change>, Status> {
        let caller = caller(&request)?;
        let change = self.registry.end_shadow(&caller.name, &request.get_ref().community).await?;
        Ok(Response::new(listed::change(change)))
    }

    async fn report_shadow(
        &self,
        request: Request<v1::ReportShadowRequest>,
    ) -> Result<Response<v1::ShadowReport>, Status> {
        let community = &request.get_ref().community;
        Ok(Response::new(listed::shadow_report(community, self.registry.shadowed(community).await?)))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let v1::ListChangesRequest { community, limit } = request.get_ref();
        let limit = if *limit == 0 { CHANGES_DEFAULT } else { (*limit).min(CHANGES_MAX) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let community = Some(community.as_str()).filter(|community| !community.is_empty());
        let (changes, uploads) = self.registry.changes(community, limit).await?;
        let changes = listed::changes(changes, uploads, limit);
        Ok(Response::new(v1::ListChangesResponse { changes }))
    }

    async fn show_limits(
        &self,
        request: Request<v1::ShowLimitsRequest>,
    ) -> Result<Response<v1::ShowLimitsResponse>, Status> {
        let community = Some(request.get_ref().community.as_str()).filter(|community| !community.is_empty());
        let of = self.registry.limits(community)?;
        let usual = v1::ShowLimitsResponse {
            market_version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: Sandbox::engine_version().to_owned(),
            component_bytes_max: COMPONENT_BYTES_MAX,
            ..v1::ShowLimitsResponse::default()
        };
        Ok(Response::new(of.map_or(usual.clone(), |terms| convert::limits(terms, usual))))
    }
}
