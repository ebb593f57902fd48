//! What all ports share: who may connect and for how long, and how much of the machine the visitors may use.
//!
//! Start reading at [`Port::serve`]. Whatever is limited is a [`Room`]: one address may have a part of it, and when it is full, who
//! has stood still longest makes way. Not here: what is served, and to whom.

mod connection;
mod descriptors;
mod exchange;
mod opening;
mod room;
mod serve;
mod visit;

pub use descriptors::{Shares, TooFewDescriptors, raise};
pub use exchange::Exchange;
pub use opening::{Failure, Opening, OpeningObserver};
pub use room::{Holder, Place, Room, Size};
pub use serve::{Limits, Port, http1, http1_kept, http2};
pub use visit::Visit;
