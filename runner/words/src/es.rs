//! Spanish.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Ir al contenido",
        home: "Comunidades",
        community: "Resumen",
        compare: "Comparar reglas",
        algorithms: "Algoritmos",
        events: "Eventos",
        statement: "Extracto",
        language: "Idioma",
        signed_in_as: "Sesión iniciada como {name}",
        sign_out: "Cerrar sesión",
        the_numbers: "Las cifras",
        formula: "fórmula",
        no_data: "No hay datos para esto.",
        as_json: "Estas cifras para programas (JSON)",
        not_found_title: "No encontrado",
        not_found: "Esta página no existe o usted no puede verla.",
        refused_title: "Inicie sesión primero",
        refused: "Esta página es solo para personas de la comunidad. Inicie sesión o abra el enlace que recibió.",
        unavailable_title: "Los libros no se pueden leer ahora",
        unavailable: "El almacén no responde. No se ha perdido nada; inténtelo de nuevo en un minuto.",
        busy_title: "Demasiadas solicitudes a la vez",
        busy: "Se está atendiendo a otras personas. Inténtelo de nuevo en unos segundos.",
        wrong_title: "Esta dirección contiene algo que no se puede leer",
        wrong: "{name} es {value}, pero se espera {expected}.",
    },
    picker: Picker {
        period: "Periodo",
        day: "Día",
        week: "Semana",
        month: "Mes",
        year: "Año",
        earlier: "Anterior",
        later: "Siguiente",
        show: "Mostrar",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
