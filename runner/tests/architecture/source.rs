//! What a source file names: every path in it, whether imported, written in place, or inside of a macro or an attribute.
//!
//! What only tests compile (`#[cfg(test)]`) is left out.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, Path, UseTree, VisRestricted};

/// The first part of a path like `::tonic::Status`.
pub const OUTSIDE: &str = "::";

#[derive(Debug, Default)]
pub struct Source {
    pub paths: Vec<Written>,
    pub imports: Vec<Import>,
    /// Modules that are written inside of the file.
    pub inline: Vec<Vec<String>>,
    /// Modules that only tests compile.
    pub test_modules: Vec<Vec<String>>,
}

/// A path as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub line: usize,
    /// The module that it is written in.
    pub module: Vec<String>,
    pub path: Vec<String>,
}

/// A name that a `use` brings into a module.
#[derive(Debug)]
pub struct Import {
    pub module: Vec<String>,
    pub name: String,
    pub path: Vec<String>,
}

impl Source {
    /// Reads the file of a module.
    pub fn parse(text: &str, module: &[String]) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|error| format!("{}: {error}", error.span().start().line))?;
        if is_for_tests(&file.attrs) {
            return Ok(Self { test_modules: vec![module.to_vec()], ..Self::default() });
        }
        let mut reader = Reader { module: module.to_vec(), found: Self::default() };
        reader.visit_file(&file);
        Ok(reader.found)
    }
}

struct Reader {
    module: Vec<String>,
    found: Source,
}

impl Reader {
    fn note(&mut self, line: usize, path: Vec<String>) {
        self.found.paths.push(Written { line, module: self.module.clone(), path });
    }

    fn child(&self, name: &Ident) -> Vec<String> {
        self.module.iter().cloned().chain([text(name)]).collect()
    }

    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let (name, last) = match tree {
            UseTree::Path(path) => {
                let before: Vec<String> = before.iter().cloned().chain([text(&path.ident)]).collect();
                return self.import(&path.tree, &before);
            }
            UseTree::Group(group) => return group.items.iter().for_each(|item| self.import(item, before)),
            UseTree::Glob(glob) => return self.note(glob.star_token.span.start().line, before.to_vec()),
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        let mut path = before.to_vec();
        // `use a::{self}` names `a` itself.
        let is_self = name == "self" && !before.is_empty();
        if !is_self {
            path.push(text(name));
        }
        self.note(name.span().start().line, path.clone());
        let name = if is_self && last == "self" { path.last().cloned().unwrap_or_default() } else { text(last) };
        self.found.imports.push(Import { module: self.module.clone(), name, path });
    }

    /// Notes what looks like a path among the tokens of a macro or attribute: names with `::` between them.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        let is_separator = |at: usize| is_colon(at) && is_colon(at + 1);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(first) if is_separator(at + 1) => {
                    let mut path = vec![text(first)];
                    while let (true, Some(TokenTree::Ident(next))) = (is_separator(at + 1), tokens.get(at + 3)) {
                        path.push(text(next));
                        at += 3;
                    }
                    let line = first.span().start().line;
                    match tokens.get(at + 3) {
                        Some(TokenTree::Group(group))
                            if group.delimiter() == Delimiter::Brace && is_separator(at + 1) =>
                        {
                            self.scan_group(&path, group.stream());
                            at += 3;
                        }
                        _ => self.note(line, path),
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// `use` in a macro: `path::{a, b::c}`.
    fn scan_group(&mut self, before: &[String], tokens: TokenStream) {
        let mut part = TokenStream::new();
        let mut parts = Vec::new();
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(std::mem::take(&mut part)),
                _ => part.extend([token]),
            }
        }
        parts.push(part);
        for part in parts {
            if let Ok(tree) = syn::parse2::<UseTree>(part) {
                self.import(&tree, before);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if let (Item::Mod(module), true) = (item, is_for_tests(attributes(item))) {
            self.found.test_modules.push(self.child(&module.ident));
        }
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() {
            return;
        }
        let inner = self.child(&module.ident);
        self.found.inline.push(inner.clone());
        let outer = std::mem::replace(&mut self.module, inner);
        visit::visit_item_mod(self, module);
        self.module = outer;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let before: &[String] = if item.leading_colon.is_some() { &[OUTSIDE.to_owned()] } else { &[] };
        self.import(&item.tree, before);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let mut parts: Vec<String> = path.segments.iter().map(|segment| text(&segment.ident)).collect();
        // A name alone is local, or imported by a `use` that is noted already.
        if let (Some(first), true) = (path.segments.first(), parts.len() > 1) {
            if path.leading_colon.is_some() {
                parts.insert(0, OUTSIDE.to_owned());
            }
            self.note(first.ident.span().start().line, parts);
        }
        visit::visit_path(self, path);
    }

    /// `pub(super)` and `pub(in …)` say who may see, not what is used.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.scan(invocation.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.visit_path(attribute.path());
        match &attribute.meta {
            Meta::List(list) => self.scan(list.tokens.clone()),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }
}

/// `#[cfg(test)]`, alone or with other conditions.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        let words = list.tokens.to_string();
        let mut words = words.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
        // `not(test)` and `any(test, …)` are compiled for the program too.
        words.next().is_some_and(|first| first == "test" || (first == "all" && words.any(|word| word == "test")))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn text(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of a file of the module `a`, as `line path`.
    fn paths(text: &str) -> Vec<String> {
        let source = Source::parse(text, &["a".to_owned()]).unwrap();
        source.paths.iter().map(|written| format!("{} {}", written.line, written.path.join("::"))).collect()
    }

    #[test]
    fn imports_are_expanded() {
        let text = "use crate::{b::{self, C as D}, e::*};\nuse tonic;\npub(in crate::x) use ::toml::Value;\n";
        assert_eq!(paths(text), ["1 crate::b", "1 crate::b::C", "1 crate::e", "2 tonic", "3 ::::toml::Value"]);
        let source = Source::parse(text, &[]).unwrap();
        let names: Vec<&str> = source.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(names, ["b", "D", "tonic", "Value"]);
    }

    #[test]
    fn paths_in_types_expressions_attributes_and_macros_count() {
        let text = "#[derive(serde::Serialize)]\nstruct S(crate::b::T<super::c::U>);\n\
            fn f() -> u8 {\n    let local = 1;\n    vec![format!(\"{}\", domain::x(local)), self::g()];\n    tokio::spawn(h)\n}\n\
            macro_rules! m { () => { $crate::n::o() } }\n";
        let expected = ["1 serde::Serialize", "2 crate::b::T", "2 super::c::U", "5 domain::x", "5 self::g"];
        assert_eq!(paths(text)[..5], expected);
        assert_eq!(paths(text)[5..], ["6 tokio::spawn", "8 crate::n::o"]);
    }

    #[test]
    fn an_import_in_a_macro_is_expanded() {
        assert_eq!(paths("m! { use crate::{b, c::d}; x::<u8>() }"), ["1 crate::b", "1 crate::c::d", "1 x"]);
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        let text = "#[cfg(test)]\nmod tests { use crate::b; }\n#[cfg(all(test, unix))]\nmod contract;\n\
            #[cfg(test)]\nuse crate::c;\n#[cfg(not(test))]\nuse crate::d;\nimpl S {\n    #[cfg(test)]\n    fn t() { crate::e::f() }\n}\n";
        assert_eq!(paths(text), ["8 crate::d"]);
        let source = Source::parse(text, &["a".to_owned()]).unwrap();
        assert_eq!(source.test_modules, [["a", "tests"], ["a", "contract"]]);
        assert_eq!(paths("#![cfg(test)]\nuse crate::b;"), [""; 0]);
    }

    #[test]
    fn a_module_in_a_file_has_a_path_of_its_own() {
        let source = Source::parse("mod inner { use super::b; }", &["a".to_owned()]).unwrap();
        assert_eq!(source.inline, [["a", "inner"]]);
        assert_eq!(source.paths[0].module, ["a", "inner"]);
    }

    #[test]
    fn what_is_no_rust_is_told_with_its_line() {
        assert!(Source::parse("fn f() {}\nfn {", &[]).unwrap_err().starts_with("2: "));
    }
}
