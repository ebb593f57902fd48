//! French.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Aller au contenu",
        home: "Communautés",
        community: "Vue d’ensemble",
        compare: "Comparer les règles",
        algorithms: "Algorithmes",
        events: "Événements",
        statement: "Relevé",
        language: "Langue",
        signed_in_as: "Connecté en tant que {name}",
        sign_out: "Se déconnecter",
        the_numbers: "Les chiffres",
        formula: "formule",
        no_data: "Il n’y a pas de données pour cela.",
        as_json: "Ces chiffres pour des programmes (JSON)",
        not_found_title: "Introuvable",
        not_found: "Cette page n’existe pas, ou vous n’y avez pas accès.",
        refused_title: "Connectez-vous d’abord",
        refused: "Cette page est réservée aux personnes de la communauté. Connectez-vous, ou ouvrez le lien que vous avez reçu.",
        unavailable_title: "Les livres ne peuvent pas être lus pour le moment",
        unavailable: "Le stockage ne répond pas. Rien n’est perdu ; réessayez dans une minute.",
        busy_title: "Trop de demandes à la fois",
        busy: "D’autres demandes sont en cours. Réessayez dans quelques secondes.",
        wrong_title: "Cette adresse contient quelque chose d’illisible",
        wrong: "{name} est {value}, mais {expected} est attendu.",
    },
    picker: Picker {
        period: "Période",
        day: "Jour",
        week: "Semaine",
        month: "Mois",
        year: "Année",
        earlier: "Précédent",
        later: "Suivant",
        show: "Afficher",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
