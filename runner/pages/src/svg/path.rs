//! What a path is written of.

use std::fmt::Write as _;

/// A path with many parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    /// Adds a rectangle, unless it has no size.
    pub(super) fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        if width > 0.0 && height > 0.0 {
            let (x, y, width, height) = (number(x), number(y), number(width), number(height));
            // Writing to a text does not fail.
            let _ = write!(self.0, "M{x} {y}h{width}v{height}h-{width}z");
        }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.start(from);
        self.to(to);
    }

    /// Begins a line.
    pub(super) fn start(&mut self, (x, y): (f64, f64)) {
        let _ = write!(self.0, "M{} {}", number(x), number(y));
    }

    /// Goes on with a line.
    pub(super) fn to(&mut self, (x, y): (f64, f64)) {
        let _ = write!(self.0, "L{} {}", number(x), number(y));
    }

    /// Goes on from where it is in a curve that begins and ends level.
    pub(super) fn curve(&mut self, from: (f64, f64), (x, y): (f64, f64)) {
        // Both handles are halfway: those of a curve between two upright sides.
        let middle = number((from.0 + x) / 2.0);
        let _ = write!(self.0, "C{middle} {} {middle} {} {} {}", number(from.1), number(y), number(x), number(y));
    }

    /// Goes on level, and then straight up or down.
    pub(super) fn step(&mut self, (x, y): (f64, f64)) {
        let _ = write!(self.0, "H{}V{}", number(x), number(y));
    }

    /// Ends a shape where it began.
    pub(super) fn close(&mut self) {
        self.0.push('z');
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A coordinate with at most two decimals.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_short() {
        let mut path = Path::default();
        path.rectangle((1.0, 2.5), (3.0, 4.126));
        path.rectangle((1.0, 2.5), (0.0, 4.0));
        path.start((0.0, 0.0));
        path.step((5.0, -0.001));
        assert_eq!(path.finish(), "M1 2.5h3v4.13h-3zM0 0H5V0");
    }
}
