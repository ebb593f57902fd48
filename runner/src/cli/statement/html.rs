//! A page to print for each member.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use books::{Period, Store};
use domain::text::shell_word;
use domain::{Digest, MemberId};
use figures::statement::Statements;
use pages::Repeat;
use pages::statement::Heading;
use sandbox::Sandbox;

use super::{PeriodArg, Selection, StatementArgs};
use crate::cli::exit::{Exit, ExitCode, of_writing, usage};
use crate::cli::{output, stored};
use crate::file::{self, Access};
use crate::statements::periods::Periods;

/// Longest part of a file's name that a member or a community has, in characters.
const FILE_CHARS_MAX: usize = 64;

/// Writes a page for each member and period into a directory.
pub(super) async fn write(
    args: &StatementArgs,
    directory: &Path,
    member: Option<&MemberId>,
    selections: &[Selection],
    store: &dyn Store,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    if args.period == PeriodArg::Day {
        return Err(usage("--html has no pages of days (use --period month or total; each page shows its days)"));
    }
    let created = fs::create_dir_all(directory);
    let exit = created.as_ref().err().map_or(Exit::Usage, of_writing);
    created.with_context(|| format!("cannot create {}", directory.display())).exit_code(exit)?;
    let mut count = 0_u64;
    for selection in selections {
        let pages = Pages { args, directory, member, selection };
        let mut sums: Periods<'_, Statements> = Periods::new(args.period.calendar(), &selection.zone);
        let bar = output::progress(0, "summing up");
        stored::each_interval(store, &selection.community, selection.span, |interval| {
            bar.inc(1);
            let over = sums.at(interval.interval.start());
            sums.sums().add(interval);
            over.map_or(Ok(()), |(period, sums)| pages.write(period.as_ref(), sums, &mut count))
        })
        .await?;
        if let Some((period, sums)) = sums.finish() {
            pages.write(period.as_ref(), sums, &mut count)?;
        }
        bar.finish_and_clear();
    }
    match count {
        0 => writeln!(out, "nothing is settled in this time, so there is no page")?,
        1 => writeln!(out, "1 page is in {}", directory.display())?,
        _ => writeln!(out, "{count} pages are in {}", directory.display())?,
    }
    Ok(Exit::Done)
}

/// The pages of one community.
struct Pages<'p> {
    args: &'p StatementArgs,
    directory: &'p Path,
    member: Option<&'p MemberId>,
    selection: &'p Selection,
}

impl Pages<'_> {
    fn write(&self, period: Option<&Period>, sums: Statements, count: &mut u64) -> anyhow::Result<()> {
        let Selection { community, zone, .. } = self.selection;
        let (common, statements) = sums.finish();
        let heading = Heading { community, period, zone, language: self.args.lang };
        let wanted = |member: &MemberId| self.member.is_none_or(|only| only == member);
        for statement in statements.iter().filter(|statement| wanted(&statement.member)) {
            let repeat = Repeat {
                command: self.command(&statement.member),
                program: format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version()),
            };
            let page = pages::statement::page(heading, &common, statement, &repeat);
            let path = self.path(&statement.member, period);
            let written = file::replace(&path, page.into_string().as_bytes(), Access::Private);
            let exit = written.as_ref().err().map_or(Exit::Usage, of_writing);
            written.with_context(|| format!("cannot write {}", path.display())).exit_code(exit)?;
            *count += 1;
        }
        Ok(())
    }

    fn path(&self, member: &MemberId, period: Option<&Period>) -> PathBuf {
        let [community, member] = [&self.selection.community, member.as_str()].map(file_word);
        let period = period.map(|period| format!("-{period}")).unwrap_or_default();
        self.directory.join(format!("{community}-{member}{period}.html"))
    }

    /// The command that prints the same numbers for programs.
    fn command(&self, member: &MemberId) -> String {
        let StatementArgs { config, span, .. } = self.args;
        let mut words = vec!["rec-market".to_owned(), "statement".to_owned(), "--json".to_owned()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), shell_word(&value)]);
        option("--config", config.config.display().to_string());
        option("--community", self.selection.community.clone());
        option("--member", member.to_string());
        if self.args.period == PeriodArg::Month {
            option("--period", "month".to_owned());
        }
        for (name, moment) in [("--from", span.from), ("--to", span.to)] {
            moment.into_iter().for_each(|moment| option(name, moment.to_string()));
        }
        if let Some(zone) = self.args.zone.as_ref().and_then(jiff::tz::TimeZone::iana_name) {
            option("--zone", zone.to_owned());
        }
        words.join(" ")
    }
}

/// A name as a part of a file's name, which leads nowhere else. Where characters are replaced or cut, the beginning of a
/// digest tells names apart.
fn file_word(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let word: String = name.chars().take(FILE_CHARS_MAX).map(plain).collect();
    match word == name && !word.starts_with('.') {
        true => word,
        false => format!("_{word}-{}", Digest::of(name.as_bytes()).short()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory_and_no_two_are_one() {
        assert_eq!(file_word("es-sms-01"), "es-sms-01");
        assert_eq!(file_word("João"), "João");
        let odd = ["a/b", "a_b", "a b", "..", "../x", &"x".repeat(200), &"x".repeat(201)].map(file_word);
        assert!(odd.iter().all(|word| !word.contains('/') && !word.starts_with('.')), "{odd:?}");
        let distinct: std::collections::BTreeSet<&String> = odd.iter().collect();
        assert_eq!(distinct.len(), odd.len());
    }
}
