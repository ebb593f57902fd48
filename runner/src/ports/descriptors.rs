//! File descriptors: how many there are, and who may use how many.
//!
//! A connection takes one. If callers could take all, the service could no longer ask the Meters service, open its store or answer
//! its health check.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For what is no caller: standard streams, listeners, the store (MongoDB's driver opens up to 100 connections), Transactions,
/// traces, files, and pipes to the compiler.
const OWN: u64 = 160;
/// For a Meters service, while it is connected anew and its name is looked up, and for files of tariffs.
const OWN_PER_SERVICE: u64 = 4;
/// Meters services that are connected at once at most.
const SERVICES_MAX: u64 = 128;
/// More connections to a gRPC port would take too much memory: each has some tens of kilobytes.
const GRPC_MAX: u64 = 512;
/// Scrapers and health checks are few.
const METRICS_MAX: u64 = 64;
/// A browser has up to six connections, and people look at a time.
const WEB_MAX: u64 = 256;
/// With fewer, a port is of no use.
const PORT_MIN: u64 = 16;

/// How many connections each port may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Each of the two gRPC ports.
    pub grpc: usize,
    /// The metrics port.
    pub metrics: usize,
    /// The port of the pages; 0 if there are none.
    pub web: usize,
}

/// The system allows fewer descriptors than the service needs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this process may have {limit} open files, but the market needs {needed} (raise the hard limit: ulimit -Hn, LimitNOFILE=, --ulimit nofile=)"
)]
pub struct TooFewDescriptors {
    limit: u64,
    needed: u64,
}

/// Raises the limit of this process as far as it may, and shares out what there is, for so many Meters services, with pages or
/// without.
///
/// # Errors
/// If it is too little.
pub fn raise(services: usize, has_pages: bool) -> Result<Shares, TooFewDescriptors> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current;
    if current != maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => limit = maximum,
            Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
        }
    }
    // None means that there is no limit.
    let limit = limit.unwrap_or(u64::MAX);
    let shares = share(limit, u64::try_from(services).unwrap_or(u64::MAX), has_pages)?;
    let Shares { grpc, metrics, web } = shares;
    tracing::info!(
        before = current,
        limit,
        grpc,
        metrics,
        web,
        "open files, and how many of them are for callers of each port"
    );
    Ok(shares)
}

fn share(limit: u64, services: u64, has_pages: bool) -> Result<Shares, TooFewDescriptors> {
    let own = OWN + OWN_PER_SERVICE * services.min(SERVICES_MAX);
    let needed = own + if has_pages { 4 } else { 3 } * PORT_MIN;
    if limit < needed {
        return Err(TooFewDescriptors { limit, needed });
    }
    let callers = limit - own;
    let metrics = (callers / 8).clamp(PORT_MIN, METRICS_MAX);
    let web = if has_pages { (callers / 8).clamp(PORT_MIN, WEB_MAX) } else { 0 };
    let grpc = ((callers - metrics - web) / 2).min(GRPC_MAX);
    // OK because these are small.
    let few = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Shares { grpc: few(grpc), metrics: few(metrics), web: few(web) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_what_the_service_needs_itself() {
        for (limit, services, grpc, metrics, web) in [
            (212, 1, 16, 16, 0),
            (256, 1, 38, 16, 0),
            (1024, 1, 398, 64, 0),
            (1024, 50, 300, 64, 0),
            (1024, 10_000, 154, 44, 0),
            (228, 1, 16, 16, 16),
            (256, 1, 30, 16, 16),
            (1024, 1, 344, 64, 107),
            (1024, 50, 258, 64, 83),
            (1024, 10_000, 132, 44, 44),
        ] {
            assert_eq!(share(limit, services, web > 0), Ok(Shares { grpc, metrics, web }), "{limit} {services}");
        }
        for limit in 228..5000 {
            let Shares { grpc, metrics, web } = share(limit, 1, true).unwrap();
            assert!(2 * grpc + metrics + web <= usize::try_from(limit - OWN - OWN_PER_SERVICE).unwrap(), "{limit}");
            assert!(grpc.min(metrics).min(web) >= usize::try_from(PORT_MIN).unwrap(), "{limit}");
        }
        assert_eq!(share(211, 1, false), Err(TooFewDescriptors { limit: 211, needed: 212 }));
        assert_eq!(share(227, 1, true), Err(TooFewDescriptors { limit: 227, needed: 228 }));
        assert_eq!(share(u64::MAX, u64::MAX, true), Ok(Shares { grpc: 512, metrics: 64, web: 256 }));
    }
}
