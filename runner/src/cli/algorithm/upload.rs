//! `rec-market algorithm upload`.

use std::io::Write;
use std::path::PathBuf;

use base::Reference;
use clap::Args;
use serde_json::Value;

use super::service::ServerArgs;
use super::{json, report, text};
use crate::algorithms::catalogue::{self, UnusableAlgorithm};
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::output;

/// Upload an algorithm to a running service, where it passes the same gate as `check`
///
/// The service keeps it for ever under its name and version. It settles nothing until it is activated. If the gate refuses
/// it, the service keeps only a record of that. The report also says what it would have meant for members' money on the last
/// rounds of each community. For example: `rec-market algorithm upload own.wasm --server
/// https://market:50051 --ca ca_crt.pem --token-file operator.token`
#[derive(Debug, Args)]
pub struct UploadArgs {
    /// Component file
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &UploadArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let client = args.server.connect()?;
    let component = match catalogue::read(&Reference::File(args.file.clone()), |_| None) {
        Ok(component) => component.into_owned(),
        // The service would refuse it for the same reason.
        Err(error @ UnusableAlgorithm::Load { .. }) => return Err(error).exit_code(Exit::Bad),
        Err(error) => return Err(error.into()),
    };
    let bytes = component.len() as u64;
    let bar = output::progress(bytes, "uploading");
    let sent = {
        let bar = bar.clone();
        move |so_far| {
            bar.set_position(so_far);
            if so_far == bytes {
                bar.set_message("in the gate");
            }
        }
    };
    let uploaded = client.upload(component, sent).await;
    bar.finish_and_clear();
    let uploaded = uploaded?;
    let exit = if uploaded.accepted { Exit::Done } else { Exit::Bad };
    if args.json {
        output::json_line(&json::upload(&uploaded), out)?;
        return Ok(exit);
    }
    let report: Value = serde_json::from_str(&uploaded.report).unwrap_or_default();
    report::print(&report, out)?;
    let (file, label) = (args.file.display(), uploaded.algorithm.as_ref().map(text::label).unwrap_or_default());
    match (uploaded.accepted, uploaded.was_there) {
        (true, true) => writeln!(out, "{file}: already uploaded, as {label}")?,
        (true, false) => writeln!(out, "{file}: uploaded as {label}")?,
        (false, _) => writeln!(out, "{file}: refused; the service keeps only a record of the upload")?,
    }
    Ok(exit)
}
