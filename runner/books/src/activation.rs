//! The activation log: which algorithm settles each interval of a community, and which candidate runs in shadow.
//!
//! Decisions are append-only, and each takes effect from an interval on. An activation replaces everything decided for
//! later intervals, a roll-back withdraws one activation, and neither changes anything before its interval. The
//! algorithm in effect at an interval is therefore a function of the decisions alone.

use domain::Boundary;

use crate::decision::{Action, KeptChange, Label};

/// How long a failure counts against an algorithm, in seconds: an algorithm that failed yesterday is no worse today.
const MEMORY_SECONDS: u64 = 24 * 60 * 60;

/// An algorithm that was activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The number of the decision that activated it.
    pub number: u64,
    /// The algorithm that was activated.
    pub algorithm: Label,
    /// Settings that replace the configured ones; `None` keeps those.
    pub settings: Option<Vec<(String, String)>>,
}

/// A candidate that runs in shadow: on settled rounds, without any effect on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The number of the decision that started it.
    pub number: u64,
    /// The candidate algorithm.
    pub candidate: Label,
    /// The start of the first interval on which it runs.
    pub since: Boundary,
    /// Settings that replace the configured ones; `None` keeps those.
    pub settings: Option<Vec<(String, String)>>,
}

/// All decisions about a community, as the algorithm in effect at each interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivationLog {
    number: u64,
    /// In order of time; no two start at the same interval.
    steps: Vec<Step>,
    /// The last candidate, and whether it still runs.
    shadow: Option<(Shadow, bool)>,
    failures: Vec<Failure>,
}

/// The activations in effect from an interval on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    from: Boundary,
    /// Activations that were not rolled back. The last one settles; if there is none, the configured algorithm does.
    activations: Vec<Activation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    activation: u64,
    start: Boundary,
}

impl ActivationLog {
    /// Makes the log from a community's changes, in the order of their numbers.
    pub fn of(changes: &[KeptChange]) -> ActivationLog {
        let mut log = ActivationLog::default();
        for KeptChange { number, change } in changes {
            match number {
                Some(number) => log.decide(*number, &change.action),
                None => log.note(&change.action),
            }
        }
        log
    }

    fn decide(&mut self, number: u64, action: &Action) {
        self.number = number;
        match action {
            Action::Activate { to, start, settings, .. } => {
                let activation = Activation { number, algorithm: to.clone(), settings: settings.clone() };
                let mut activations = self.activations_at(*start).to_vec();
                activations.push(activation);
                self.step(*start, activations);
            }
            Action::RollBack { activation, start, .. } => {
                let later = self.steps.iter().filter(|step| step.from > *start).cloned();
                let mut steps = vec![Step { from: *start, activations: self.activations_at(*start).to_vec() }];
                steps.extend(later);
                for step in &mut steps {
                    step.activations.retain(|other| other.number != *activation);
                }
                self.steps.retain(|step| step.from < *start);
                self.steps.extend(steps);
            }
            Action::StartShadow { candidate, since, settings } => {
                let (candidate, settings) = (candidate.clone(), settings.clone());
                self.shadow = Some((Shadow { number, candidate, since: *since, settings }, true));
            }
            Action::EndShadow { .. } => {
                if let Some((_, runs)) = &mut self.shadow {
                    *runs = false;
                }
            }
            Action::Refuse { .. } | Action::Fail { .. } | Action::Meter { .. } => {}
        }
    }

    fn note(&mut self, action: &Action) {
        if let Action::Fail { activation, start, .. } = action {
            self.failures.push(Failure { activation: *activation, start: *start });
        }
    }

    fn step(&mut self, from: Boundary, activations: Vec<Activation>) {
        self.steps.retain(|step| step.from < from);
        self.steps.push(Step { from, activations });
    }

    fn activations_at(&self, start: Boundary) -> &[Activation] {
        let step = self.steps.iter().rev().find(|step| step.from <= start);
        step.map_or(&[], |step| &step.activations)
    }

    /// Returns the number of the last decision; 0 if there is none.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the activation that settles the interval with this start; `None` if the configured algorithm does.
    pub fn at(&self, start: Boundary) -> Option<&Activation> {
        self.activations_at(start).last()
    }

    /// Lists the activations that settle any interval at or after this boundary, in order; with `None`, any interval at
    /// all.
    pub fn from(&self, from: Option<Boundary>) -> Vec<&Activation> {
        let first = from.and_then(|from| self.at(from));
        let later = self.steps.iter().filter(|step| from.is_none_or(|from| step.from > from));
        let later = later.filter_map(|step| step.activations.last());
        let mut activations: Vec<&Activation> = first.into_iter().chain(later).collect();
        activations.dedup();
        activations
    }

    /// Returns the next change after this start, with its own start. Its activation is `None` if the configured
    /// algorithm takes over.
    pub fn next(&self, start: Boundary) -> Option<(Boundary, Option<&Activation>)> {
        let step = self.steps.iter().find(|step| step.from > start)?;
        Some((step.from, step.activations.last()))
    }

    /// Lists from which intervals on something else settles, in order, each with the activation that does; `None` where the
    /// configured algorithm takes over.
    pub fn steps(&self) -> impl Iterator<Item = (Boundary, Option<&Activation>)> {
        self.steps.iter().map(|step| (step.from, step.activations.last()))
    }

    /// Returns the activation that a roll-back at this start withdraws, and the one that takes its place (`None`: the
    /// configured algorithm). An activation that has not taken effect yet is withdrawn first.
    ///
    /// # Errors
    /// If there is no activation to roll back.
    pub fn last(&self, start: Boundary) -> Result<(&Activation, Option<&Activation>), NothingActivated> {
        let pending = self.steps.last().filter(|step| step.from > start);
        let activations = pending.map_or(self.activations_at(start), |step| &step.activations);
        match activations {
            [] => Err(NothingActivated),
            [before @ .., last] => Ok((last, before.last())),
        }
    }

    /// Returns what would settle the interval with this start without an activation; `None` if the configured algorithm
    /// would.
    pub fn without(&self, activation: &Activation, start: Boundary) -> Option<&Activation> {
        self.activations_at(start).iter().rev().find(|other| other.number != activation.number)
    }

    /// Returns the candidate that runs in shadow, if any.
    pub fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref().filter(|(_, runs)| *runs).map(|(shadow, _)| shadow)
    }

    /// Returns the candidate that runs in shadow, or else the last one that did.
    pub fn last_shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref().map(|(shadow, _)| shadow)
    }

    /// Counts how often an activation failed within the 24 hours up to and including the interval with this start.
    pub fn failures(&self, activation: &Activation, start: Boundary) -> usize {
        let counts = |failure: &&Failure| {
            let age = start.seconds().checked_sub(failure.start.seconds());
            failure.activation == activation.number && age.is_some_and(|age| age < MEMORY_SECONDS)
        };
        self.failures.iter().filter(counts).count()
    }
}

/// The error for a roll-back where no activation is in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is activated, so the configured algorithm settles (activate an algorithm, or configure another)")]
pub struct NothingActivated;

#[cfg(test)]
mod tests {
    use domain::Digest;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::decision::Change;

    fn label(name: &str) -> Label {
        Label { digest: Digest::of(name.as_bytes()), name: name.to_owned(), version: "1".to_owned() }
    }

    fn start(number: u64) -> Boundary {
        Boundary::from_seconds(1_693_569_600 + 900 * number).unwrap()
    }

    fn kept(number: Option<u64>, action: Action) -> KeptChange {
        let change =
            Change { at: Timestamp::UNIX_EPOCH, by: "ops".to_owned(), community: Some("a".to_owned()), action };
        KeptChange { number, change }
    }

    fn activate(name: &str, from: u64) -> Action {
        Action::Activate { before: label("x"), to: label(name), start: start(from), settings: None, confirmed: None }
    }

    /// A roll-back of whatever activation is the last one when it is applied.
    fn roll_back(from: u64) -> Action {
        let (before, to, start) = (label("x"), label("x"), start(from));
        Action::RollBack { before, activation: 0, to, start, reason: None }
    }

    fn withdraw(activation: u64, from: u64) -> Action {
        let (before, to, start) = (label("x"), label("x"), start(from));
        Action::RollBack { before, activation, to, start, reason: Some("it fails".to_owned()) }
    }

    fn log_of(actions: impl IntoIterator<Item = Action>) -> ActivationLog {
        let mut changes = Vec::new();
        for (number, mut action) in (1..).zip(actions) {
            if let Action::RollBack { activation: activation @ 0, start, .. } = &mut action {
                let log = ActivationLog::of(&changes);
                *activation = log.last(*start).map_or(0, |(last, _)| last.number);
            }
            changes.push(kept(Some(number), action));
        }
        ActivationLog::of(&changes)
    }

    /// The algorithm that settles each of the first intervals; `-` is the configured one.
    fn settles(log: &ActivationLog, intervals: u64) -> String {
        let name = |number| log.at(start(number)).map_or("-", |activation| &activation.algorithm.name);
        (0..intervals).map(name).collect()
    }

    #[test]
    fn each_decision_takes_effect_from_its_interval() {
        let table: &[(&str, Vec<Action>)] = &[
            ("------", vec![]),
            ("--AAAA", vec![activate("A", 2)]),
            ("--AABB", vec![activate("A", 2), activate("B", 4)]),
            // An activation replaces later ones.
            ("--BBBB", vec![activate("A", 4), activate("B", 2)]),
            ("--BBBB", vec![activate("A", 2), activate("B", 2)]),
            ("--A---", vec![activate("A", 2), roll_back(3)]),
            (
                "-AB-A-",
                vec![activate("A", 1), activate("B", 2), roll_back(3), roll_back(3), activate("A", 4), roll_back(5)],
            ),
            ("-AABA-", vec![activate("A", 1), activate("B", 3), roll_back(4), roll_back(5)]),
            // An activation that has not taken effect is only cancelled.
            ("-AAAAA", vec![activate("A", 1), activate("B", 4), roll_back(2)]),
            ("------", vec![activate("A", 4), roll_back(2)]),
            ("------", vec![roll_back(2)]),
            ("-A-B--", vec![activate("A", 1), activate("B", 3), withdraw(1, 2), roll_back(4)]),
            ("-A-BBB", vec![activate("A", 1), activate("B", 3), withdraw(1, 2)]),
        ];
        for (expected, actions) in table {
            assert_eq!(settles(&log_of(actions.clone()), 6), *expected, "{actions:?}");
        }
    }

    #[test]
    fn later_activations_are_listed_in_order() {
        let log = log_of([activate("A", 1), activate("B", 4)]);
        let names = |from: Option<u64>| {
            let found = log.from(from.map(start));
            found.iter().map(|activation| activation.algorithm.name.as_str()).collect::<String>()
        };
        assert_eq!([None, Some(0), Some(1), Some(3), Some(4)].map(names), ["AB", "AB", "AB", "AB", "B"]);
        let next = |at| log.next(start(at)).map(|(from, next)| (from, next.map(|next| next.number)));
        assert_eq!([0, 1, 4].map(next), [Some((start(1), Some(1))), Some((start(4), Some(2))), None]);
        assert_eq!(log.number(), 2);
    }

    #[test]
    fn the_effect_of_a_roll_back_is_known_beforehand() {
        let names = |log: &ActivationLog, at| {
            let last = log.last(start(at));
            last.map(|(last, to)| (last.algorithm.name.clone(), to.map(|to| to.algorithm.name.clone())))
        };
        let owned = |last: &str, to: Option<&str>| Ok((last.to_owned(), to.map(str::to_owned)));
        assert_eq!(names(&log_of([]), 0), Err(NothingActivated));
        let one = log_of([activate("A", 2)]);
        assert_eq!((names(&one, 2), names(&one, 1)), (owned("A", None), owned("A", None)));
        let two = log_of([activate("A", 1), activate("B", 3)]);
        assert_eq!((names(&two, 3), names(&two, 2)), (owned("B", Some("A")), owned("B", Some("A"))));
        let back = log_of([activate("A", 1), roll_back(2)]);
        assert_eq!(names(&back, 2), Err(NothingActivated));
        let first = two.at(start(1)).unwrap();
        assert_eq!(two.without(first, start(1)), None);
        assert_eq!(two.without(first, start(3)), two.at(start(3)));
        assert_eq!(two.without(two.at(start(3)).unwrap(), start(3)), Some(first));
    }

    #[test]
    fn failures_count_against_one_activation_for_a_day() {
        let fail = |activation, at| {
            let (algorithm, reason) = (label("A"), String::new());
            kept(None, Action::Fail { algorithm, activation, start: start(at), reason })
        };
        let mut changes = vec![kept(Some(1), activate("A", 0)), fail(1, 0), fail(1, 0), fail(1, 5), fail(7, 5)];
        let failed = |log: &ActivationLog, at| log.failures(log.at(start(at)).unwrap(), start(at));
        let log = ActivationLog::of(&changes);
        assert_eq!([4, 5, 95, 96, 101].map(|at| failed(&log, at)), [2, 3, 3, 1, 0]);
        changes.push(kept(Some(2), activate("A", 6)));
        assert_eq!(failed(&ActivationLog::of(&changes), 6), 0);
    }

    #[test]
    fn one_candidate_runs_at_a_time() {
        let begin = |name| Action::StartShadow { candidate: label(name), since: start(1), settings: None };
        let end = Action::EndShadow { candidate: label("B") };
        assert_eq!(log_of([begin("A")]).shadow().unwrap().candidate, label("A"));
        let other = log_of([begin("A"), begin("B"), activate("C", 3)]);
        let shadow = other.shadow().unwrap();
        assert_eq!((shadow.number, &shadow.candidate), (2, &label("B")));
        let ended = log_of([begin("A"), begin("B"), end]);
        assert_eq!((ended.shadow(), ended.last_shadow()), (None, other.shadow()));
    }

    fn action() -> impl Strategy<Value = Action> {
        let name = prop_oneof![Just("A"), Just("B"), Just("C")];
        prop_oneof![
            3 => (name, 0..12_u64).prop_map(|(name, from)| activate(name, from)),
            1 => (0..12_u64).prop_map(roll_back),
        ]
    }

    fn from_of(action: &Action) -> Boundary {
        match action {
            Action::Activate { start, .. } | Action::RollBack { start, .. } => *start,
            _ => unreachable!("only these are drawn"),
        }
    }

    proptest! {
        #[test]
        fn a_decision_changes_nothing_before_its_interval(actions in prop::collection::vec(action(), 1..12)) {
            let before = log_of(actions[..actions.len() - 1].to_vec());
            let after = log_of(actions.clone());
            let last = actions.last().unwrap();
            let from = from_of(last);
            for number in (0..14).map(start).filter(|start| *start < from) {
                prop_assert_eq!(before.at(number), after.at(number));
            }
            // An activation replaces everything that follows.
            for number in (0..14).map(start).filter(|start| *start >= from) {
                if matches!(last, Action::Activate { .. }) {
                    prop_assert_eq!(after.at(number), after.at(from));
                }
            }
        }

        #[test]
        fn an_activation_that_is_rolled_back_leaves_no_trace(
            actions in prop::collection::vec(action(), 0..10), from in 0..12_u64,
        ) {
            let before = log_of(actions.clone());
            let tried = [activate("D", from), roll_back(from)];
            let after = log_of(actions.into_iter().chain(tried));
            prop_assert_eq!(after.at(start(from)), before.at(start(from)));
        }
    }
}
