//! The types of `wit/market.wit` in Rust: the only `bindgen!`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "algorithm",
    // Positions are lent, not copied, on their way into a guest.
    ownership: Borrowing { duplicate_if_necessary: false },
});
