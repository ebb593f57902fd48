//! What the commands share that talk to a running service: which service, and who asks.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use wire::rec_market_v1 as v1;
use wire::tls::ClientTls;

use super::{json, text};
use crate::adapter::client::{ClientError, Server, ServiceClient};
use crate::cli::exit::{Exit, usage};
use crate::cli::output;
use crate::file::warn_if_exposed;

#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct ServerArgs {
    /// TLS address of the service, such as https://market:50051
    #[arg(long, value_name = "URL")]
    pub server: String,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Service")]
pub struct IdentityArgs {
    /// Certificate authority of the service (PEM) [default: those of this machine]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Client certificate (PEM), if the service knows you by one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// File with a token, if the service knows you by one
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl IdentityArgs {
    pub fn connect(&self, address: &str) -> Result<ServiceClient, ClientError> {
        warn_if_exposed("the token", self.token_file.as_deref());
        warn_if_exposed("the key of the certificate", self.key.as_deref());
        let identity = self.certificate.clone().zip(self.key.clone());
        let tls = ClientTls { ca: self.ca.clone(), identity };
        ServiceClient::new(&Server { address: address.to_owned(), tls, token_file: self.token_file.clone() })
    }
}

impl ServerArgs {
    pub fn connect(&self) -> Result<ServiceClient, ClientError> {
        self.identity.connect(&self.server)
    }
}

#[derive(Debug, Args)]
pub struct SettingArgs {
    /// Set a setting of the algorithm; replaces all those of the configuration; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Leave all settings of the algorithm at their defaults, whatever the configuration sets
    #[arg(long, conflicts_with = "set")]
    pub no_settings: bool,
}

impl SettingArgs {
    /// The settings to use instead of the configured ones; none to use those.
    pub fn settings(&self) -> anyhow::Result<Option<v1::Settings>> {
        let mut settings = HashMap::new();
        for (key, value) in &self.set {
            if let Some(before) = settings.insert(key.clone(), value.clone()) {
                return Err(usage(format!("--set gives {key} twice, {before:?} and {value:?} (give it once)")));
            }
        }
        Ok((self.no_settings || !settings.is_empty()).then_some(v1::Settings { settings }))
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// With what a community is settled, as a sentence.
pub async fn describe_community(client: &ServiceClient, community: &str) -> anyhow::Result<String> {
    let listed = client.list_algorithms(v1::ListAlgorithmsRequest {}).await?;
    let names: Vec<&str> = listed.communities.iter().map(|community| community.name.as_str()).collect();
    let found = listed.communities.iter().find(|found| found.name == community);
    let unknown = || usage(format!("the service has no community {community:?} (it has: {})", names.join(", ")));
    Ok(text::community_sentence(found.ok_or_else(unknown)?))
}

pub fn print_change(change: &v1::Change, as_json: bool, out: &mut impl Write) -> anyhow::Result<Exit> {
    if as_json {
        output::json_line(&json::change(change), out)?;
    } else {
        writeln!(out, "{}", text::change(change))?;
    }
    Ok(Exit::Done)
}
