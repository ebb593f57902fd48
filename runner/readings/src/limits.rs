//! How much a file may be. Files come from anywhere, and a spreadsheet unpacks to a thousand times its size.

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 25 << 20;
/// The most bytes that a spreadsheet unpacks to.
pub const UNPACKED_BYTES_MAX: u64 = 200 << 20;
/// The most rows of a file.
pub const ROWS_MAX: u64 = 1_000_000;
/// The most columns of a row: those of a spreadsheet.
pub const COLUMNS_MAX: usize = 16_384;
/// The most elements of a spreadsheet's XML. A cell has two or three.
pub const ELEMENTS_MAX: u64 = 25_000_000;
/// The most elements of a spreadsheet's table of texts, which is held in memory.
pub const TEXT_ELEMENTS_MAX: u64 = 4_000_000;
/// The most sheets that are looked at.
pub const SHEETS_MAX: usize = 32;
/// How many rows are looked at to tell the format.
pub const HEAD_ROWS: usize = 40;
/// How many rows that are wrong are kept; the others are counted.
pub const BAD_ROWS_MAX: usize = 1000;
