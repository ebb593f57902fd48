//! Types and component glue that wit-bindgen generates from `wit/market.wit`.
#![allow(missing_docs, reason = "generated: the types carry the WIT file's own docs, the glue has none")]
#![allow(unsafe_code, reason = "generated: the canonical ABI passes raw pointers")]
#![allow(clippy::all, clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

wit_bindgen::generate!({
    world: "algorithm",
    path: "../../wit",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "market_kit::bindings",
});
