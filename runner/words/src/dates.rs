//! How dates and times are written in a language. Clocks have 24 hours in all of them.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time};

use crate::{Language, fill};

impl Language {
    /// Writes a date as it stands in a table: `27.10.2024`.
    pub fn date(self, date: Date) -> String {
        self.filled(self.forms().date, date)
    }

    /// Writes a date without its year, as it stands below a plot: `27.10.`
    pub fn day(self, date: Date) -> String {
        self.filled(self.forms().day, date)
    }

    /// Writes a date as it stands in a heading, with the name of its month: `27. Oktober 2024`.
    pub fn long_date(self, date: Date) -> String {
        self.filled(self.forms().long_date, date)
    }

    /// Writes the month of a date, with its year: `Oktober 2024`.
    pub fn month(self, date: Date) -> String {
        self.filled(self.forms().month, date)
    }

    /// Returns the short name of the month of a date: `Okt.`
    pub fn short_month(self, date: Date) -> &'static str {
        of_month(&self.forms().short_months, date)
    }

    /// Returns the short name of the day of the week of a date: `So`.
    pub fn weekday(self, date: Date) -> &'static str {
        // OK because the offset is from 0 to 6, so the fallback is never used.
        let place = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.forms().weekdays.get(place).copied().unwrap_or_default()
    }

    /// Writes a week, with its year: `Kalenderwoche 43, 2024`.
    pub fn week(self, week: ISOWeekDate) -> String {
        fill(self.forms().week, &[("week", &week.week()), ("year", &week.year())])
    }

    /// Writes a time of day in hours and minutes: `14:15`.
    pub fn time(self, time: Time) -> String {
        format!("{:02}:{:02}", time.hour(), time.minute())
    }

    /// Writes a date with a time of day: `27.10.2024, 14:15`.
    pub fn moment(self, at: DateTime) -> String {
        format!("{}, {}", self.date(at.date()), self.time(at.time()))
    }

    fn filled(self, pattern: &str, date: Date) -> String {
        let forms = self.forms();
        let (year, month, day) = (date.year(), date.month(), date.day());
        let day_of_month = if day == 1 { forms.first.to_owned() } else { day.to_string() };
        fill(
            pattern,
            &[
                ("d", &day_of_month),
                ("dd", &format!("{day:02}")),
                ("mm", &format!("{month:02}")),
                ("mon", &of_month(&forms.short_months, date)),
                ("month", &of_month(&forms.months, date)),
                ("year", &format!("{year:04}")),
            ],
        )
    }
}

fn of_month(names: &[&'static str; 12], date: Date) -> &'static str {
    // OK because the month is from 1 to 12, so the fallback is never used.
    usize::try_from(date.month() - 1).ok().and_then(|place| names.get(place)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;

    use super::*;

    #[track_caller]
    fn check(write: impl Fn(Language) -> String, expected: [&str; 6]) {
        assert_eq!(Language::ALL.map(write), expected);
    }

    #[test]
    fn dates_are_in_the_order_of_each_language() {
        let day = date(2024, 3, 9);
        check(|it| it.date(day), ["9 Mar 2024", "09/03/2024", "09.03.2024", "09/03/2024", "09-03-2024", "09/03/2024"]);
        check(|it| it.day(day), ["9 Mar", "09/03", "09.03.", "09/03", "09-03", "09/03"]);
        check(
            |it| it.long_date(day),
            ["9 March 2024", "9 de março de 2024", "9. März 2024", "9 mars 2024", "9 maart 2024", "9 de marzo de 2024"],
        );
        check(
            |it| it.long_date(date(2024, 8, 1)),
            [
                "1 August 2024",
                "1 de agosto de 2024",
                "1. August 2024",
                "1er août 2024",
                "1 augustus 2024",
                "1 de agosto de 2024",
            ],
        );
        check(
            |it| it.moment(day.at(4, 5, 59, 0)),
            [
                "9 Mar 2024, 04:05",
                "09/03/2024, 04:05",
                "09.03.2024, 04:05",
                "09/03/2024, 04:05",
                "09-03-2024, 04:05",
                "09/03/2024, 04:05",
            ],
        );
    }

    #[test]
    fn months_weeks_and_days_have_names() {
        let day = date(2024, 12, 30);
        check(
            |it| it.month(day),
            [
                "December 2024",
                "dezembro de 2024",
                "Dezember 2024",
                "décembre 2024",
                "december 2024",
                "diciembre de 2024",
            ],
        );
        check(|it| it.short_month(day).to_owned(), ["Dec", "dez.", "Dez.", "déc.", "dec", "dic"]);
        check(|it| it.weekday(day).to_owned(), ["Mon", "seg.", "Mo", "lun.", "ma", "lun"]);
        check(|it| it.weekday(date(2024, 12, 29)).to_owned(), ["Sun", "dom.", "So", "dim.", "zo", "dom"]);
        check(
            |it| it.week(day.iso_week_date()),
            [
                "Week 1, 2025",
                "Semana 1 de 2025",
                "Kalenderwoche 1, 2025",
                "Semaine 1 de 2025",
                "Week 1 van 2025",
                "Semana 1 de 2025",
            ],
        );
    }

    #[test]
    fn no_two_months_or_days_have_one_name_and_every_pattern_is_filled() {
        for language in Language::ALL {
            let forms = language.forms();
            let count = |names: &[&str]| names.iter().collect::<BTreeSet<_>>().len();
            assert_eq!((count(&forms.months), count(&forms.short_months), count(&forms.weekdays)), (12, 12, 7));
            for day in [Date::MIN, date(2024, 2, 29), Date::MAX] {
                let written = [language.date(day), language.day(day), language.long_date(day), language.month(day)];
                assert!(!written.concat().contains(['{', '}']), "{written:?}");
            }
        }
    }
}
