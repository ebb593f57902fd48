//! `rec-market algorithm download`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::service::ServerArgs;
use super::text;
use crate::cli::exit::Exit;
use crate::cli::output;

/// Why another file of that name stays.
const TAKEN: &str = "with other contents (name another --output)";

/// Download an algorithm of a running service
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    pub algorithm: String,
    /// File to write (- for stdout); a different file is never replaced [default: NAME-VERSION.wasm]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &DownloadArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (label, component) = args.server.connect()?.download(&args.algorithm).await?;
    let file = match &args.output {
        Some(file) if file.as_os_str() == "-" => {
            // Bytes, not text.
            let mut out = io::stdout().lock();
            out.write_all(&component)?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        Some(file) => file.clone(),
        None => PathBuf::from(output::component_file(&label.name, &label.version)),
    };
    output::new_file(&file, &component, TAKEN)?;
    writeln!(out, "{}: {} (sha256:{})", file.display(), text::label(&label), label.sha256)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::exit_of;

    #[test]
    fn a_file_with_other_bytes_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.wasm");
        output::new_file(&file, b"one", TAKEN).unwrap();
        output::new_file(&file, b"one", TAKEN).unwrap();
        let error = output::new_file(&file, b"other", TAKEN).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage);
        assert!(error.to_string().contains("already exists with other contents"), "{error:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
    }
}
