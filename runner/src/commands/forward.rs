//! What `serve` and `settle` have in common when they bring trades to Transactions.

use std::sync::Arc;

use super::{Exit, Failed};
use crate::clock::Clock;
use crate::config::{Config, ForwardMode};
use crate::forward::Forwarder;
use crate::service::Holder;
use crate::store::Store;
use crate::transactions::push::PushClient;
use crate::transactions::tls::ClientTls;

/// What pushes trades, if the configuration wants that.
pub fn forwarder(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    holder: &Holder,
) -> Result<Option<Forwarder>, Failed> {
    let ForwardMode::Push { to, ca } = &config.forward.mode else { return Ok(None) };
    let tls = ClientTls { ca: ca.clone(), identity: None };
    let client =
        PushClient::new(to, tls, PushClient::DEADLINE).map_err(|error| Failed::because(Exit::Usage, &error))?;
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    Ok(Some(Forwarder::new(store, clock, client, holder.clone(), config.forward.lease)))
}
