//! Numbers as people read them in a table.

/// Two digits after the point, four for small numbers, none for whole ones, and an exponent for huge and tiny ones.
pub(crate) fn figure(number: f64) -> String {
    let size = number.abs();
    if size >= 1e15 || (size < 1e-4 && size > 0.0) {
        format!("{number:.3e}")
    } else if number.fract() == 0.0 {
        format!("{number:.0}")
    } else {
        let digits = if size < 1.0 { 4 } else { 2 };
        let text = format!("{number:.digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_plain() {
        for (number, expected) in [
            (0.0, "0"),
            (1_234_567.0, "1234567"),
            (-3.1349, "-3.13"),
            (2.5, "2.5"),
            (2.999, "3"),
            (0.123_456, "0.1235"),
            (0.000_01, "1.000e-5"),
            (1e18, "1.000e18"),
        ] {
            assert_eq!(figure(number), expected);
        }
    }
}
