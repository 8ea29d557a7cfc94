//! The answers as a table in Markdown: what a terminal shows and what the documentation holds are the same.

use crate::rounds::{Answer, Figure, Spread};

const HEAD: &str = "\
| what | A | B | A / B | 10-90 % | noise: B / B |
|---|---|---|---|---|---|
";

/// The whole table.
pub(crate) fn table(answers: &[Answer]) -> String {
    answers.iter().map(row).fold(HEAD.to_owned(), |table, row| table + &row)
}

fn row(Answer { question, figures: [a, b], ratio, noise }: &Answer) -> String {
    let arm = |name, figure| format!("{name}: {} {}", rounded(figure), question.unit);
    let (a, b) = (arm(question.a, *a), arm(question.b, *b));
    format!("| {} | {a} | {b} | **{}** | {} | {} |\n", question.what, rounded(ratio.median), range(ratio), range(noise))
}

fn range(spread: &Spread) -> String {
    format!("{} to {}", rounded(spread.low), rounded(spread.high))
}

/// Three digits that mean something, or all those before the point.
fn rounded(figure: Figure) -> String {
    let decimals = match figure.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Question, Round};

    #[test]
    fn an_answer_is_a_row() {
        let question = Question { what: "an attempt", unit: "us", a: "attempt", b: "bare" };
        let answer = Answer::of(question, &[Round { a: 123.4, b: [50.0, 49.0] }]);
        let row = "| an attempt | attempt: 123 us | bare: 49.5 us | **2.49** | 2.49 to 2.49 | 1.02 to 1.02 |";
        assert_eq!(table(&[answer]).lines().last(), Some(row));
    }
}
