//! The user's own form of a webhook's body: JSON with placeholders such as `{{title}}`.
//!
//! What stands for a placeholder is escaped for a JSON string, so that no words of a guest can change the form.

use std::fmt::Write;

/// The longest template, in bytes.
pub const LONGEST: usize = 16 << 10;

/// A template whose placeholders are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// What can stand in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// One line on what happened.
    Title,
    /// The whole message, as a mail would have it.
    Text,
    /// What all attempts to deliver the message are known by.
    Id,
    /// `critical`, `error`, `warning` or `info`.
    Severity,
    /// What the first notice is about: `failed`, `missed` and so on.
    Kind,
    /// What is new about it: `first`, `changed`, `reminder`, `relapse` or `recovered`.
    News,
    /// The task, plugin or host that it is about.
    Subject,
    /// Its run, if it has one.
    Run,
    /// What happened, in the words of whoever saw it.
    What,
    /// How many times it happened.
    Count,
    /// How many notices the message has.
    Notices,
    /// The name of the machine.
    Host,
}

impl Placeholder {
    /// Every placeholder.
    pub const ALL: [Placeholder; 12] = [
        Placeholder::Title,
        Placeholder::Text,
        Placeholder::Id,
        Placeholder::Severity,
        Placeholder::Kind,
        Placeholder::News,
        Placeholder::Subject,
        Placeholder::Run,
        Placeholder::What,
        Placeholder::Count,
        Placeholder::Notices,
        Placeholder::Host,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Placeholder::Title => "title",
            Placeholder::Text => "text",
            Placeholder::Id => "id",
            Placeholder::Severity => "severity",
            Placeholder::Kind => "kind",
            Placeholder::News => "news",
            Placeholder::Subject => "subject",
            Placeholder::Run => "run",
            Placeholder::What => "what",
            Placeholder::Count => "count",
            Placeholder::Notices => "notices",
            Placeholder::Host => "host",
        }
    }
}

/// A text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is too long.
    #[error("a template has {LONGEST} bytes at the most, this one has {0}")]
    TooLong(usize),
    /// A placeholder has no end.
    #[error("a placeholder has no end: expected }}}} after {{{{{0}")]
    Open(String),
    /// A placeholder is not known.
    #[error("there is no placeholder {{{{{found}}}}}; there are: {}", names())]
    Unknown {
        /// What stands there.
        found: String,
    },
}

fn names() -> String {
    Placeholder::ALL.map(Placeholder::name).join(", ")
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Says which placeholder is none.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            return Err(TemplateError::TooLong(text.len()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let excerpt = |text: &str| text.chars().take(20).collect::<String>();
            let (inner, behind) = after.split_once("}}").ok_or_else(|| TemplateError::Open(excerpt(after)))?;
            let name = inner.trim();
            let found = Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name);
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Placeholder(found.ok_or_else(|| TemplateError::Unknown { found: excerpt(name) })?));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { text: text.to_owned(), parts })
    }

    /// What was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The template with a text in place of each placeholder.
    pub fn render(&self, value: impl Fn(Placeholder) -> String) -> String {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Placeholder(placeholder) => escape(&value(*placeholder), &mut rendered),
            }
        }
        rendered
    }
}

/// Writes a text as it stands between the quotes of a JSON string.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(into, "\\u{:04x}", u32::from(c));
            }
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_replaced_and_cannot_break_out() {
        let template = Template::parse(r#"{"text": "{{title}}: {{ what }}", "n": {{count}}}"#).unwrap();
        let rendered = template.render(|placeholder| match placeholder {
            Placeholder::Title => "a \"quoted\" title".to_owned(),
            Placeholder::What => "\", \"admin\": true, \"x\": \"\u{7}\\\n{{title}}".to_owned(),
            _ => "3".to_owned(),
        });
        let json: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(json["text"], "a \"quoted\" title: \", \"admin\": true, \"x\": \"\u{7}\\\n{{title}}");
        assert_eq!((json["n"].as_i64(), json.as_object().unwrap().len()), (Some(3), 2));
    }

    #[test]
    fn what_is_no_template_is_told() {
        for (text, expected) in [
            ("{{tilte}}", "there is no placeholder {{tilte}}; there are: title, text"),
            ("{{title", "a placeholder has no end: expected }} after {{title"),
            (&"x".repeat(LONGEST + 1), "a template has 16384 bytes at the most"),
        ] {
            let told = Template::parse(text).unwrap_err().to_string();
            assert!(told.starts_with(expected), "{told}");
        }
        assert_eq!(Template::parse("{} }} {").unwrap().render(|_| String::new()), "{} }} {");
    }
}
