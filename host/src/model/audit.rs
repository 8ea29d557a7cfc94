//! The audit log: who changed what, and who was refused to.

use std::fmt;

use jiff::Timestamp;

use crate::model::access::Role;
use crate::model::id::{RunId, TaskName, TokenName};

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user of the machine, over the control socket or on the command line.
    User(u32),
    /// Whoever brought this token.
    Token(TokenName),
    /// Somebody who knows the secret of this webhook.
    Webhook(String),
    /// Somebody who said nothing about themselves.
    Anybody,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(uid) => write!(f, "uid {uid}"),
            Actor::Token(name) => write!(f, "token {name}"),
            Actor::Webhook(path) => write!(f, "webhook {path}"),
            Actor::Anybody => f.write_str("anybody"),
        }
    }
}

/// A change that is asked for. Whoever makes it enters it into the audit log with the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who asks for it.
    pub actor: Actor,
    /// The role that it takes.
    pub role: Role,
    /// What it is: a route such as `POST /api/v1/tasks/{task}/pause`.
    pub action: String,
    /// The request by which it was asked for.
    pub request: String,
}

/// Which entries of the audit log are bounded together. Whoever can make entries of one kind without end pushes none of
/// another kind out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditKind {
    /// Something was refused, and nothing changed.
    Refused,
    /// A change that an operator may make.
    Operated,
    /// A change that only an administrator may make.
    Administered,
}

impl AuditKind {
    /// Every kind.
    pub const ALL: [AuditKind; 3] = [AuditKind::Refused, AuditKind::Operated, AuditKind::Administered];

    /// How many entries of each kind are kept.
    pub const KEPT: i64 = 100_000;
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// How it is kept.
    pub kind: AuditKind,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked, as [`Actor`] is shown.
    pub actor: String,
    /// What for.
    pub action: String,
    /// The task it is about, if it is about one.
    pub task: Option<TaskName>,
    /// The run it is about, or that came of it.
    pub run: Option<RunId>,
    /// [`Audited::DONE`], or the code of the problem for which it was refused.
    pub result: String,
    /// The request by which it was asked for.
    pub request: String,
}

impl Audited {
    /// The result of a change that was made: the entry is in the transaction of the change.
    pub const DONE: &'static str = "done";

    /// An entry for a change that is made with it.
    pub fn done(change: &Change, task: Option<TaskName>, run: Option<RunId>, at: Timestamp) -> Self {
        let kind = if change.role >= Role::Admin { AuditKind::Administered } else { AuditKind::Operated };
        Self { kind, ..Self::entry(change, task, run, Self::DONE, at) }
    }

    /// An entry for a change that was not made. `code` says why.
    pub fn refused(change: &Change, task: Option<TaskName>, run: Option<RunId>, code: &str, at: Timestamp) -> Self {
        Self::entry(change, task, run, code, at)
    }

    fn entry(change: &Change, task: Option<TaskName>, run: Option<RunId>, result: &str, at: Timestamp) -> Self {
        Self {
            kind: AuditKind::Refused,
            at,
            actor: change.actor.to_string(),
            action: change.action.clone(),
            task,
            run,
            result: result.to_owned(),
            request: change.request.clone(),
        }
    }
}
