//! German.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Zum Inhalt",
        home: "Gemeinschaften",
        community: "Überblick",
        compare: "Regeln vergleichen",
        algorithms: "Algorithmen",
        events: "Ereignisse",
        statement: "Aufstellung",
        language: "Sprache",
        signed_in_as: "Angemeldet als {name}",
        sign_out: "Abmelden",
        the_numbers: "Die Zahlen",
        formula: "Formel",
        no_data: "Dafür gibt es keine Daten.",
        as_json: "Diese Zahlen für Programme (JSON)",
        not_found_title: "Nicht gefunden",
        not_found: "Diese Seite gibt es nicht, oder Sie dürfen sie nicht sehen.",
        refused_title: "Bitte anmelden",
        refused: "Diese Seite ist nur für Menschen der Gemeinschaft. Melden Sie sich an, oder öffnen Sie den Link, den Sie erhalten haben.",
        unavailable_title: "Die Bücher sind gerade nicht lesbar",
        unavailable: "Der Speicher antwortet nicht. Nichts ist verloren; versuchen Sie es in einer Minute noch einmal.",
        busy_title: "Zu viele Anfragen zugleich",
        busy: "Andere werden gerade bedient. Versuchen Sie es in ein paar Sekunden noch einmal.",
        wrong_title: "Diese Adresse enthält etwas Unlesbares",
        wrong: "{name} ist {value}, erwartet wird {expected}.",
    },
    picker: Picker {
        period: "Zeitraum",
        day: "Tag",
        week: "Woche",
        month: "Monat",
        year: "Jahr",
        earlier: "Früher",
        later: "Später",
        show: "Zeigen",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
