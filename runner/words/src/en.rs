//! English.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Go to the content",
        home: "Communities",
        community: "Overview",
        compare: "Compare rules",
        algorithms: "Algorithms",
        events: "Events",
        statement: "Statement",
        language: "Language",
        signed_in_as: "Signed in as {name}",
        sign_out: "Sign out",
        the_numbers: "The numbers",
        formula: "formula",
        no_data: "There is no data for this.",
        as_json: "These numbers for programs (JSON)",
        not_found_title: "Not found",
        not_found: "This page does not exist, or it is not yours to see.",
        refused_title: "Sign in first",
        refused: "This page is only for people of the community. Sign in, or open the link that you were given.",
        unavailable_title: "The books cannot be read now",
        unavailable: "The store does not answer. Nothing is lost; try again in a minute.",
        busy_title: "Too many requests at once",
        busy: "Others are being served. Try again in a few seconds.",
        wrong_title: "This address says something that cannot be read",
        wrong: "{name} is {value}, but {expected} is expected.",
    },
    picker: Picker {
        period: "Period",
        day: "Day",
        week: "Week",
        month: "Month",
        year: "Year",
        earlier: "Earlier",
        later: "Later",
        show: "Show",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
