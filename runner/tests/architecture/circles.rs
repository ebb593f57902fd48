//! Circles among the modules of a crate.
//!
//! Modules are compared with their siblings, each together with what is below it: the modules at the top of a crate, then
//! those of each module that has some. A child that uses its parent, which uses the child, is no circle: they are one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::workspace::{Edge, Stop, Workspace};

/// What each node uses, and where it says so.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Every circle, as `a -> b -> a`, with the place of each arrow.
pub fn circles(workspace: &Workspace) -> Vec<String> {
    let mut graphs: BTreeMap<(usize, Vec<String>), Graph> = BTreeMap::new();
    for edge in workspace.edges() {
        for stop in &edge.stops {
            let Stop::Module { number, module, .. } = stop else { continue };
            let (user, from) = edge.user;
            let common = from.iter().zip(*module).take_while(|(one, other)| one == other).count();
            if let (true, Some(one), Some(other)) = (user == *number, from.get(common), module.get(common)) {
                let graph = graphs.entry((user, from[..common].to_vec())).or_default();
                let place = graph.entry(one.clone()).or_default().entry(other.clone());
                place.or_insert_with(|| place_of(&edge));
            }
        }
    }
    let mut shown = Vec::new();
    for ((number, parent), graph) in &graphs {
        let folder = [workspace.crates[*number].folder.clone()].into_iter().chain(parent.iter().cloned());
        let folder = folder.collect::<Vec<_>>().join("::");
        shown.extend(shortest(graph).iter().map(|circle| format!("{folder}: {}", show(circle, graph))));
    }
    shown
}

fn place_of(edge: &Edge<'_>) -> String {
    format!("{}:{} uses {}", edge.file, edge.written.line, edge.written.path.join("::"))
}

/// For each arrow that is part of a circle, the shortest circle that it is part of.
fn shortest(graph: &Graph) -> Vec<Vec<String>> {
    let mut found = BTreeSet::new();
    for (from, targets) in graph {
        for to in targets.keys() {
            if let Some(mut circle) = way(graph, to, from) {
                let least = circle.iter().enumerate().min_by_key(|(_, name)| *name).map_or(0, |(index, _)| index);
                circle.rotate_left(least);
                found.insert((circle.len(), circle));
            }
        }
    }
    found.into_iter().map(|(_, circle)| circle).collect()
}

/// The shortest way from one node to another, both included.
fn way(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::from([(from, from)]);
    let mut open = VecDeque::from([from]);
    while let Some(node) = open.pop_front() {
        if node == to {
            let mut way = vec![node.to_owned()];
            let mut node = node;
            while node != from {
                node = before[node];
                way.push(node.to_owned());
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.get(node).into_iter().flat_map(BTreeMap::keys) {
            if !before.contains_key(next.as_str()) {
                before.insert(next, node);
                open.push_back(next);
            }
        }
    }
    None
}

fn show(circle: &[String], graph: &Graph) -> String {
    let mut text = circle.join(" -> ");
    text.push_str(&format!(" -> {}", circle[0]));
    for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        text.push_str(&format!("\n    {from} -> {to}: {}", graph[from][to]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    /// The circles of a crate with these files.
    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let mut tree = vec![("runner/Cargo.toml", "[package]\nname = \"r\"\n")];
        tree.extend(files);
        circles(&Workspace::read(&Tree::of(&tree)))
    }

    #[test]
    fn a_circle_is_shown_with_the_place_of_each_arrow() {
        let found = circles_of(&[
            ("runner/src/lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
            ("runner/src/a.rs", "use crate::b;\n"),
            ("runner/src/b.rs", "mod deep;\n"),
            ("runner/src/b/deep.rs", "\nfn f() { crate::c::g() }\n"),
            ("runner/src/c.rs", "use super::a;\n"),
            ("runner/src/d.rs", "use crate::a;\n"),
        ]);
        assert_eq!(
            found,
            ["runner: a -> b -> c -> a\n    a -> b: runner/src/a.rs:1 uses crate::b\n    \
              b -> c: runner/src/b/deep.rs:2 uses crate::c::g\n    c -> a: runner/src/c.rs:1 uses super::a"]
        );
    }

    #[test]
    fn parent_and_child_are_no_circle_but_siblings_in_a_module_are() {
        let parent = ("runner/src/a.rs", "mod b; mod c; pub use b::B; fn f() { c::g() }");
        let harmless = [("runner/src/lib.rs", "mod a;"), parent, ("runner/src/a/b.rs", "use super::f;")];
        assert_eq!(circles_of(&[&harmless[..], &[("runner/src/a/c.rs", "use super::B;")]].concat()), [""; 0]);
        let b = ("runner/src/a/b.rs", "use super::c;");
        let found = circles_of(&[harmless[0], parent, b, ("runner/src/a/c.rs", "use crate::a::B;")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("runner::a: b -> c -> b\n"), "{}", found[0]);
    }

    #[test]
    fn names_of_the_crate_s_root_count_as_what_they_stand_for() {
        let root = ("runner/src/lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
        let found = circles_of(&[root, ("runner/src/a.rs", "use crate::B;"), ("runner/src/b.rs", "use crate::A;")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(circles_of(&[root, ("runner/src/a.rs", "use crate::B;"), ("runner/src/b.rs", "")]), [""; 0]);
    }

    #[test]
    fn a_knot_is_shown_as_its_shortest_circles() {
        let found = circles_of(&[
            ("runner/src/lib.rs", "mod a; mod b; mod c;"),
            ("runner/src/a.rs", "use crate::{b, c};"),
            ("runner/src/b.rs", "use crate::c;"),
            ("runner/src/c.rs", "use crate::a;"),
        ]);
        let heads: Vec<&str> = found.iter().filter_map(|circle| circle.lines().next()).collect();
        assert_eq!(heads, ["runner: a -> c -> a", "runner: a -> b -> c -> a"]);
    }
}
