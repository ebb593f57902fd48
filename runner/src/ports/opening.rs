//! How the opening of a connection ends that begins with a handshake, and why one fails: for whoever configures callers and
//! certificates.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_rustls::rustls::{AlertDescription, Error, InvalidMessage};

/// How often the log tells of failures of one kind: anybody who reaches the port can make some.
const TELL_AGAIN: Duration = Duration::from_secs(10 * 60);

/// What becomes of a caller.
#[derive(Clone, Debug)]
pub enum Opening {
    /// It has sent a request.
    CameThrough,
    /// It never came so far.
    Failed { from: IpAddr, failure: Failure },
}

/// A caller that went away when it had our certificate.
#[derive(Debug, thiserror::Error)]
#[error("{0}, after our certificate")]
struct AfterCertificate(io::Error);

/// Called with what becomes of callers.
pub type OpeningObserver = Arc<dyn Fn(Opening) + Send + Sync>;

/// Why a handshake failed, or what it was for came to nothing: a closed set, for labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The caller refuses our certificate.
    Untrusted,
    /// The caller left as soon as it had seen our certificate.
    Left,
    /// There is no version, cipher or protocol that both speak.
    Incompatible,
    /// We refuse the caller's certificate.
    ClientCertificate,
    /// The caller does not speak TLS.
    Plaintext,
    /// The caller went away before it had seen our certificate.
    Closed,
    /// The caller took too long.
    Late,
    /// There were so many handshakes that this one made way.
    Crowded,
    /// Anything else that is against the rules of TLS.
    Invalid,
}

impl Failure {
    pub const ALL: [Failure; 9] = [
        Failure::Untrusted,
        Failure::Left,
        Failure::Incompatible,
        Failure::ClientCertificate,
        Failure::Plaintext,
        Failure::Closed,
        Failure::Late,
        Failure::Crowded,
        Failure::Invalid,
    ];

    /// Its name, for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::Untrusted => "untrusted",
            Failure::Left => "left",
            Failure::Incompatible => "incompatible",
            Failure::ClientCertificate => "client_certificate",
            Failure::Plaintext => "plaintext",
            Failure::Closed => "closed",
            Failure::Late => "late",
            Failure::Crowded => "crowded",
            Failure::Invalid => "invalid",
        }
    }

    /// What it means, and the way out, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Failure::Untrusted => {
                "it does not trust our certificate (does it have the authority's, and does ours have the name it calls us by?)"
            }
            Failure::Left => {
                "it left without a request as soon as it had our certificate, as clients of Node do that do not trust it (the \
                 file that they trust must have its authority's too)"
            }
            Failure::Incompatible => {
                "it has no version, cipher or protocol of TLS in common with us (1.2 or 1.3, and HTTP/2)"
            }
            Failure::ClientCertificate => {
                "its certificate is not one of an authority in tls.client_ca, or not valid now"
            }
            Failure::Plaintext => "it does not speak TLS; plaintext has its own port",
            Failure::Closed => {
                "it went away during the handshake, as checks do that only look whether the port is open"
            }
            Failure::Late => "it took too long",
            Failure::Crowded => "there were too many handshakes at a time",
            Failure::Invalid => "it does not keep to the rules of TLS",
        }
    }

    /// Whether somebody should mend something. The others come from checks and scans as well.
    fn is_mistake(self) -> bool {
        match self {
            Failure::Untrusted
            | Failure::Left
            | Failure::Incompatible
            | Failure::ClientCertificate
            | Failure::Plaintext => true,
            Failure::Closed | Failure::Late | Failure::Crowded | Failure::Invalid => false,
        }
    }

    /// An error of a handshake whose caller has our certificate before it: if that is all it wanted, it refuses us.
    pub fn after_certificate(error: io::Error) -> io::Error {
        match Failure::of(&error) {
            Failure::Closed => io::Error::new(error.kind(), AfterCertificate(error)),
            _ => error,
        }
    }

    /// The failure that an error of a handshake is.
    pub(super) fn of(error: &io::Error) -> Failure {
        let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        let inner = error.get_ref();
        if inner.is_some_and(|inner| inner.is::<AfterCertificate>()) {
            return Failure::Left;
        }
        match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => Failure::of_alert(*alert),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Failure::Plaintext,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Failure::Incompatible,
            Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => Failure::ClientCertificate,
            None if closed.contains(&error.kind()) => Failure::Closed,
            _ => Failure::Invalid,
        }
    }

    fn of_alert(alert: AlertDescription) -> Failure {
        use AlertDescription as Alert;
        match alert {
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::BadCertificateStatusResponse
            | Alert::BadCertificateHashValue
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
            // The authority that it trusts has the name of ours, but another key.
            | Alert::DecryptError => Failure::Untrusted,
            Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity | Alert::NoApplicationProtocol => {
                Failure::Incompatible
            }
            Alert::CloseNotify | Alert::UserCanceled => Failure::Closed,
            _ => Failure::Invalid,
        }
    }
}

/// Tells of failures: each to the observer, and one of each kind now and then in the log.
pub(super) struct Failures {
    observer: Option<OpeningObserver>,
    told: Mutex<BTreeMap<Failure, Told>>,
}

/// When a kind of failure was told, and how many have come since.
struct Told {
    at: Instant,
    since: u64,
}

impl Failures {
    pub(super) fn new(observer: Option<OpeningObserver>) -> Failures {
        Failures { observer, told: Mutex::default() }
    }

    /// Tells of a failure, and of the error that it came with.
    pub(super) fn tell(&self, peer: SocketAddr, failure: Failure, error: Option<&io::Error>) {
        if let Some(observer) = &self.observer {
            observer(Opening::Failed { from: peer.ip(), failure });
        }
        let Some(more) = self.untold(failure, Instant::now()) else { return };
        let (reason, meaning) = (failure.as_str(), failure.meaning());
        let error = error.map(tracing::field::display);
        if failure.is_mistake() {
            tracing::warn!(%peer, reason, more, error, "a caller did not come through: {meaning}");
        } else {
            tracing::debug!(%peer, reason, more, error, "a caller did not come through: {meaning}");
        }
    }

    /// How many failures of this kind nobody was told of before this one; none if it is too early to tell.
    fn untold(&self, failure: Failure, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match told.get_mut(&failure) {
            Some(told) if now < told.at + TELL_AGAIN => {
                told.since += 1;
                return None;
            }
            Some(told) => std::mem::replace(told, Told { at: now, since: 0 }),
            None => {
                told.insert(failure, Told { at: now, since: 0 });
                return Some(0);
            }
        };
        Some(told.since)
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{CertificateError, PeerIncompatible};

    use super::*;

    #[test]
    fn an_error_of_a_handshake_is_a_failure_that_people_understand() {
        let of = |error: Error| Failure::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        for (error, failure) in [
            (Error::AlertReceived(AlertDescription::UnknownCA), Failure::Untrusted),
            (Error::AlertReceived(AlertDescription::BadCertificate), Failure::Untrusted),
            (Error::AlertReceived(AlertDescription::CertificateUnknown), Failure::Untrusted),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), Failure::Incompatible),
            (Error::AlertReceived(AlertDescription::CloseNotify), Failure::Closed),
            (Error::AlertReceived(AlertDescription::DecodeError), Failure::Invalid),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), Failure::Plaintext),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), Failure::Incompatible),
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), Failure::ClientCertificate),
            (Error::AlertReceived(AlertDescription::DecryptError), Failure::Untrusted),
            (Error::DecryptError, Failure::Invalid),
        ] {
            assert_eq!(of(error.clone()), failure, "{error:?}");
        }
        assert_eq!(Failure::of(&io::ErrorKind::UnexpectedEof.into()), Failure::Closed);
        assert_eq!(Failure::of(&io::ErrorKind::ConnectionReset.into()), Failure::Closed);
        let left = |error: io::Error| Failure::of(&Failure::after_certificate(error));
        assert_eq!(left(io::ErrorKind::UnexpectedEof.into()), Failure::Left);
        let unknown = Error::AlertReceived(AlertDescription::UnknownCA);
        assert_eq!(left(io::Error::new(io::ErrorKind::InvalidData, unknown)), Failure::Untrusted);
    }

    #[test]
    fn the_log_tells_of_each_kind_now_and_then_and_counts_the_rest() {
        let failures = Failures::new(None);
        let (start, mut told) = (Instant::now(), Vec::new());
        for second in 0..1500 {
            let now = start + Duration::from_secs(second);
            told.extend(failures.untold(Failure::Plaintext, now).map(|more| (second, more)));
        }
        assert_eq!(told, [(0, 0), (600, 599), (1200, 599)]);
        assert_eq!(failures.untold(Failure::Left, start), Some(0));
    }

    #[test]
    fn each_failure_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Failure::ALL.into_iter().map(Failure::as_str).collect();
        assert_eq!(names.len(), Failure::ALL.len());
    }
}
