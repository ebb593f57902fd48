//! The Meters services that are asked: one connection to each, shared by all of its communities, and so many at once.
//!
//! HTTP/2 carries many requests over one connection. Where there are more services than connections, the one that was not used for
//! longest is closed for the next, so that ten thousand communities need no more descriptors than a few hundred.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// How many connections there are at once if nobody says otherwise. Each takes a descriptor.
const CONNECTIONS_MAX: usize = 128;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that a service may send ahead for one answer, and for all together: with HTTP/2's own 64 KiB, large pages would hold up
/// each other and wait for the network after every few hundred rows.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// A Meters service that cannot be configured like this.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMeters {
    #[error("{address:?} is not the address of a Meters service")]
    Address { address: String, source: tonic::transport::Error },
    #[error("cannot read the certificate authorities in {}", path.display())]
    UnreadableAuthorities { path: PathBuf, source: io::Error },
    #[error("the certificate authorities in {} are not PEM", path.display())]
    DamagedAuthorities { path: PathBuf, source: pem::Error },
    #[error("{} contains no certificate (a PEM file is expected)", path.display())]
    NoAuthorities { path: PathBuf },
}

/// What a service is called, and whom it is trusted by.
type Key = (String, Option<PathBuf>);

/// Every Meters service of a configuration.
pub struct MetersServices {
    services: Mutex<HashMap<Key, Arc<Service>>>,
    connections: Arc<Connections>,
}

impl Default for MetersServices {
    fn default() -> MetersServices {
        MetersServices::new(CONNECTIONS_MAX)
    }
}

impl MetersServices {
    /// With so many connections at once at most.
    pub fn new(connections_max: usize) -> MetersServices {
        let room = Arc::new(Semaphore::new(connections_max.max(1)));
        let connections = Connections { room, idle: Mutex::default(), waiting: AtomicUsize::new(0) };
        MetersServices { services: Mutex::default(), connections: Arc::new(connections) }
    }

    /// The service at an `http://` or `https://` address, always the same for addresses that `name` tells to be one. Over TLS it
    /// trusts the authorities in a PEM file, if one is given, instead of those of the machine.
    pub(super) fn service(&self, name: &str, address: &str, ca: Option<&Path>) -> Result<Arc<Service>, InvalidMeters> {
        let mut services = lock(&self.services);
        let key = (name.to_owned(), ca.map(Path::to_owned));
        if let Some(service) = services.get(&key) {
            return Ok(Arc::clone(service));
        }
        let service = Arc::new(Service {
            endpoint: endpoint(address, ca)?,
            lent: Mutex::default(),
            speaks_own: AtomicBool::new(false),
            connections: Arc::clone(&self.connections),
        });
        services.insert(key, Arc::clone(&service));
        Ok(service)
    }
}

/// One Meters service.
pub(super) struct Service {
    endpoint: Endpoint,
    lent: Mutex<Lent>,
    /// Whether it turned out to speak only the second package.
    speaks_own: AtomicBool,
    connections: Arc<Connections>,
}

/// A connection, and by how many it is used now.
#[derive(Default)]
struct Lent {
    users: usize,
    open: Option<Open>,
}

/// A connection that is open or will be with the first request, and its place among those that may be.
struct Open {
    channel: Channel,
    _place: OwnedSemaphorePermit,
}

/// How many connections there may be, and which are used by nobody.
struct Connections {
    room: Arc<Semaphore>,
    /// Services with a connection that nobody uses, the one that was used longest ago first.
    idle: Mutex<Vec<Arc<Service>>>,
    /// How many wait for one.
    waiting: AtomicUsize,
}

impl Service {
    pub(super) fn speaks_own(&self) -> bool {
        self.speaks_own.load(Ordering::Relaxed)
    }

    pub(super) fn set_speaks_own(&self, own: bool) {
        self.speaks_own.store(own, Ordering::Relaxed);
    }

    /// The connection, for as long as the result lives.
    pub(super) async fn connection(self: &Arc<Service>) -> Connection {
        loop {
            if let Some(channel) = self.lend() {
                return Connection { channel, service: Arc::clone(self) };
            }
            let waiting = Waiting::new(&self.connections.waiting);
            // Another one's may have to be closed for it; if all are in use, the first that is free is.
            self.connections.make_room();
            let place = Arc::clone(&self.connections.room).acquire_owned().await;
            drop(waiting);
            // OK because nobody closes it.
            let Ok(place) = place else { continue };
            let mut lent = lock(&self.lent);
            if lent.open.is_none() {
                lent.open = Some(Open { channel: self.endpoint.connect_lazy(), _place: place });
            }
        }
    }

    fn lend(self: &Arc<Service>) -> Option<Channel> {
        let mut idle = lock(&self.connections.idle);
        let mut lent = lock(&self.lent);
        let channel = lent.open.as_ref()?.channel.clone();
        lent.users += 1;
        idle.retain(|other| !Arc::ptr_eq(other, self));
        Some(channel)
    }

    fn give_back(self: &Arc<Service>) {
        let mut idle = lock(&self.connections.idle);
        let mut lent = lock(&self.lent);
        lent.users -= 1;
        if lent.users > 0 {
            return;
        }
        idle.push(Arc::clone(self));
        drop(lent);
        if self.connections.waiting.load(Ordering::SeqCst) > 0 {
            Connections::close_first(&mut idle);
        }
    }
}

impl Connections {
    /// Closes a connection that nobody uses, if there is no place for another one.
    fn make_room(&self) {
        let mut idle = lock(&self.idle);
        if self.room.available_permits() == 0 {
            Connections::close_first(&mut idle);
        }
    }

    fn close_first(idle: &mut Vec<Arc<Service>>) {
        if !idle.is_empty() {
            let first = idle.remove(0);
            lock(&first.lent).open = None;
        }
    }
}

/// Somebody who waits, until this is dropped.
struct Waiting<'c>(&'c AtomicUsize);

impl Waiting<'_> {
    fn new(count: &AtomicUsize) -> Waiting<'_> {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection in use.
pub(super) struct Connection {
    pub(super) channel: Channel,
    service: Arc<Service>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.service.give_back();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn endpoint(address: &str, ca: Option<&Path>) -> Result<Endpoint, InvalidMeters> {
    let invalid = |source| InvalidMeters::Address { address: address.to_owned(), source };
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(invalid)?
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    if !address.starts_with("https:") {
        return Ok(endpoint);
    }
    let tls = match ca {
        None => ClientTlsConfig::new().with_enabled_roots(),
        Some(path) => ClientTlsConfig::new().ca_certificate(authorities(path)?),
    };
    endpoint.tls_config(tls).map_err(invalid)
}

/// Reads a PEM file with at least one certificate. Without any, no server would be trusted.
fn authorities(path: &Path) -> Result<Certificate, InvalidMeters> {
    let path = path.to_owned();
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(InvalidMeters::UnreadableAuthorities { path, source }),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(InvalidMeters::NoAuthorities { path }),
        Ok(_) => Ok(Certificate::from_pem(pem)),
        Err(source) => Err(InvalidMeters::DamagedAuthorities { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(services: &MetersServices, port: u16) -> Arc<Service> {
        let address = format!("http://127.0.0.1:{port}");
        services.service(&address, &address, None).unwrap()
    }

    fn is_open(service: &Service) -> bool {
        lock(&service.lent).open.is_some()
    }

    #[tokio::test]
    async fn a_service_has_one_connection_for_all_who_ask_it() {
        let services = MetersServices::new(8);
        let [one, same] = ["http://127.0.0.1:1", "HTTP://127.0.0.1:1/"]
            .map(|address| services.service("http://127.0.0.1:1", address, None).unwrap());
        assert!(Arc::ptr_eq(&one, &same));
        let both = (one.connection().await, same.connection().await);
        assert_eq!(services.connections.room.available_permits(), 7);
        drop(both);
        // It stays open for the next.
        assert!(is_open(&one) && lock(&one.lent).users == 0);
    }

    #[tokio::test]
    async fn the_connection_that_was_not_used_for_longest_makes_room() {
        let services = MetersServices::new(2);
        let [a, b, c] = [1, 2, 3].map(|port| service(&services, port));
        drop(a.connection().await);
        drop(b.connection().await);
        drop(a.connection().await);
        let used = c.connection().await;
        assert_eq!([&a, &b, &c].map(|service| is_open(service)), [true, false, true]);
        drop(used);
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_the_first_connection_that_is_free() {
        let services = MetersServices::new(1);
        let [a, b] = [1, 2].map(|port| service(&services, port));
        let used = a.connection().await;
        let waiting = tokio::spawn(async move { drop(b.connection().await) });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(used);
        waiting.await.unwrap();
        assert!(!is_open(&a));
    }
}
