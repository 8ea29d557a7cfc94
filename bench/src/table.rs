//! The answers as a table in Markdown: what a terminal shows and what the documentation holds are the same.

use crate::rounds::{Answer, Baseline, Figure, Spread};

const HEAD: &str = "\
| what | A | B | A / B | 10-90 % | noise: B / B | bar |
|---|---|---|---|---|---|---|
";

/// The whole table. Where there is no baseline, the range is that of A itself.
pub(crate) fn table(answers: &[Answer]) -> String {
    answers.iter().map(row).fold(HEAD.to_owned(), |table, row| table + &row)
}

/// An answer in a few words, for whoever waits.
pub(crate) fn line(answer: &Answer) -> String {
    let Answer { question, figures, baseline } = answer;
    let a = figure(figures.median, question.unit);
    let against = baseline.as_ref().map_or(String::new(), |baseline| {
        let (b, ratio) = (figure(baseline.figure, question.unit), rounded(baseline.ratio.median));
        format!(" / {b} = {ratio}")
    });
    format!("{}: {a}{against}; {}", question.what, bar(answer))
}

fn row(answer: &Answer) -> String {
    let Answer { question, figures, baseline } = answer;
    let a = format!("{}: {}", question.a, figure(figures.median, question.unit));
    let measured = match baseline {
        Some(Baseline { name, figure: b, ratio, noise }) => {
            let b = format!("{name}: {}", figure(*b, question.unit));
            format!("{a} | {b} | **{}** | {} | {}", rounded(ratio.median), range(ratio), range(noise))
        }
        None => format!("{a} | - | - | {} | -", range(figures)),
    };
    format!("| {} | {measured} | {} |\n", question.what, bar(answer))
}

fn bar(answer: &Answer) -> String {
    match answer.question.bar.zip(answer.verdict()) {
        Some((bar, verdict)) => format!("{bar}: {verdict}"),
        None => "-".to_owned(),
    }
}

fn range(spread: &Spread) -> String {
    format!("{} to {}", rounded(spread.low), rounded(spread.high))
}

fn figure(figure: Figure, unit: &str) -> String {
    format!("{} {unit}", rounded(figure)).trim_end().to_owned()
}

/// Three digits that mean something, or all those before the point.
fn rounded(figure: Figure) -> String {
    let decimals = match figure.abs() {
        100.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        0.0 => 0,
        _ => 4,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::Bar;
    use crate::rounds::{Question, Round};

    fn check(answer: &Answer, expected: &str) {
        assert_eq!(table(std::slice::from_ref(answer)).lines().last(), Some(expected));
    }

    #[test]
    fn an_answer_is_a_row() {
        let question = Question { what: "an attempt", unit: "us", a: "attempt", bar: Some(Bar::Times(2.0)) };
        check(
            &Answer::of(question, "bare", &[Round { a: 123.4, b: [50.0, 49.0] }]),
            "| an attempt | attempt: 123 us | bare: 49.5 us | **2.49** | 2.49 to 2.49 | 1.02 to 1.02 | A ≤ 2 B: **missed** |",
        );
        let question = Question { what: "idle", unit: "%", a: "host", bar: Some(Bar::AtMost(0.1)) };
        check(
            &Answer::alone(question, vec![0.0123]),
            "| idle | host: 0.0123 % | - | - | 0.0123 to 0.0123 | - | A ≤ 0.1: met |",
        );
        let question = Question { what: "slots lost", unit: "", a: "lost", bar: None };
        check(&Answer::alone(question, vec![0.0]), "| slots lost | lost: 0 | - | - | 0 to 0 | - | - |");
    }
}
