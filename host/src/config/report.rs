//! All that is wrong with a configuration, shown to people (the line, a caret, what to do) and as JSON.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use super::diagnostic::{Diagnostic, Label, Severity};
use crate::model::text::{inert, inert_layout};

/// How many problems are shown in full. Whoever has more has one mistake many times.
const SHOWN: usize = 50;

/// All that is wrong with a configuration. Its `Display` has no colours.
#[derive(Debug, Clone)]
pub struct Report {
    file: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl Report {
    pub(super) fn new(file: String, text: String, diagnostics: Vec<Diagnostic>) -> Self {
        Self { file, text, diagnostics }
    }

    /// The same with an error that stands nowhere in the text: what the file says does not fit the world around it.
    #[must_use]
    pub fn and_error(mut self, message: String) -> Self {
        self.diagnostics.push(Diagnostic::error(message));
        self
    }

    /// The problems, in the order of the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether nothing is wrong at all.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether something is wrong that stops the host from starting.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// The problems as text with escape sequences for colours.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    /// The problems as JSON: an array of objects with severity, message, file, line, column, detail and help.
    pub fn to_json(&self) -> serde_json::Value {
        self.diagnostics.iter().map(|diagnostic| self.json_of(diagnostic)).collect()
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut shown = String::new();
        for diagnostic in self.diagnostics.iter().take(SHOWN) {
            shown.push_str(&renderer.render(&[self.group(diagnostic)]));
            shown.push_str("\n\n");
        }
        let hidden = self.diagnostics.len().saturating_sub(SHOWN);
        if hidden > 0 {
            shown.push_str(&format!("(and {hidden} more)\n\n"));
        }
        shown.push_str(&self.summary());
        shown.push('\n');
        // The renderer replaces escape sequences in lines of the file, and leaves other characters that could act.
        inert_layout(&shown).to_string()
    }

    /// One line with the number of errors and warnings.
    fn summary(&self) -> String {
        let counted: Vec<String> = [Severity::Error, Severity::Warning]
            .into_iter()
            .filter_map(|severity| match self.count(severity) {
                0 => None,
                1 => Some(format!("1 {}", severity.name())),
                more => Some(format!("{more} {}s", severity.name())),
            })
            .collect();
        format!(
            "{}: {}",
            inert(&self.file),
            if counted.is_empty() { "nothing is wrong".to_owned() } else { counted.join(", ") }
        )
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(inert(&diagnostic.message).to_string()));
        if let Some(place) = &diagnostic.place {
            let others = diagnostic.others.iter().map(|other| annotation(AnnotationKind::Context, other));
            group = group.element(
                Snippet::source(&self.text)
                    .path(inert(&self.file).to_string())
                    .annotation(annotation(AnnotationKind::Primary, place))
                    .annotations(others),
            );
        }
        group.elements(diagnostic.help.iter().map(|help| Level::HELP.message(inert(help).to_string())))
    }

    fn json_of(&self, diagnostic: &Diagnostic) -> serde_json::Value {
        let mut object = json!({
            "severity": diagnostic.severity.name(),
            "message": diagnostic.message,
            "file": self.file,
            "help": diagnostic.help,
        });
        if let Some(place) = &diagnostic.place {
            let (line, column) = self.position(place.span.start);
            object["line"] = line.into();
            object["column"] = column.into();
            object["detail"] = place.text.as_str().into();
        }
        object
    }

    /// Line and column (in characters) of a byte of the text, both from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn annotation(kind: AnnotationKind, label: &Label) -> annotate_snippets::Annotation<'_> {
    let annotation = kind.span(label.span.clone());
    if label.text.is_empty() { annotation } else { annotation.label(inert(&label.text).to_string()) }
}
