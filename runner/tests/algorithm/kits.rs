//! The kits with the real toolchains: each template is built from the program alone in an empty folder, passes the gate and
//! gives the known answers; so does a rule of the library from the kit's blocks; and every mistake comes back with its place.

mod answers;
mod mistakes;
mod project;

use self::answers::{Answer, between_the_tariffs, cascading_shares, give, mid_market_rate};
use self::mistakes::come_back;
use self::project::Project;

/// The template as it is: its own tests, the gate, and known answers.
fn template_is_right(language: &str) {
    let project = Project::new("my-own", language);
    project.make("test");
    let checked = project.make("check");
    assert!(checked.out.contains("my-own.wasm: passed"), "{}", checked.out);
    let answers: Vec<Answer> = [mid_market_rate(), between_the_tariffs(250_000)].concat();
    assert!(answers.len() > 100, "{}", answers.len());
    give(&project, &answers);
}

/// The kit's other blocks, and mistakes.
fn workshop_is_right(language: &str) {
    let project = Project::new("workshop", language);
    project.becomes_the_workshop();
    project.make(&project.component());
    give(&project, &cascading_shares());
    come_back(&project);
}

/// Two authors, or one who looks again later, get the same component, by whose bytes the market knows the algorithm.
fn same_source_becomes_same_bytes(language: &str) {
    let [one, other] = [(); 2].map(|()| {
        let project = Project::new("half-price", language);
        project.make(&project.component());
        std::fs::read(project.path(&project.component())).unwrap()
    });
    assert!(one == other, "{language}: {} and {} bytes", one.len(), other.len());
}

macro_rules! kits {
    ($($language:ident $(needs $need:ident)?),* $(,)?) => {$(
        mod $language {
            $(#[needs::$need])?
            #[needs::vectors]
            #[test]
            fn a_new_project_is_built_checked_and_right() {
                super::template_is_right(stringify!($language));
            }

            $(#[needs::$need])?
            #[needs::vectors]
            #[test]
            fn the_blocks_are_right_and_mistakes_come_back_with_their_place() {
                super::workshop_is_right(stringify!($language));
            }
        }
    )*};
}

kits! {
    rust,
    python needs componentize_py,
    javascript needs quickjs,
    go needs go,
    c needs zig,
}

/// The kit is JavaScript's; what is TypeScript's own is the way to the component.
mod typescript {
    #[needs::quickjs]
    #[needs::vectors]
    #[test]
    fn a_new_project_is_built_checked_and_right() {
        super::template_is_right("typescript");
    }

    #[needs::quickjs]
    #[test]
    fn mistakes_come_back_with_their_place_in_the_source() {
        let project = super::Project::new("workshop", "typescript");
        project.becomes_the_workshop();
        project.make(&project.component());
        super::come_back(&project);
    }
}

/// docs/authors.md says which: all but Python.
mod reproducible {
    macro_rules! reproducible {
        ($($language:ident $(needs $need:ident)?),* $(,)?) => {$(
            $(#[needs::$need])?
            #[test]
            fn $language() {
                super::same_source_becomes_same_bytes(stringify!($language));
            }
        )*};
    }

    reproducible! {
        rust,
        javascript needs quickjs,
        typescript needs quickjs,
        go needs go,
        c needs zig,
    }
}
