//! `rec-market readings check`: what each file is.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use domain::MeterId;
use domain::metering::Meter;
use domain::reading::Registers;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use readings::{Content, FileReadings, Problem, Refused};
use serde::Serialize;

use super::files::{FileArgs, read_input, tell};
use crate::cli::exit::Exit;
use crate::cli::output;

/// How many days or holes of a meter are listed; more are counted.
const LISTED_MAX: usize = 6;

/// Show what files of readings are, and whether they can be used
///
/// For each: its format, meters, span, zone, unit, on which side of an interval its times are, days of 23 and 25 hours, gaps,
/// duplicates, how much is estimated, and three rows beside what they become.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub files: FileArgs,
    /// Print one JSON object per file
    #[arg(long)]
    pub json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct FileJson<'f> {
    file: &'f str,
    format: Option<&'f str>,
    zone: Option<&'f str>,
    meters: Vec<MeterJson<'f>>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct MeterJson<'f> {
    meter: &'f str,
    from: Option<String>,
    until: Option<String>,
    intervals: u64,
    missing: u64,
    estimated: u64,
    import_wh: u64,
    export_wh: u64,
}

pub fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (options, bar) = (args.files.options(), output::progress(args.files.files.len() as u64, "reading"));
    let mut files = Vec::new();
    for path in &args.files.files {
        let input = read_input(path)?;
        files.push(readings::read_file(&input, &options));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let good: Vec<FileReadings> = files.iter().flatten().filter(|file| is_readings(file)).cloned().collect();
    // Each may be right, and together they may not.
    let (together, contradictions) = match readings::together(good) {
        Ok(together) => (together.notes, Vec::new()),
        Err(refused) => (Vec::new(), refused),
    };
    let mut is_usable = contradictions.is_empty();
    for file in &files {
        is_usable &= file.is_ok();
        let name = match file {
            Ok(file) => &file.file,
            Err(refused) => &refused.file,
        };
        let with_others = contradictions.iter().filter(|refused| refused.file == *name);
        let problems: Vec<String> = with_others.map(|refused| refused.problem.to_string()).collect();
        match (args.json, file) {
            (true, file) => json(file, problems, out)?,
            (false, Ok(file)) => print(file, &problems, out)?,
            (false, Err(refused)) => print_refused(refused, out)?,
        }
    }
    let mut of_all = together.iter().filter(|note| note.file.is_empty());
    if args.json {
        together.iter().for_each(tell);
    } else {
        of_all.try_for_each(|note| writeln!(out, "note: {}", note.text))?;
    }
    Ok(if is_usable { Exit::Done } else { Exit::Bad })
}

fn is_readings(file: &FileReadings) -> bool {
    matches!(file.content, Content::Meters(_))
}

fn json(file: &Result<FileReadings, Refused>, mut problems: Vec<String>, out: &mut impl Write) -> anyhow::Result<()> {
    let json = match file {
        Ok(read) => FileJson {
            file: &read.file,
            format: Some(read.about.name),
            zone: read.zone.as_ref().and_then(TimeZone::iana_name),
            meters: read.meters().map(|(name, meter)| meter_json(name, meter)).collect(),
            problems,
        },
        Err(Refused { file, format, problem }) => {
            match problem {
                // One for each row.
                Problem::Rows(rows, total) => {
                    problems.extend(rows.iter().map(ToString::to_string));
                    let more = total.saturating_sub(rows.len());
                    problems.extend((more > 0).then(|| format!("and {more} more rows")));
                }
                problem => problems.push(problem.to_string()),
            }
            FileJson { file, format: *format, zone: None, meters: Vec::new(), problems }
        }
    };
    output::json_line(&json, out)
}

fn meter_json<'f>(name: &'f MeterId, meter: &Meter) -> MeterJson<'f> {
    let (from, until) = meter.span().unzip();
    let Registers { import_wh, export_wh } = meter.sums();
    MeterJson {
        meter: name.as_str(),
        from: from.map(time),
        until: until.map(time),
        intervals: intervals(meter),
        missing: meter.missing(),
        estimated: estimated(meter),
        import_wh,
        export_wh,
    }
}

/// How many intervals are known: of registers, those between them.
fn intervals(meter: &Meter) -> u64 {
    meter.known().count() as u64 + (meter.registers.len() as u64).saturating_sub(1)
}

fn estimated(meter: &Meter) -> u64 {
    meter.known().filter(|(_, slot)| slot.is_estimated()).count() as u64
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |at| at.to_string())
}

fn print_refused(Refused { file, format, problem }: &Refused, out: &mut impl Write) -> anyhow::Result<()> {
    let format = format.map(|format| format!(" ({format})")).unwrap_or_default();
    Ok(writeln!(out, "{file}{format}: cannot be used: {problem}\n")?)
}

fn print(read: &FileReadings, problems: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let zone = read.zone.as_ref().and_then(TimeZone::iana_name).unwrap_or("as its offsets say");
    writeln!(out, "{}: {}", read.file, read.about.title)?;
    writeln!(out, "  unit: {}; times: {}; zone: {zone}", read.about.unit, read.about.stamp)?;
    if let Content::Shares(shares) = &read.content {
        writeln!(out, "  {} metering points (rec-market readings shares prints them)\n", shares.0.len())?;
        return Ok(());
    }
    let headings =
        ["meter", "from", "until", "interval", "intervals", "missing", "estimated", "import kWh", "export kWh"];
    let mut table = output::table(&headings, 3);
    for (name, meter) in read.meters() {
        let (from, until) = meter.span().unwrap_or_default();
        let (known, sums) = (intervals(meter), meter.sums());
        table.add_row([
            name.to_string(),
            time(from),
            time(until),
            meter.step().map_or("registers".to_owned(), |step| format!("{} min", step / 60)),
            output::grouped(known),
            output::grouped(meter.missing()),
            output::percent(estimated(meter).into(), known.into()),
            output::kwh(sums.import_wh),
            output::kwh(sums.export_wh),
        ]);
    }
    writeln!(out, "{table}")?;
    print_days(read, out)?;
    print_gaps(read, out)?;
    for example in &read.examples {
        writeln!(out, "  row {}: {}", example.row, example.text)?;
        writeln!(out, "    becomes {}", example.becomes)?;
    }
    for note in &read.notes {
        writeln!(out, "  note: {}", note.text)?;
    }
    for row in &read.skipped {
        writeln!(out, "  left out: {row}")?;
    }
    for problem in problems {
        writeln!(out, "  problem: {problem}")?;
    }
    Ok(writeln!(out)?)
}

/// Days on which clocks change, if the file reaches over any.
fn print_days(read: &FileReadings, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(zone) = &read.zone else { return Ok(()) };
    let spans = read.meters().filter_map(|(_, meter)| meter.span());
    let Some((from, until)) = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(()) };
    let (Ok(from), Ok(until)) = (Timestamp::from_second(from), Timestamp::from_second(until)) else { return Ok(()) };
    let mut changes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in zone.following(from).take_while(|change| change.timestamp() < until) {
        let at = change.timestamp();
        let Ok(before) = at.checked_sub(jiff::SignedDuration::from_secs(1)) else { continue };
        let (old, new) = (zone.to_offset(before).seconds(), change.offset().seconds());
        let hours = if new < old { "25" } else { "23" };
        if new != old {
            changes.entry(hours).or_default().push(zone.to_datetime(before).date().to_string());
        }
    }
    for (hours, days) in changes {
        writeln!(out, "  days of {hours} hours: {}", listed(&days))?;
    }
    Ok(())
}

fn print_gaps(read: &FileReadings, out: &mut impl Write) -> anyhow::Result<()> {
    for (name, meter) in read.meters() {
        let holes: Vec<String> =
            meter.holes().iter().map(|(from, to)| format!("{} to {}", time(*from), time(*to))).collect();
        if !holes.is_empty() {
            writeln!(out, "  missing of {name}: {}", listed(&holes))?;
        }
    }
    Ok(())
}

fn listed(items: &[String]) -> String {
    let listed = items.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(LISTED_MAX) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
