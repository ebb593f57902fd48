//! Uploads: a component that passes the gate is kept for ever; of any other, only a record is kept.

use std::sync::Arc;

use domain::Digest;
use sandbox::{Description, Limits};

use super::{Registry, RegistryError, now};
use crate::algorithms::gate::{Gate, Report, draw_seed};
use base::Reference;
use books::{Action, Label, UploadOutcome, Version};

/// Communities on whose rounds of the last day a component is tried at most.
const OTHERS_MAX: usize = 16;

/// The result of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    pub accepted: bool,
    pub was_there: bool,
    /// None if `describe` failed.
    pub label: Option<Label>,
    /// The report of the gate as JSON; empty for a base algorithm.
    pub report: String,
}

impl Registry {
    /// Examines and keeps a component with this digest.
    ///
    /// # Errors
    /// If it has another digest, or its name and version are taken. A component that the gate refuses is no error.
    pub async fn upload(&self, by: &str, expected: Digest, component: Vec<u8>) -> Result<Uploaded, RegistryError> {
        let component: Arc<[u8]> = component.into();
        let digest = tokio::task::block_in_place(|| Digest::of(&component));
        if digest != expected {
            let bytes = component.len();
            let reason =
                format!("the {bytes} bytes have the digest {digest}, but {expected} was announced (send them again)");
            return self.refuse(by, digest, reason.clone()).await.and(Err(RegistryError::Invalid(reason)));
        }
        if let Reference::Base(_) = Reference::of(digest) {
            let label = Some(self.cache.get(&digest).await?.label());
            return Ok(Uploaded { accepted: true, was_there: true, label, report: String::new() });
        }
        if let Some(version) = self.store.versions().await?.into_iter().find(|version| version.label.digest == digest) {
            return Ok(already_uploaded(version));
        }
        let report = self.examine(&component).await?;
        let name = report.description.as_ref().map_or("component", |description| description.name.as_str());
        let json = report.json(name, Some(&component), None).to_string();
        let description = match (report.passed(), report.description.clone()) {
            (true, Some(description)) => description,
            (_, description) => {
                let label = description.map(|description| label(digest, &description));
                tracing::warn!(by, sha256 = %digest, code = "refused", "refused an upload: {}", report.reason());
                self.refuse(by, digest, report.reason()).await?;
                return Ok(Uploaded { accepted: false, was_there: false, label, report: json });
            }
        };
        self.keep(by, digest, &description, component, json).await
    }

    async fn examine(&self, component: &Arc<[u8]>) -> Result<Report, RegistryError> {
        let (usual, checking) = self.sandboxes().await?;
        let mut others = Vec::new();
        // Of many communities only some, others each time: each has a day of rounds.
        let step = self.communities.len().div_ceil(OTHERS_MAX).max(1);
        for config in self.communities.iter().skip(fastrand::usize(..step)).step_by(step) {
            others.push(self.terms(config).await?);
        }
        let _guard = self.examining.lock().await;
        let (usual, checking, component) = (usual.clone(), checking.clone(), Arc::clone(component));
        let examined = tokio::task::spawn_blocking(move || {
            let (limits, seed) = (Limits::default(), draw_seed());
            let gate = Gate { usual: &usual, checking: &checking, limits, seed, terms: None, others };
            gate.examine(&component, false)
        });
        match examined.await {
            Ok(report) => Ok(report?),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn keep(
        &self,
        by: &str,
        digest: Digest,
        description: &Description,
        component: Arc<[u8]>,
        report: String,
    ) -> Result<Uploaded, RegistryError> {
        let label = label(digest, description);
        let taken = |by: String| {
            let way_out = "change the name or raise the version in describe, and build it again";
            format!("{label} is {by} already, and a version never changes its meaning ({way_out})")
        };
        if base::base(&label.name).is_some() {
            let reason = taken(format!("a base algorithm: {}", label.name));
            return self.refuse(by, digest, reason.clone()).await.and(Err(RegistryError::Refused(reason)));
        }
        let version = Version {
            label: label.clone(),
            summary: description.summary.clone(),
            component_bytes: component.len() as u64,
            uploaded_at: now(&*self.clock),
            uploaded_by: by.to_owned(),
            report: report.clone(),
        };
        match self.store.keep_version(&version, component).await? {
            UploadOutcome::Stored => {
                tracing::info!(by, sha256 = %digest, algorithm = %label, "an algorithm was uploaded");
                Ok(Uploaded { accepted: true, was_there: false, label: Some(label), report })
            }
            UploadOutcome::AlreadyStored(version) => Ok(already_uploaded(version)),
            UploadOutcome::NameTaken(version) => {
                let reason = taken(format!("sha256:{}", version.label.digest));
                self.refuse(by, digest, reason.clone()).await.and(Err(RegistryError::Refused(reason)))
            }
        }
    }

    /// Records that an upload was refused, even if it was incomplete.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn refuse(&self, by: &str, digest: Digest, reason: String) -> Result<(), RegistryError> {
        let change = self.change(by, None, Action::Refuse { digest, reason });
        Ok(self.store.note(&change).await?)
    }
}

fn label(digest: Digest, description: &Description) -> Label {
    Label { digest, name: description.name.clone(), version: description.version.clone() }
}

fn already_uploaded(version: Version) -> Uploaded {
    Uploaded { accepted: true, was_there: true, label: Some(version.label), report: version.report }
}
