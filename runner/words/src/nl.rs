//! Dutch.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Naar de inhoud",
        home: "Gemeenschappen",
        community: "Overzicht",
        compare: "Regels vergelijken",
        algorithms: "Algoritmen",
        events: "Gebeurtenissen",
        statement: "Overzicht per lid",
        language: "Taal",
        signed_in_as: "Aangemeld als {name}",
        sign_out: "Afmelden",
        the_numbers: "De cijfers",
        formula: "formule",
        no_data: "Hiervoor zijn er geen gegevens.",
        as_json: "Deze cijfers voor programma’s (JSON)",
        not_found_title: "Niet gevonden",
        not_found: "Deze pagina bestaat niet, of u mag ze niet zien.",
        refused_title: "Meld u eerst aan",
        refused: "Deze pagina is alleen voor mensen van de gemeenschap. Meld u aan, of open de link die u hebt gekregen.",
        unavailable_title: "De boeken zijn nu niet te lezen",
        unavailable: "De opslag antwoordt niet. Er is niets verloren; probeer het over een minuut opnieuw.",
        busy_title: "Te veel aanvragen tegelijk",
        busy: "Anderen worden bediend. Probeer het over enkele seconden opnieuw.",
        wrong_title: "Dit adres bevat iets onleesbaars",
        wrong: "{name} is {value}, maar verwacht wordt {expected}.",
    },
    picker: Picker {
        period: "Periode",
        day: "Dag",
        week: "Week",
        month: "Maand",
        year: "Jaar",
        earlier: "Eerder",
        later: "Later",
        show: "Tonen",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
