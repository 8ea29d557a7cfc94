//! Who may do what: roles, the tasks that a token is for, and what is known of a token.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::id::{MAX_NAME, TaskName, TokenName};

/// What somebody may do. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// See everything that the API shows.
    Read,
    /// Start, cancel and retry runs, pause and resume tasks.
    Operate,
    /// Change who may do what, see the audit log, and change the host itself.
    Admin,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Role; 3] = [Role::Read, Role::Operate, Role::Admin];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is `read`, `operate` or `admin`")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// A pattern for names of tasks: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPattern(Arc<str>);

/// A text is no pattern for names of tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has the characters of a task's name, `*` for any of them and `?` for one, and at most {MAX_NAME}")]
pub struct TaskPatternError;

impl TaskPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a task's name is one of those meant.
    pub fn matches(&self, task: &TaskName) -> bool {
        let (pattern, name) = (self.0.as_bytes(), task.as_str().as_bytes());
        let (mut at, mut seen) = (0, 0);
        // Where to go on if what follows the last star does not match: the star takes one character more.
        let mut star = None;
        while seen < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at + 1, seen));
                    at += 1;
                }
                Some(sign) if *sign == b'?' || *sign == name[seen] => (at, seen) = (at + 1, seen + 1),
                _ => match star {
                    Some((after, taken)) => {
                        star = Some((after, taken + 1));
                        (at, seen) = (after, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|sign| *sign == b'*')
    }
}

impl FromStr for TaskPattern {
    type Err = TaskPatternError;

    fn from_str(text: &str) -> Result<Self, TaskPatternError> {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.*?".contains(c);
        match !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(known) {
            true => Ok(Self(text.into())),
            false => Err(TaskPatternError),
        }
    }
}

/// Which tasks something is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and the host itself.
    Everything,
    /// Those that one of the patterns is for, and nothing that is not a task's.
    Tasks(Arc<[TaskPattern]>),
}

impl Scope {
    /// The scope of patterns as they are given: without any, everything.
    pub fn of(patterns: Vec<TaskPattern>) -> Self {
        if patterns.is_empty() { Scope::Everything } else { Scope::Tasks(patterns.into()) }
    }

    /// Whether a task is in it.
    pub fn covers(&self, task: &TaskName) -> bool {
        match self {
            Scope::Everything => true,
            Scope::Tasks(patterns) => patterns.iter().any(|pattern| pattern.matches(task)),
        }
    }

    /// Its patterns; none if it is everything.
    pub fn patterns(&self) -> &[TaskPattern] {
        match self {
            Scope::Everything => &[],
            Scope::Tasks(patterns) => patterns,
        }
    }
}

/// The SHA-256 of a token, by which the token is known. The token itself is kept nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is called; no two have the same name.
    pub name: TokenName,
    /// How it is recognised.
    pub digest: TokenDigest,
    /// What whoever brings it may do.
    pub role: Role,
    /// To which tasks.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing; none if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// About when it was last used: not every use is noted.
    pub used_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is worth nothing any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let (parsed, task) = (pattern.parse::<TaskPattern>().unwrap(), name.parse::<TaskName>().unwrap());
            assert_eq!(parsed.matches(&task), expected, "{pattern} {name}");
        };
        check("report", "report", true);
        check("report", "report-2", false);
        check("report", "my-report", false);
        check("report-*", "report-eu", true);
        check("report-*", "report-", true);
        check("report-*", "report", false);
        check("*", "anything", true);
        check("**", "a", true);
        check("*-eu", "report-eu-eu", true);
        check("*-eu", "report-eu-us", false);
        check("r?port", "report", true);
        check("r?port", "rport", false);
        check("?", "a", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("Report", "report", false);
        // A pattern that is bad for a matcher that tries everything.
        check(&"a*".repeat(32), &"a".repeat(64), true);
        check(&format!("{}b", "a*".repeat(31)), &"a".repeat(64), false);
    }

    #[test]
    fn what_no_task_could_be_called_is_no_pattern() {
        for text in ["", "a b", "a/b", "[ab]", "é", &"*".repeat(65)] {
            assert_eq!(text.parse::<TaskPattern>(), Err(TaskPatternError), "{text}");
        }
    }

    #[test]
    fn a_scope_covers_what_one_of_its_patterns_matches() {
        let scope = |patterns: &[&str]| Scope::of(patterns.iter().map(|text| text.parse().unwrap()).collect());
        let task = |name: &str| name.parse::<TaskName>().unwrap();
        assert!(scope(&[]).covers(&task("anything")));
        assert!(scope(&["a-*", "b"]).covers(&task("a-1")));
        assert!(scope(&["a-*", "b"]).covers(&task("b")));
        assert!(!scope(&["a-*", "b"]).covers(&task("c")));
    }

    #[test]
    fn roles_include_those_before_them() {
        assert!(Role::Read < Role::Operate && Role::Operate < Role::Admin);
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(RoleError));
    }
}
