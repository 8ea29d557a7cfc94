//! Tokens, and the audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::access::{Role, TaskPattern};
use crate::model::{access, audit};

/// What is known of a token. The token itself is shown once, when it is made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Token {
    /// What it is called.
    pub name: String,
    /// What whoever brings it may do: `read`, `operate` or `admin`.
    #[schema(example = "operate")]
    pub role: &'static str,
    /// Patterns for the names of the tasks that it is for; none if it is for everything.
    pub tasks: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// From when on it is worth nothing; null if it does not expire.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// About when it was last used, to ten minutes; null if it never was.
    #[schema(format = DateTime)]
    pub used_at: Option<String>,
}

/// A token that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is to be called.
    #[schema(example = "ci", pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    pub name: String,
    /// What whoever brings it may do: `read`, `operate` or `admin`.
    #[schema(example = "operate", pattern = "^(read|operate|admin)$")]
    pub role: String,
    /// Patterns for the names of the tasks that it is for; none for everything.
    #[serde(default)]
    #[schema(value_type = Vec<Pattern>)]
    pub tasks: Vec<String>,
    /// From when on it is worth nothing; null if it does not expire.
    #[schema(format = DateTime)]
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A pattern for names of tasks: `*` stands for any characters, `?` for one.
#[derive(ToSchema)]
#[schema(value_type = String, example = "report-*", pattern = "^[A-Za-z0-9_.*?-]{1,64}$")]
#[expect(dead_code, reason = "only its description is used")]
struct Pattern(String);

/// A token that was made.
#[derive(Clone, Serialize, ToSchema)]
pub struct MadeToken {
    /// The token. It is kept nowhere, so this is the only time that it is shown.
    #[schema(example = "sclk_…")]
    pub secret: String,
    /// What is known of it.
    pub token: Token,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Audited {
    /// When it was decided.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who asked: `uid 1000`, `token ci`, `webhook /hooks/deploy`.
    #[schema(example = "token ci")]
    pub actor: String,
    /// What for: a method and a route, or a command; behind it what else there is to say, such as the name of a token.
    #[schema(example = "POST /api/v1/tasks/{task}/pause")]
    pub action: String,
    /// The task it is about, if it is about one.
    pub task: Option<String>,
    /// The run it is about, or that came of it.
    pub run: Option<String>,
    /// `done`, or the code of the problem for which it was refused.
    #[schema(example = "done")]
    pub result: String,
    /// The request: what its answer has in `x-request-id`.
    pub request: String,
}

impl From<&access::Token> for Token {
    fn from(token: &access::Token) -> Self {
        Self {
            name: token.name.to_string(),
            role: Role::name(token.role),
            tasks: token.scope.patterns().iter().map(TaskPattern::as_str).map(str::to_owned).collect(),
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            used_at: token.used_at.map(|at| at.to_string()),
        }
    }
}

impl From<&audit::Audited> for Audited {
    fn from(audited: &audit::Audited) -> Self {
        Self {
            at: audited.at.to_string(),
            actor: audited.actor.clone(),
            action: audited.action.clone(),
            task: audited.task.as_ref().map(ToString::to_string),
            run: audited.run.map(|run| run.to_string()),
            result: audited.result.clone(),
            request: audited.request.clone(),
        }
    }
}
