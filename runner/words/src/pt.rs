//! Portuguese.

mod backtest;
mod manager;

use crate::texts::{Frame, Picker, Texts};

pub(crate) const TEXTS: Texts = Texts {
    frame: Frame {
        skip: "Saltar para o conteúdo",
        home: "Comunidades",
        community: "Visão geral",
        compare: "Comparar regras",
        algorithms: "Algoritmos",
        events: "Eventos",
        statement: "Extrato",
        language: "Língua",
        signed_in_as: "Sessão iniciada como {name}",
        sign_out: "Terminar sessão",
        the_numbers: "Os números",
        formula: "fórmula",
        no_data: "Não há dados para isto.",
        as_json: "Estes números para programas (JSON)",
        not_found_title: "Não encontrado",
        not_found: "Esta página não existe ou não lhe está acessível.",
        refused_title: "Inicie sessão primeiro",
        refused: "Esta página destina-se apenas a pessoas da comunidade. Inicie sessão ou abra a ligação que recebeu.",
        unavailable_title: "Os livros não podem ser lidos agora",
        unavailable: "O armazenamento não responde. Nada se perdeu; tente novamente dentro de um minuto.",
        busy_title: "Demasiados pedidos em simultâneo",
        busy: "Outros estão a ser atendidos. Tente novamente dentro de alguns segundos.",
        wrong_title: "Este endereço contém algo que não pode ser lido",
        wrong: "{name} é {value}, mas espera-se {expected}.",
    },
    picker: Picker {
        period: "Período",
        day: "Dia",
        week: "Semana",
        month: "Mês",
        year: "Ano",
        earlier: "Anterior",
        later: "Seguinte",
        show: "Mostrar",
    },
    backtest: backtest::BACKTEST,
    compare: manager::COMPARE,
    algorithms: manager::ALGORITHMS,
    events: manager::EVENTS,
};
