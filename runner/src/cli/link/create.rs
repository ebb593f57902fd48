//! `rec-market link create`: makes a link, and prints it once.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use books::{Link, Span, Store};
use clap::Args;
use domain::{MemberId, MeterId};
use jiff::{SignedDuration, Timestamp, Unit};
use serde::Serialize;
use tonic::transport::Uri;

use crate::adapter::web::LINK;
use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::output;
use crate::cli::record::ByArg;
use crate::clock::{Clock, SystemClock};
use crate::config::{CommunityConfig, Config, parse_duration};
use crate::token::Token;

/// The longest time for which a link can be valid.
const DAYS_MAX: i64 = 3660;

/// Make a link with which a member sees its own page, and nobody else's
///
/// Whoever opens the link is taken for that member until the link ends or is revoked: send it to the member alone, such as by
/// mail or as a letter. It is printed only now; the books keep a digest of it, from which nobody can make it again. Make another
/// one if it gets lost, and revoke the first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rec-market link create --community aveiro --member es-01 --url https://energy.example.org
  rec-market link create --community aveiro --member es-01 --expires 365d
  rec-market link list --community aveiro
  rec-market link revoke 3f9a0c52b1de")]
pub struct CreateArgs {
    /// The community
    #[arg(long, value_name = "NAME")]
    pub community: String,
    /// The member whose page it opens
    #[arg(long, value_name = "ID")]
    pub member: String,
    /// How long it is valid: days, such as 90d, or a shorter time, such as 12h
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = term)]
    pub expires: SignedDuration,
    /// Where members find the pages, such as https://energy.example.org [default: what listen_web says]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    #[command(flatten)]
    pub by: ByArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// The object of `--json`.
#[derive(Serialize)]
struct CreatedJson<'a> {
    url: &'a str,
    id: &'a str,
    community: &'a str,
    member: &'a str,
    expires: String,
}

/// Parses a time of days, or a shorter one.
fn term(text: &str) -> Result<SignedDuration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<i64>().ok());
    let term = match days {
        Some(days) => days.checked_mul(24).and_then(SignedDuration::try_from_hours),
        None => parse_duration(text).and_then(|term| SignedDuration::try_from(term).ok()),
    };
    let (least, most) = (SignedDuration::from_mins(1), SignedDuration::from_hours(24 * DAYS_MAX));
    let expected = || format!("expected a time from 1m to {DAYS_MAX}d, such as 90d or 12h");
    term.filter(|term| (least..=most).contains(term)).ok_or_else(expected)
}

pub async fn run(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let by = args.by.name_or_number()?;
    let member: MemberId = args.member.parse().context("--member").exit_code(Exit::Usage)?;
    let config = Config::load(&args.config.config)?;
    let Some(community) = config.community(&args.community) else {
        let known: Vec<&str> = config.communities.iter().map(|community| &*community.name).take(20).collect();
        return Err(usage(format!("there is no community {:?} (there are: {})", args.community, known.join(", "))));
    };
    let base = match &args.url {
        Some(url) => given_base(url)?,
        None => configured_base(&config)?,
    };
    // One that does not exist is not made: nobody has a page yet.
    let books = app::open_store_to_read(&config.store).await?;
    if !is_member(&*books, community, &member).await? {
        let way_out = "`rec-market statement` lists the members";
        return Err(usage(format!("community {} has no member {member} ({way_out})", community.name)));
    }
    let store = app::open_store(&config.store).await?;
    let now = SystemClock.now().round(Unit::Millisecond)?;
    let expires_at = now.checked_add(args.expires)?;
    let (token, link) = keep(&*store, &community.name, &member, (now, expires_at), &by).await?;
    let (id, url) = (link.id(), format!("{base}{LINK}{}", token.as_str()));
    let expires = expires_at.round(Unit::Second)?;
    if args.json {
        let (community, member, expires) = (&*link.community, link.member.as_str(), expires.to_string());
        output::json_line(&CreatedJson { url: &url, id: &id, community, member, expires }, out)?;
    } else {
        writeln!(out, "{url}")?;
        writeln!(out, "It opens the page of {member} in {} until {expires}, and is shown only now.", community.name)?;
        writeln!(out, "To revoke it: rec-market link revoke {id}")?;
    }
    Ok(Exit::Done)
}

/// Makes a token and keeps a link with its digest.
async fn keep(
    store: &dyn Store,
    community: &str,
    member: &MemberId,
    (created_at, expires_at): (Timestamp, Timestamp),
    by: &str,
) -> anyhow::Result<(Token, Link)> {
    loop {
        let token = Token::new()?;
        let link = Link {
            digest: token.digest(),
            community: community.to_owned(),
            member: member.clone(),
            created_at,
            created_by: by.to_owned(),
            expires_at,
            revoked_at: None,
        };
        // Another link may have the same id, once in a very long time.
        if store.keep_link(&link).await? {
            return Ok((token, link));
        }
    }
}

/// Whether somebody is or was a member: as the configuration or the books say.
async fn is_member(store: &dyn Store, community: &CommunityConfig, member: &MemberId) -> anyhow::Result<bool> {
    if community.members.contains_key(member) {
        return Ok(true);
    }
    let meter: Option<MeterId> = member.as_str().parse().ok();
    let is_read = meter.is_some_and(|meter| !community.configured_meters().contains(&meter))
        && store.progress(&community.name).await?.last_reads.keys().any(|meter| meter.as_str() == member.as_str());
    Ok(is_read || !store.trades(&community.name, Span::default(), Some(member), None, 1).await?.is_empty())
}

/// The address that `--url` names, as far as a link follows it.
fn given_base(url: &str) -> anyhow::Result<String> {
    let uri: Option<Uri> = url.parse().ok();
    let expected = "an https:// address without a path is expected, such as https://energy.example.org";
    let wrong = || usage(format!("--url is {url:?}, but {expected}"));
    let uri = uri.ok_or_else(wrong)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let is_whole = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    if !is_whole || url.contains('#') || !["https", "http"].contains(&scheme) {
        return Err(wrong());
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    if scheme == "http" && !is_here {
        return Err(usage(format!("--url is {url:?}, where the link could be read on the way (use https://)")));
    }
    Ok(format!("{scheme}://{authority}"))
}

/// Where the pages are, if the configuration says so.
fn configured_base(config: &Config) -> anyhow::Result<String> {
    let way_out = "name where members find them: --url https://…";
    let Some(address) = config.listen.web else {
        return Err(usage(format!("there are no pages: listen_web is \"\" (set it, or {way_out})")));
    };
    let is_one = |address: SocketAddr| !address.ip().is_unspecified() && address.port() != 0;
    if config.web.proxy.is_some() || !is_one(address) {
        return Err(usage(format!("listen_web is {address}, which is no address that a member opens ({way_out})")));
    }
    let scheme = if config.web.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_valid_for_days_or_for_less() {
        assert_eq!(term("90d"), Ok(SignedDuration::from_hours(90 * 24)));
        assert_eq!(term("1h 30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(term("3660d"), Ok(SignedDuration::from_hours(3660 * 24)));
        for wrong in ["", "90", "0d", "-1d", "3661d", "1s", "9223372036854775807d", "soon", "d"] {
            assert!(term(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_begins_with_an_address_that_nobody_reads_on_the_way() {
        let base = |url: &str| given_base(url).map_err(|error| error.to_string());
        assert_eq!(base("https://energy.example.org/"), Ok("https://energy.example.org".to_owned()));
        assert_eq!(base("https://energy.example.org:8443"), Ok("https://energy.example.org:8443".to_owned()));
        for here in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert_eq!(base(here), Ok(here.to_owned()));
        }
        assert!(base("http://energy.example.org").unwrap_err().contains("use https://"));
        for wrong in [
            "",
            "energy.example.org",
            "/",
            "ftp://energy.example.org",
            "https://energy.example.org/pages",
            "https://energy.example.org?x=1",
            "https://energy.example.org#x",
            "https://ana@energy.example.org",
            "https://",
        ] {
            assert!(base(wrong).unwrap_err().contains("an https:// address without a path"), "{wrong}");
        }
    }
}
