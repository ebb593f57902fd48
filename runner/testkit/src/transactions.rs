//! A Transactions service at work.

use demo::certificates::Issued;
use demo::transactions::service::{ServerPem, TransactionsService};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{Port, runtime};

/// A Transactions service, as a process of its own would be: when it dies, so do its connections.
pub struct Transactions {
    runtime: Option<Runtime>,
}

impl Transactions {
    /// Serves at a port with this certificate.
    pub fn start(service: &TransactionsService, issued: &Issued, port: &Port) -> Transactions {
        let runtime = runtime();
        let pem = ServerPem { certificate: issued.certificate.clone(), key: issued.key.clone() };
        // In its runtime, because that is where its sockets live.
        let listener = {
            let _inside = runtime.enter();
            port.listen()
        };
        let service = service.clone();
        runtime.spawn(async move { service.serve(listener, pem, CancellationToken::new()).await.unwrap() });
        Transactions { runtime: Some(runtime) }
    }

    /// Where it runs.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    /// Ends it at once, and waits until nothing of it is left.
    pub async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let patience = std::time::Duration::from_secs(30);
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(patience)).await.unwrap();
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
