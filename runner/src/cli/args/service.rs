//! Arguments of the commands that talk to a running service about algorithms.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use super::time;
use crate::adapter::client::Server;
use wire::rec_market_v1::Settings;
use wire::tls::ClientTls;

/// Which service, and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct ServerArgs {
    /// The service's TLS port, such as https://market:50051.
    #[arg(long, value_name = "URL")]
    pub server: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub identity: IdentityArgs,
}

/// Whom to believe, and who asks.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Service")]
pub struct IdentityArgs {
    /// The authority of its certificate (PEM); without it the machine's own authorities.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our client certificate (PEM), if the service knows us by that.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// A file with our token, if the service knows us by that.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl IdentityArgs {
    /// The service at an address, with all that.
    pub fn server(&self, address: &str) -> Server {
        let identity = self.certificate.clone().zip(self.key.clone());
        let tls = ClientTls { ca: self.ca.clone(), identity };
        Server { address: address.to_owned(), tls, token_file: self.token_file.clone() }
    }
}

impl ServerArgs {
    /// The service they mean.
    pub fn server(&self) -> Server {
        self.identity.server(&self.server)
    }
}

/// Arguments of `algorithm upload`.
#[derive(Debug, Args)]
pub struct UploadArgs {
    /// A component file.
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm show`.
#[derive(Debug, Args)]
pub struct ShowAlgorithmArgs {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST.
    pub algorithm: String,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm download`.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST.
    pub algorithm: String,
    /// Where to write (- for stdout); NAME-VERSION.wasm here if left out. Never replaces another file.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm activate`.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The community.
    pub community: String,
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST.
    pub algorithm: String,
    /// The start of the first interval that it settles; the next one that is not settled if left out.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub settings: SettingArgs,
    /// Does not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Settings in place of the configured ones.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// A setting, in place of all that the configuration has; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// No settings, whatever the configuration has.
    #[arg(long, conflicts_with = "set")]
    pub no_settings: bool,
}

impl SettingArgs {
    /// What they mean: none for those of the configuration.
    ///
    /// # Errors
    /// If a key is given twice.
    pub fn settings(&self) -> Result<Option<Settings>, String> {
        let mut settings = HashMap::new();
        for (key, value) in &self.set {
            if let Some(before) = settings.insert(key.clone(), value.clone()) {
                return Err(format!("--set gives {key} twice, {before:?} and {value:?} (give it once)"));
            }
        }
        Ok((self.no_settings || !settings.is_empty()).then_some(Settings { settings }))
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Arguments of `algorithm rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The community.
    pub community: String,
    /// Does not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm shadow`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["algorithm", "off"]))]
pub struct ShadowArgs {
    /// The community.
    pub community: String,
    /// The candidate: NAME for its newest version, NAME@VERSION, or sha256:DIGEST. Without it: what came of the one that
    /// runs, or of the last one.
    pub algorithm: Option<String>,
    /// Ends it.
    #[arg(long)]
    pub off: bool,
    /// Runs also on intervals that are settled already, from this time on, and waits for what comes of that.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "algorithm")]
    pub since: Option<Timestamp>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub settings: SettingArgs,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}

/// Arguments of `algorithm changes`.
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// Only what is about this community.
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub server: ServerArgs,
}
