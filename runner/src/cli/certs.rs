//! `rec-market certs`: development certificates as files.

use std::io::Write;
use std::path::Path;

use crate::cli::args::CertsArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::clock::{Clock, SystemClock};
use crate::file::{self, Access};
use demo::certificates::{self, CertificateError};

/// Runs the command.
pub fn run(args: &CertsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let made = certificates::development(SystemClock.now(), &args.names, args.days).map_err(|error| {
        let exit = if matches!(error, CertificateError::Failed(_)) { Exit::Away } else { Exit::Usage };
        failed(exit, error)
    })?;
    let files = [
        ("ca_crt.pem", made.authority.certificate.as_str(), Access::Public, "the authority: whom clients trust"),
        ("ca_key.pem", &made.authority.key, Access::Private, "its key: nobody else needs it"),
        ("market_crt.pem", &made.market.certificate, Access::Public, "the market's certificate"),
        ("market_key.pem", &made.market.key, Access::Private, "its key"),
        (
            "client_crt.pem",
            &made.client.certificate,
            Access::Public,
            "Transactions' certificate, as client and as server",
        ),
        ("client_key.pem", &made.client.key, Access::Private, "its key"),
        (
            "operator_crt.pem",
            &made.operator.certificate,
            Access::Public,
            "an operator's certificate, to administer algorithms",
        ),
        ("operator_key.pem", &made.operator.key, Access::Private, "its key"),
    ];
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .map_err(|error| usage(format!("cannot make {}: {error}", directory.display())))?;
    // All or nothing: a key that does not fit its certificate is worse than none.
    let there = |name: &&str| directory.join(name).symlink_metadata().is_ok();
    let taken: Vec<&str> = files.iter().map(|(name, ..)| *name).filter(there).collect();
    if !taken.is_empty() && !args.force {
        let (taken, directory) = (taken.join(", "), directory.display());
        return Err(usage(format!("{directory} has {taken} already (--force replaces all eight files)")));
    }
    // A service that reloads sees a whole file, and nobody sees a key with the mode of another file.
    let write = if args.force { file::replace } else { file::create };
    for (name, text, access, what) in files {
        let file = directory.join(name);
        write(&file, text.as_bytes(), access)
            .map_err(|error| usage(format!("cannot write {}: {error}", file.display())))?;
        writeln!(out, "{}  {what}", file.display())?;
    }
    print_next_step(directory, args.days, out)?;
    Ok(Exit::Done)
}

fn print_next_step(directory: &Path, days: u16, out: &mut impl Write) -> anyhow::Result<()> {
    let path = |name: &str| directory.join(name).display().to_string();
    writeln!(
        out,
        "\nThey hold for {days} days and are for development only. Next, in market.toml (paths are relative to it):\n\n\
         [tls]\ncertificate = {:?}\nkey = {:?}\n# client_ca = {:?}  # to require certificates of clients",
        path("market_crt.pem"),
        path("market_key.pem"),
        path("ca_crt.pem"),
    )?;
    Ok(())
}
