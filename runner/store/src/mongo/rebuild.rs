//! Sums all intervals of a community up again.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::days::Summing;
use super::fault::Fault;
use super::read::Intervals;
use super::server::Server;
use super::sums::traded;
use super::{chain, days, details, mark};
use books::{Span, day_of};

/// Sums up all intervals again, by the days of a time zone; answers the number of days. Whoever dies meanwhile leaves days that are
/// not there, which shows.
pub(super) async fn all_again(
    server: &Server,
    community: &str,
    zone: &TimeZone,
    told: Arc<dyn Fn() + Send + Sync>,
) -> Result<u64, Fault> {
    server.check_writable()?;
    loop {
        chain::completed(server, community).await?;
        let before = mark::full(server, community).await?;
        if before.mark.end().is_none() {
            return Ok(0);
        }
        details::forget(server, community).await?;
        days::forget(server, community).await?;
        let (mut summed, mut days, mut after) = (Summing::new(), 0, None);
        let mut intervals = Intervals::new(server, community, Span::default(), Some(before.mark.number));
        while let Some(interval) = intervals.next().await? {
            summed.add(&traded(&interval, after, day_of(interval.interval, zone)))?;
            after = Some(interval.interval.end());
            let over = summed.keep_over(server, community).await?;
            days += over;
            (0..over).for_each(|_| told());
        }
        // Again, if an interval was settled meanwhile: its sums are of the days before.
        if before.replace_day(server, community, &summed).await? {
            server.forget_mark(community);
            told();
            return Ok(days + 1);
        }
    }
}
