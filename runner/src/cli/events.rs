//! `rec-market events`: lists everything that people should know of.

use std::collections::VecDeque;
use std::io::Write;

use books::{EventFilter, EventPlace, ListedEvent, Store, StoreError, event_codes};
use clap::Args;
use domain::text::printable;
use jiff::Timestamp;

use crate::cli::args::{ConfigArg, SpanArgs};
use crate::cli::exit::{Exit, usage};
use crate::cli::{output, stored};
use crate::event_json::EventJson;
use crate::spreadsheet::Csv;

/// Events of a community that are held in memory at a time.
const PAGE: usize = 1000;

/// List what people should know of, oldest first: events of intervals, and how meters are read
#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub struct EventsArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only events with this code
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Only events about this meter (or other subject, such as an algorithm)
    #[arg(long, value_name = "ID")]
    pub meter: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// What the codes mean; a test holds that none is missing.
const CODES: &str = "\
Codes of an interval:
  gap            a meter was read again after it was missed; settled with the grid over the gap
  missing        nobody knows what a meter measured in the interval; what comes later is settled with the grid
  late           what had been missing became known, and is settled with the grid
  fell           a register fell: the reading is disputed, and nothing settled until a later one decides
  jumped         a register rose by more than `power_max` allows: disputed, until a later reading or a person decides
  glitch         a disputed reading was wrong; the meter counts on with nothing lost
  restarted      the meter counts from a disputed reading
  exchanged      the meter is another device since a declared exchange
  accepted       a person decided that what a register jumped by was energy
  too-large      more energy than can be kept: nothing settled, counting from the new value
  no-member      a meter has a reserved name and no member
  changed-hands  a meter was not read when it came to its member: what it moved meanwhile is nobody's
  stranger       no member lists the meter, and `unlisted` says to ignore such
  outside        the meter is listed by members at other times only
  unreadable     rows of the Meters service that are no readings
  skipped        a meter is left out, because its rows cannot be received
  crowded        a meter has more rows around a boundary than one request can ask for
  series-wrong   a file of tariffs cannot be read; the rows read before go on to apply
  series-ended   a file of tariffs has no row that is meant for now
  fallback       settled with public-grid, because the algorithm failed

Codes of how a meter is read, each told when it begins; the interval is the one that was settled last:
  never-read     it is configured and was never read
  half-read      only one of its registers is read near boundaries
  off-boundary   it is read further from the boundaries than `tolerance`
  silent         it missed two boundaries in a row at which others were read
  recovered      it is read as it should be again, or nobody waits for it any more

Of a file:
  skipped-row    a row was wrong, and left out of an import";

/// The header of `--csv`: the names of the object's fields.
const COLUMNS: [&str; 5] = ["community", "start", "code", "subject", "message"];

pub async fn run(args: &EventsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    if let Some(code) = args.code.as_deref().filter(|code| event_codes().all(|known| known != *code)) {
        let known: Vec<&str> = event_codes().collect();
        return Err(usage(format!("--code {code:?} is no code of an event (there are: {})", known.join(", "))));
    }
    let (config, store) = stored::open(&args.config).await?;
    let mut communities = Vec::new();
    for community in stored::communities(&config, &*store, args.community.as_deref()).await? {
        let span = stored::span(&args.span, &stored::zone(&config, &community))?;
        let filter = EventFilter { span, code: args.code.clone(), subject: args.meter.clone() };
        communities.push(Pages { community, filter, page: VecDeque::new(), after: None, has_more: true });
    }
    let events = Events { store: &*store, communities };
    if args.json {
        events.each(|community, listed| output::json_line(&EventJson::new(community, listed), out)).await?;
    } else if args.csv {
        let mut csv = Csv::new(&COLUMNS, &mut *out)?;
        let row = |community: &str, listed: &ListedEvent| {
            let EventJson { community, start, code, subject, message } = EventJson::new(community, listed);
            Ok(csv.row([community.into(), start.into(), code.into(), subject.into(), message.into()])?)
        };
        events.each(row).await?;
        csv.finish()?;
    } else {
        print_table(events, out).await?;
    }
    Ok(Exit::Done)
}

/// Prints line by line, in columns of fixed width: a table of all would not fit into memory.
async fn print_table(events: Events<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut count = 0_u64;
    let line = |out: &mut dyn Write, cells: [&str; 5]| {
        let [time, community, code, subject, message] = cells;
        writeln!(out, "{time:<20}  {community:<14}  {code:<14}  {subject:<18}  {message}")
    };
    let row = |community: &str, listed: &ListedEvent| {
        if count == 0 {
            line(out, ["time", "community", "code", "subject", "message"])?;
        }
        count += 1;
        let ListedEvent { place, event, .. } = listed;
        let time = i64::try_from(place.at).ok().and_then(|second| Timestamp::from_second(second).ok());
        let time = time.map_or_else(|| "–".to_owned(), |time| time.to_string());
        let [community, subject, message] = [community, &event.subject, &event.message].map(printable);
        Ok(line(out, [&time, &community, &event.code, &subject, &message])?)
    };
    events.each(row).await?;
    writeln!(out, "{} events", output::grouped(count))?;
    Ok(())
}

/// The events of several communities as one list.
struct Events<'a> {
    store: &'a dyn Store,
    communities: Vec<Pages>,
}

/// The events of one community, page by page.
struct Pages {
    community: String,
    filter: EventFilter,
    page: VecDeque<ListedEvent>,
    /// The place of the last event that was read.
    after: Option<EventPlace>,
    has_more: bool,
}

impl Events<'_> {
    /// Visits every event, oldest first.
    async fn each(mut self, mut visit: impl FnMut(&str, &ListedEvent) -> anyhow::Result<()>) -> anyhow::Result<()> {
        loop {
            for pages in &mut self.communities {
                pages.fill(self.store).await?;
            }
            let oldest = self.communities.iter_mut().filter(|pages| !pages.page.is_empty());
            let oldest = oldest.min_by_key(|pages| pages.page.front().map(|listed| listed.place.at));
            let Some(pages) = oldest else { return Ok(()) };
            if let Some(listed) = pages.page.pop_front() {
                visit(&pages.community, &listed)?;
            }
        }
    }
}

impl Pages {
    /// Reads the next page when the one before has been visited.
    async fn fill(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        if !self.page.is_empty() || !self.has_more {
            return Ok(());
        }
        let page = store.events(&self.community, &self.filter, self.after.as_ref(), PAGE).await?;
        self.has_more = page.len() == PAGE;
        self.after = page.last().map(|last| last.place.clone());
        self.page = page.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_explains_every_code() {
        for code in event_codes() {
            assert!(CODES.lines().any(|line| line.starts_with(&format!("  {code} "))), "{code}");
        }
    }
}
