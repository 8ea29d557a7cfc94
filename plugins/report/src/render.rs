//! The report's text, in Markdown.

use std::fmt::Write;

use sandclock::Timestamp;

use crate::figure::figure;
use crate::histogram::Histogram;
use crate::series::Series;
use crate::statistics::Statistics;

/// More groups than this are summed up in a line.
const MOST_GROUPS: usize = 20;
/// The longest bar, in characters.
const BAR: usize = 40;

/// The whole report.
pub(crate) fn markdown(title: &str, slot: Option<Timestamp>, items: usize, by: Option<&str>, all: &[Series]) -> String {
    let mut text = format!("# {}\n\n{}", inline(title), counted(items, "item"));
    if let Some(slot) = slot {
        text.push_str(&format!(", for the slot {slot}"));
    }
    text.push_str(".\n");
    if all.is_empty() {
        text.push_str("\nThere are no numbers to report on.\n");
    }
    for series in all {
        text.push_str(&format!("\n## {}\n\n", inline(&series.name)));
        text.push_str(&summary(series));
        if let Some(by) = by {
            text.push_str(&format!("\n### by {}\n\n", inline(by)));
            text.push_str(&groups(by, &series.groups));
        }
        text.push_str("\n### distribution\n\n");
        text.push_str(&distribution(&series.histogram));
    }
    text
}

fn summary(series: &Series) -> String {
    let Statistics { count, sum, mean, deviation, min, median, p90, p95, p99, max } = &series.all;
    let mut text = table_row(&["count", "sum", "mean", "deviation", "min", "median", "90 %", "95 %", "99 %", "max"]);
    text.push_str(&"|--:".repeat(10));
    text.push_str("|\n");
    let figures = [sum, mean, deviation, min, median, p90, p95, p99, max].map(|number| figure(*number));
    text.push_str(&table_row(&[&[count.to_string()][..], &figures].concat()));
    if series.missing > 0 {
        text.push_str(&format!("\nWithout a number here: {}.\n", counted(series.missing, "item")));
    }
    text
}

fn groups(by: &str, groups: &[(String, Statistics)]) -> String {
    let mut text = table_row(&[inline(by).as_str(), "count", "sum", "mean", "median", "95 %", "max"]);
    text.push_str(&format!("|---{}|\n", "|--:".repeat(6)));
    for (label, group) in groups.iter().take(MOST_GROUPS) {
        let figures = [group.sum, group.mean, group.median, group.p95, group.max].map(figure);
        text.push_str(&table_row(&[&[inline(label), group.count.to_string()][..], &figures].concat()));
    }
    if groups.len() > MOST_GROUPS {
        text.push_str(&format!("\nand {} more.\n", groups.len() - MOST_GROUPS));
    }
    text
}

/// A bar for each bucket, in a block of fixed width.
fn distribution(histogram: &Histogram) -> String {
    let end = |bucket: usize| figure(histogram.start + bucket as f64 * histogram.width);
    let width = (0..=histogram.counts.len()).map(|bucket| end(bucket).len()).max().unwrap_or(0);
    let most = histogram.counts.iter().max().copied().unwrap_or(0).max(1);
    let mut text = "```\n".to_owned();
    for (bucket, count) in histogram.counts.iter().enumerate() {
        let bar = "\u{2588}".repeat((count * BAR).div_ceil(most));
        let space = if *count > 0 { " " } else { "" };
        text.push_str(&format!("{:>width$} to {:>width$}  {bar}{space}{count}\n", end(bucket), end(bucket + 1)));
    }
    text + "```\n"
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn table_row(cells: &[impl AsRef<str>]) -> String {
    let mut row = String::new();
    for cell in cells {
        // A `String` takes all that is written to it.
        let _ = write!(row, "| {} ", cell.as_ref());
    }
    row + "|\n"
}

/// Text from the data, kept from being taken for Markdown that structures the report.
fn inline(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => safe.extend(['\\', c]),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
