//! The problems of those who are not let in. What they say helps whoever may come in, and nobody else.

use super::secret::NoRandomness;
use crate::api::problem::{Kind, Problem};
use crate::model::access::Role;

impl Problem {
    /// It takes a token, and none was brought.
    pub(super) fn no_token() -> Self {
        Kind::NO_TOKEN
            .with("this needs a token in the header `Authorization: Bearer …`; `sandclock token create` makes one")
    }

    /// What was brought is no token, or was one.
    pub(super) fn wrong_token() -> Self {
        Kind::WRONG_TOKEN.with("what was brought is no token of this host, or was revoked, or has expired")
    }

    /// The token's role does not do.
    pub(super) fn role_needed(role: Role) -> Self {
        Kind::FORBIDDEN.with(format!("this needs a token with the role `{role}`"))
    }

    /// The token is for some tasks, and this is about all.
    pub(super) fn beyond_scope() -> Self {
        Kind::FORBIDDEN.with("this is about the whole host, and the token is for some of its tasks")
    }

    /// A page of another origin made a browser ask.
    pub(super) fn foreign_page() -> Self {
        Kind::FOREIGN_PAGE.with("a page of another origin asks for this, which only pages of this host may")
    }

    /// It was sent to a name that is not this machine's.
    pub(super) fn foreign_name() -> Self {
        Kind::FOREIGN_NAME
            .with("without a token, the host is asked by `localhost` or its address, and by no other name")
    }

    /// Too many requests.
    pub(super) fn too_many_requests(seconds: u64) -> Self {
        let problem = Kind::TOO_MANY_REQUESTS.with(format!("too many requests; ask again in {seconds} s"));
        Self { retry_after: Some(seconds), ..problem }
    }

    /// A request came past the door, or from nobody: a mistake of ours, and answered with nothing.
    pub(super) fn unguarded() -> Self {
        Kind::UNGUARDED.with("nobody knows who asks for this")
    }

    /// No token can be made.
    pub(super) fn no_randomness(error: NoRandomness) -> Self {
        Kind::UNGUARDED.with(error)
    }

    /// There is a token of that name.
    pub(super) fn token_exists(name: impl ToString) -> Self {
        let name = name.to_string();
        Kind::TOKEN_EXISTS.with(format!("there is a token {name} already; revoke it first, or choose another name"))
    }

    /// There is no token of that name.
    pub(super) fn no_such_token(name: impl ToString) -> Self {
        Kind::NO_SUCH_TOKEN.with(format!("there is no token {}", name.to_string()))
    }

    /// There are as many tokens as there may be.
    pub(super) fn too_many_tokens(most: usize) -> Self {
        Kind::TOO_MANY_TOKENS.with(format!("there are {most} tokens, and no more are kept; revoke some first"))
    }

    /// A webhook's request is not believed; which of the reasons it is, only the host's log says.
    pub(super) fn hook_refused() -> Self {
        Kind::WEBHOOK_REFUSED
            .with("there is no such webhook, or the signature is missing, wrong or too old; the host's log says which")
    }
}
