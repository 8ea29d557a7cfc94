//! Tables for people: columns that line up.

/// Rows as lines of equal columns, the first row being the heads. Cells must not act on a terminal.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_the_widest_and_nothing_trails() {
        let rows = [["A", "B"], ["käse", "1"], ["x", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "A     B\nkäse  1\nx\n");
        assert_eq!(aligned::<2>(&[]), "");
    }
}
