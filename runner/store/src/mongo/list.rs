//! A community's trades in order of time and number.

use domain::{Boundary, MemberId};
use mongodb::bson::doc;

use super::document::all;
use super::fault::Fault;
use super::opened::{self, Head};
use super::server::Server;
use super::stretches::{Stretch, Stretches};
use super::{mark, reach};
use books::{Span, StoredTrade};

/// Intervals that are read at once.
const PAGE: std::ops::RangeInclusive<usize> = 1..=128;
/// How many trades an interval has, before anything is known of those of a community.
const USUAL: usize = 32;

/// Trades in order of time and number, see [`books::Books::trades`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
) -> Result<Vec<StoredTrade>, Fault> {
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(Vec::new()) };
    let from = span.from.max(after.map(|(start, _)| start.seconds()));
    let mut list = List { server, community, mark, member, after, limit, found: Vec::new(), read: 0 };
    let Some(member) = member else {
        list.add(Span { from, ..span }).await?;
        return Ok(list.found);
    };
    // Day by day, where the member has traded.
    let mut stretches = Stretches::new(server, community, Span { from, ..span }, None).await?;
    while list.found.len() < limit
        && let Some(stretch) = stretches.next().await?
    {
        let part = match &stretch {
            Stretch::Day(day) => {
                if day.counts(member.as_str())?.is_some_and(|counts| counts.sold + counts.bought == 0) {
                    continue;
                }
                day.span()
            }
            Stretch::Intervals(part) => *part,
        };
        let to = [part.to, span.to].into_iter().flatten().min();
        list.add(Span { from: part.from.max(from), to }).await?;
    }
    Ok(list.found)
}

/// A list of a community's trades.
struct List<'l> {
    server: &'l Server,
    community: &'l str,
    mark: Boundary,
    member: Option<&'l MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
    found: Vec<StoredTrade>,
    /// How many intervals were read.
    read: usize,
}

impl List<'_> {
    /// Adds the trades of intervals that start within a span, until there are enough.
    async fn add(&mut self, mut span: Span) -> Result<(), Fault> {
        let List { server, community, mark, .. } = *self;
        while self.found.len() < self.limit {
            let usual = self.found.len().checked_div(self.read).map_or(USUAL, |usual| usual.max(1));
            let page = ((self.limit - self.found.len()).div_ceil(usual)).clamp(*PAGE.start(), *PAGE.end());
            let links = server.intervals.clone_with_type::<Head>();
            let find = links.find(reach::within(community, span, mark));
            let find = find.sort(doc! { "start": 1 }).limit(i64::try_from(page).unwrap_or(1));
            let heads: Vec<Head> = all("interval", find.projection(opened::fields())).await?;
            let (read, last) = (heads.len(), heads.last().map(Head::start));
            for opened in opened::open(server, heads).await? {
                let after = self.after.filter(|(start, _)| *start == opened.start()).map(|(_, number)| number);
                let first = after.map_or(0, |number| number.saturating_add(1));
                self.found.extend(opened.stored(self.member, first)?);
            }
            self.read += read;
            match last {
                Some(last) if read == page => span.from = Some(last.seconds() + 1),
                _ => break,
            }
        }
        self.found.truncate(self.limit);
        Ok(())
    }
}
