//! Attributes for tests that need something that may be missing: `#[needs::mongodb]`, written above `#[test]`.
//!
//! Where it is missing, the test is ignored, and says so in the run's own count. On CI (`CI=true`) nothing is ignored:
//! there the test fails. What there is, `build.rs` finds out; when it comes later, only tests are compiled again.

use proc_macro::TokenStream;

fn ignored_unless(is_there: bool, reason: &str, test: TokenStream) -> TokenStream {
    let ignore = if is_there { String::new() } else { format!("#[ignore = {reason:?}]") };
    let ignore: TokenStream = ignore.parse().unwrap_or_default();
    ignore.into_iter().chain(test).collect()
}

/// Needs a MongoDB server of any kind.
#[proc_macro_attribute]
pub fn mongodb(_: TokenStream, test: TokenStream) -> TokenStream {
    let reason = "no MongoDB server (run `make tools`, which needs Go, or set REC_MARKET_TEST_MONGODB)";
    ignored_unless(cfg!(has_mongodb), reason, test)
}

/// Needs a MongoDB server of its own, which it kills.
#[proc_macro_attribute]
pub fn ferretdb(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_ferretdb), "no MongoDB server to kill (run `make tools`, which needs Go)", test)
}

/// Needs the wasmtime CLI.
#[proc_macro_attribute]
pub fn wasmtime(_: TokenStream, test: TokenStream) -> TokenStream {
    let reason = "no wasmtime CLI (run `make tools`, or set REC_MARKET_TEST_WASMTIME)";
    ignored_unless(cfg!(has_wasmtime), reason, test)
}

/// Needs Node and the gRPC client that the platform's services use.
#[proc_macro_attribute]
pub fn node(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_node), "no gRPC client of Node (run `make tools`, which needs Node)", test)
}

/// Needs Chromium, and the packages of Node that drive it and judge pages.
#[proc_macro_attribute]
pub fn browser(_: TokenStream, test: TokenStream) -> TokenStream {
    let reason = "no Chromium, or nothing that drives it (run `make tools` as root on Debian, or install \
                  `chromium-headless-shell` and Node first; or set REC_MARKET_TEST_BROWSER to the program)";
    ignored_unless(cfg!(all(has_browser, has_browser_driver)), reason, test)
}

/// Needs componentize-py, which makes components of Python.
#[proc_macro_attribute]
pub fn componentize_py(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_componentize_py), "no componentize-py (run `make tools`, which needs Python)", test)
}

/// Needs QuickJS, the engine in components of JavaScript.
#[proc_macro_attribute]
pub fn quickjs(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_quickjs), "no QuickJS (run `make tools`, which needs Node)", test)
}

/// Needs Zig, whose C compiler makes WebAssembly.
#[proc_macro_attribute]
pub fn zig(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_zig), "no Zig (run `make tools`, which needs Python)", test)
}

/// Needs Go.
#[proc_macro_attribute]
pub fn go(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_go), "no Go (install Go 1.24 or later)", test)
}

/// Needs the recorded readings of sixteen households.
#[proc_macro_attribute]
pub fn readings(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_readings), "no recorded readings (set REC_MARKET_TEST_READINGS)", test)
}

/// Needs the samples of operators' files.
#[proc_macro_attribute]
pub fn files(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_files), "no samples in shared/data/files beside this repository", test)
}

/// Needs the known answers of the base algorithms, which are published beside this repository.
#[proc_macro_attribute]
pub fn vectors(_: TokenStream, test: TokenStream) -> TokenStream {
    ignored_unless(cfg!(has_vectors), "no known answers in shared/vectors beside this repository", test)
}
