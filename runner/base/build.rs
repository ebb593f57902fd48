//! Builds the base algorithms as components, to be embedded in the program.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The base algorithms. Each is a package of the same name under algorithms/.
const BASE: [&str; 9] = [
    "public-grid",
    "static",
    "mid-market-rate",
    "bill-sharing",
    "single-sided",
    "uniform",
    "average-market",
    "buyers-price",
    "sellers-price",
];
const TARGET: &str = "wasm32-wasip2";

/// Builds the components with a nested cargo, and writes a table of them for src/lib.rs.
fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    for input in ["algorithms", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set (build with cargo)")?);
    // A separate directory, because the outer cargo holds the lock of the usual one.
    let target_dir = out_dir.join("components");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&workspace).args(["build", "--locked", "--profile", "component", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    cargo.args(BASE.iter().flat_map(|name| ["--package", name]));
    clean_environment(&mut cargo, &workspace);
    let output = cargo.output()?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let hint = if log.contains("target may not be installed") {
            format!("the target {TARGET} is missing: run `rustup target add {TARGET}`\n\n")
        } else {
            String::new()
        };
        return Err(format!("{hint}cannot build the base algorithms:\n{log}").into());
    }
    let mut table = format!("/// The nine base algorithms.\npub static BASE: [Base; {}] = [\n", BASE.len());
    for name in BASE {
        let file = target_dir.join(TARGET).join("component").join(format!("{}.wasm", name.replace('-', "_")));
        table += &format!("    Base {{ name: {name:?}, bytes: include_bytes!({file:?}) }},\n");
    }
    fs::write(out_dir.join("base_algorithms.rs"), table + "];\n")?;
    Ok(())
}

/// Removes the variables that the outer cargo sets for its own crates, and the machine's paths from the output, so that
/// the components are reproducible bit for bit.
fn clean_environment(cargo: &mut Command, workspace: &Path) {
    for variable in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"]
    {
        cargo.env_remove(variable);
    }
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = cargo_home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut flags = format!("--remap-path-prefix={}=/rec-market", workspace.display());
    if let Some(home) = home {
        flags += &format!("\x1f--remap-path-prefix={}=/cargo", home.display());
    }
    // A stack of 64 KiB instead of 1 MiB, and code at fixed addresses: less memory to zero in every run.
    flags += "\x1f-Clink-arg=-zstack-size=65536\x1f-Crelocation-model=static";
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
}
