//! Which language a file was probably written in, and what its author can do about what is refused.

use wasmparser::{KnownCustom, Parser, Payload, ProducersSectionReader};

/// A language, as far as another way out follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Go,
    C,
    AssemblyScript,
    JavaScript,
    Python,
}

/// What toolchains say of themselves, and what else gives them away. Nothing of this is trusted: it only chooses words.
#[derive(Default)]
struct Traces {
    /// The size of the largest module that names its language: libraries and adapters are smaller.
    largest: usize,
    of_largest: Option<Language>,
    /// What is certain wherever it is found.
    certain: Option<Language>,
}

impl Language {
    /// Guesses the language of a component or a module; `None` if nothing tells.
    pub(crate) fn of(bytes: &[u8]) -> Option<Language> {
        let mut traces = Traces::default();
        let mut sizes = vec![bytes.len()];
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            match payload {
                Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                    sizes.push(unchecked_range.len());
                }
                Payload::End(_) => drop(sizes.pop()),
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports().map_while(Result::ok) {
                        traces.import(import.module, import.name);
                    }
                }
                Payload::ExportSection(exports) => {
                    // Where componentize-py joins the libraries of Python.
                    let mut names = exports.into_iter().map_while(Result::ok).map(|export| export.name);
                    if names.any(|name| name.starts_with("libpython")) {
                        traces.certain = Some(Language::Python);
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Producers(producers) => traces.producers(producers, sizes.last().copied()),
                    _ if section.name() == "go:buildid" => traces.certain = Some(Language::Go),
                    _ => {}
                },
                _ => {}
            }
        }
        traces.certain.or(traces.of_largest)
    }

    /// How to make a component of a core module in this language.
    pub(crate) fn of_module(language: Option<Language>) -> &'static str {
        match language {
            Some(Language::Rust) => "build with `--target wasm32-wasip2`, which makes a component",
            Some(Language::Go) => {
                "build with `GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared`, then `rec-market algorithm wrap` makes a \
                 component of it"
            }
            Some(Language::AssemblyScript) => "`rec-market algorithm wrap --encoding utf16` makes a component of it",
            Some(Language::C) => "`rec-market algorithm wrap` makes a component of it",
            Some(Language::JavaScript | Language::Python) | None => {
                "`rec-market algorithm wrap` makes a component of it; in Rust, build with `--target wasm32-wasip2`"
            }
        }
    }

    /// How to build a component in this language that imports nothing which is refused.
    pub(crate) fn without_imports(language: Option<Language>) -> &'static str {
        match language {
            Some(Language::Rust) => "in Rust avoid std::fs, std::time, std::net and HashMap's default hasher",
            Some(Language::Python) => "with componentize-py use --stub-wasi",
            Some(Language::JavaScript) => {
                "with componentize-js disable all five features: stdio, random, clocks, http and fetch-event"
            }
            Some(Language::Go | Language::C | Language::AssemblyScript) => {
                "build a core module, and let `rec-market algorithm wrap` make a component of it, which answers WASI inside"
            }
            None => {
                "in Rust avoid std::fs, std::time, std::net and HashMap's default hasher; with componentize-py use --stub-wasi; \
                 with componentize-js disable all five features: stdio, random, clocks, http and fetch-event; of a core module \
                 `rec-market algorithm wrap` makes a component that imports nothing"
            }
        }
    }
}

impl Traces {
    fn import(&mut self, module: &str, name: &str) {
        let certain = match (module, name) {
            ("gojs" | "go", _) => Language::Go,
            ("env", "abort") => Language::AssemblyScript,
            _ if module.starts_with("__wbindgen") || module == "wbg" => Language::Rust,
            _ => return,
        };
        self.certain.get_or_insert(certain);
    }

    /// What the producers of a module, or of the component around it, say; `size` is that of the module.
    fn producers(&mut self, producers: ProducersSectionReader<'_>, size: Option<usize>) {
        let mut said = Vec::new();
        for field in producers.into_iter().map_while(Result::ok) {
            said.extend(field.values.into_iter().map_while(Result::ok).map(|value| value.name));
        }
        let says = |part: &str| said.iter().any(|name| name.starts_with(part));
        if says("JavaScript") || says("ComponentizeJS") || says("componentize-qjs") {
            self.certain = Some(Language::JavaScript);
        } else if says("Go") || says("TinyGo") {
            self.certain = Some(Language::Go);
        }
        let language = match () {
            // A program in Rust has some of the C library in it.
            () if says("Rust") => Language::Rust,
            () if says("C1") || says("C99") || says("C_plus_plus") || says("clang") => Language::C,
            () => return,
        };
        if size.is_some_and(|size| size >= self.largest) {
            (self.largest, self.of_largest) = (size.unwrap_or(0), Some(language));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core module with one custom section.
    fn module(name: &str, content: &[u8]) -> Vec<u8> {
        let section = [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), content].concat();
        [b"\0asm\x01\0\0\0\0".as_slice(), &[u8::try_from(section.len()).unwrap()], &section].concat()
    }

    /// Producers with one field of one value.
    fn producers(field: &str, value: &str) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        module("producers", &[vec![1], text(field), vec![1], text(value), text("1.0")].concat())
    }

    #[test]
    fn a_module_tells_its_language() {
        for (field, value, language) in [
            ("language", "Rust", Language::Rust),
            ("language", "Go", Language::Go),
            ("language", "C11", Language::C),
            ("language", "C_plus_plus_14", Language::C),
            ("processed-by", "clang", Language::C),
            ("processed-by", "ComponentizeJS", Language::JavaScript),
        ] {
            assert_eq!(Language::of(&producers(field, value)), Some(language), "{value}");
        }
        assert_eq!(Language::of(&module("go:buildid", b"")), Some(Language::Go));
    }

    #[test]
    fn the_libraries_of_python_tell_it() {
        // A memory under that name.
        let name = b"libpython3.14.so:memory_base";
        let exports = [&[1, u8::try_from(name.len()).unwrap()], name.as_slice(), &[2, 0]].concat();
        let module = [b"\0asm\x01\0\0\0\x07".as_slice(), &[u8::try_from(exports.len()).unwrap()], &exports].concat();
        assert_eq!(Language::of(&module), Some(Language::Python));
    }

    #[test]
    fn what_tells_nothing_has_no_language() {
        for bytes in
            [b"".as_slice(), b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0\xff", b"print('hello')"]
        {
            assert_eq!(Language::of(bytes), None);
        }
        assert_eq!(Language::of(&producers("processed-by", "wat2wasm")), None);
        assert_eq!(Language::of(&module("producers", b"\xff\xff")), None);
    }
}
