//! Which meters have been read, in any community.
//!
//! The newest interval of a community names them all, but in a document of up to megabytes. So what it said is remembered,
//! and it is read again only if somebody asks for a meter that is not among them, once for each new interval.

use std::collections::HashSet;

use super::chain;
use super::fault::Fault;
use super::mark::{self, Mark};
use super::server::Server;

/// Those of the meters that have not been read.
pub(super) async fn unread<'m>(
    server: &Server,
    meters: impl IntoIterator<Item = &'m str>,
) -> Result<HashSet<&'m str>, Fault> {
    let mut unread: HashSet<&str> = meters.into_iter().collect();
    server.without_read_meters(&mut unread);
    if unread.is_empty() {
        return Ok(unread);
    }
    for Mark { community, number, .. } in mark::list(server).await? {
        if server.knows_meters_of(&community, number) {
            continue;
        }
        let read = chain::progress(server, &community).await?.last_reads.into_keys();
        let read: HashSet<String> = read.map(|meter| meter.to_string()).collect();
        server.remember_meters(community, number, read);
    }
    server.without_read_meters(&mut unread);
    Ok(unread)
}
