//! How far each community is: where its readers stop, and what is summed up so far of the day that has not ended.

use std::collections::BTreeSet;

use domain::CommunityCode;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

use super::days::Summing;
use super::document::{all, decode, encode, one};
use super::fault::Fault;
use super::known::{DayFields, FullMark, RunningDay};
pub(super) use super::reach::Mark;
use super::server::{Server, Stored};

/// Names of parties that a mark lists at most. A community with more may have any.
const NAMES_MAX: usize = 1000;

impl Stored for Mark {
    const COLLECTION: &'static str = "communities";
}

/// What most do not need of a mark, and is most of it.
fn without_day() -> Document {
    doc! { "today": 0, "parties": 0 }
}

/// Where a community's readers stop.
pub(super) async fn find(server: &Server, community: &str) -> Result<Mark, Fault> {
    let marks = server.of::<Mark>();
    let find = marks.find(doc! { "_id": community }).projection(without_day()).limit(-1);
    Ok(all("community", find).await?.pop().unwrap_or_else(|| Mark::none(community)))
}

/// The mark of a community with everything that moves with it.
pub(super) async fn full(server: &Server, community: &str) -> Result<FullMark, Fault> {
    let marks = server.of::<Mark>().clone_with_type::<RawDocumentBuf>();
    let Some(found) = one("community", &marks, doc! { "_id": community }).await? else {
        return Ok(FullMark { mark: Mark::none(community), day: DayFields::default() });
    };
    // In two steps, so that an error names its field.
    Ok(FullMark { mark: decode("community", &found)?, day: decode("community", &found)? })
}

/// Every community with its mark, in order of names.
pub(super) async fn list(server: &Server) -> Result<Vec<Mark>, Fault> {
    all("community", server.of::<Mark>().find(doc! {}).sort(doc! { "_id": 1 }).projection(without_day())).await
}

/// The marks of some communities.
pub(super) async fn of(server: &Server, communities: &BTreeSet<&str>) -> Result<Vec<Mark>, Fault> {
    let named: Vec<&str> = communities.iter().copied().collect();
    all("community", server.of::<Mark>().find(doc! { "_id": { "$in": named } }).projection(without_day())).await
}

/// The marks of communities that meet a condition, if they are no more than that.
pub(super) async fn at_most(server: &Server, condition: Document, limit: usize) -> Result<Option<Vec<Mark>>, Fault> {
    let marks = server.of::<Mark>();
    let find = marks.find(condition).projection(without_day()).limit(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    Ok(Some(all("community", find).await?).filter(|found| found.len() <= limit))
}

/// The condition that somebody with one of these stored names may be a party of a community's trades.
pub(super) fn has_party(names: &[&str]) -> Document {
    doc! { "$or": [{ "parties": { "$in": names } }, { "many": true }] }
}

impl FullMark {
    fn filter(&self, community: &str) -> Result<Document, Fault> {
        let mark = encode(&self.mark)?;
        let is_new = self.mark.number == 0;
        let number = if is_new { absent() } else { mark.get("number").cloned().unwrap_or_default() };
        Ok(doc! { "_id": community, "number": number, "rebuilt": self.day.rebuilt.map_or_else(absent, Bson::from) })
    }

    /// Moves the mark on, with the day as it is summed up then (`None`: as it is), unless somebody else has moved it since it was
    /// read. Answers what it is then.
    pub(super) async fn advance(
        &self,
        server: &Server,
        community: &str,
        by: &Mark,
        summed: Option<&Summing>,
    ) -> Result<Option<FullMark>, Fault> {
        let mut set = encode(by)?;
        let mut update = Document::new();
        let mut next = FullMark { mark: self.mark.after(by), ..self.clone() };
        if let Some(summed) = summed {
            let today = summed.running()?;
            set.extend(day_fields(summed, &today, &mut update)?);
            next.day.today = Some(today);
        }
        update.insert("$set", set);
        let update = doc! { "q": self.filter(community)?, "u": update, "upsert": self.mark.number == 0 };
        let moved = server.update(&server.of::<Mark>(), &[update]).await?;
        Ok((moved > 0).then_some(next))
    }

    /// Replaces the day that has not ended, unless the mark has moved since it was read; answers whether it did.
    pub(super) async fn replace_day(&self, server: &Server, community: &str, summed: &Summing) -> Result<bool, Fault> {
        let mut update = Document::new();
        let mut set = day_fields(summed, &summed.running()?, &mut update)?;
        set.insert("rebuilt", self.day.rebuilt.unwrap_or(0).saturating_add(1));
        update.insert("$set", set);
        let update = doc! { "q": self.filter(community)?, "u": update };
        Ok(server.update(&server.of::<Mark>(), &[update]).await? > 0)
    }
}

fn absent() -> Bson {
    Bson::Document(doc! { "$exists": false })
}

/// The fields of the day that has not ended, and the names that were seen first in what was summed up.
fn day_fields(summed: &Summing, today: &RunningDay, update: &mut Document) -> Result<Document, Fault> {
    let mut set = doc! { "today": encode(today)? };
    match summed.names() {
        Some(names) if names.len() <= NAMES_MAX => {
            let new: Vec<&str> = names.into_iter().collect();
            if !new.is_empty() {
                update.insert("$addToSet", doc! { "parties": { "$each": new } });
            }
        }
        _ => {
            set.insert("many", true);
        }
    }
    Ok(set)
}

/// Refuses a new community whose trades would have the ids of another one's.
pub(super) async fn check_code(server: &Server, community: &str) -> Result<(), Fault> {
    let code = CommunityCode::of(community);
    let others = list(server).await?.into_iter().map(|mark| mark.community);
    let Some(other) = others.into_iter().find(|other| other != community && CommunityCode::of(other) == code) else {
        return Ok(());
    };
    let reason = format!(
        "the ids of trades of community {community:?} would be those of {other:?}, whose name has the same hash (give it \
         another name, or a store of its own)"
    );
    Err(Fault::Refused(reason.into()))
}
