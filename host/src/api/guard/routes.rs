//! `/api/v1/tokens` and `/api/v1/audit`: who may do what, and who did.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::secret::Secret;
use super::tokens::MOST;
use crate::api::input::{Asks, Body};
use crate::api::problem::Problem;
use crate::api::service::Service;
use crate::api::shown::{Answer, Shown, found};
use crate::api::view;
use crate::ledger::Access;
use crate::model::access::{Scope, Token};
use crate::model::id::TokenName;

/// How many entries of the audit log are told at the most.
const MOST_ENTRIES: u32 = 10_000;

/// The tokens.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Tokens {
    /// The tokens, by name.
    tokens: Vec<view::Token>,
}

/// A token that is worth nothing any more.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct RevokedToken {
    /// The token.
    name: String,
}

/// Entries of the audit log.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct AuditLog {
    /// The entries, newest first.
    entries: Vec<view::Audited>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct AuditQuery {
    /// How many at the most; 100 unless said otherwise.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// The tokens, and what whoever brings them may do
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "list_tokens",
    tag = "access",
    responses(
        (status = 200, description = "The tokens", body = Tokens),
    )
)]
pub(in crate::api) async fn list(State(service): State<Service>) -> Answer<Tokens> {
    found(Tokens { tokens: service.guard.tokens.all().iter().map(Into::into).collect() })
}

/// Makes a token
///
/// The token itself is in this answer and nowhere else: the host keeps its SHA-256.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "create_token",
    tag = "access",
    request_body = view::NewToken,
    responses(
        (status = 201, description = "The token", body = view::MadeToken),
    )
)]
pub(in crate::api) async fn create(
    State(service): State<Service>,
    caller: Caller,
    Body(body): Body,
) -> Answer<view::MadeToken> {
    let wanted: view::NewToken = serde_json::from_slice(&body).map_err(Problem::malformed)?;
    let name: TokenName = wanted.name.parse().map_err(Problem::malformed)?;
    let patterns = wanted.tasks.iter().map(|pattern| pattern.parse()).collect::<Result<Vec<_>, _>>();
    let expires_at = wanted.expires_at.map(|at| at.parse::<Timestamp>()).transpose().map_err(Problem::malformed)?;
    let secret = Secret::new().map_err(Problem::no_randomness)?;
    let token = Token {
        name: name.clone(),
        digest: secret.digest(),
        role: wanted.role.parse().map_err(Problem::malformed)?,
        scope: Scope::of(patterns.map_err(Problem::malformed)?),
        created_at: service.clock.now(),
        expires_at,
        used_at: None,
    };
    let tokens = &service.guard.tokens;
    let _changing = service.guard.changing.lock().await;
    if tokens.has(&name) {
        return Err(Problem::token_exists(name));
    }
    if tokens.count() >= MOST {
        return Err(Problem::too_many_tokens(MOST));
    }
    let change = caller.change_of(format!("{name} ({})", token.role));
    service.daemon.on_behalf(change).access(Access::TokenMade(Arc::new(token.clone()))).await??;
    let shown = view::Token::from(&token);
    tokens.add(token);
    Ok(Shown(StatusCode::CREATED, view::MadeToken { secret: secret.reveal().to_owned(), token: shown }))
}

/// Makes a token worthless, at once
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{name}/revoke",
    operation_id = "revoke_token",
    tag = "access",
    params(("name" = String, Path, description = "The token", pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")),
    responses(
        (status = 200, description = "It is worth nothing any more", body = RevokedToken),
    )
)]
pub(in crate::api) async fn revoke(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<RevokedToken> {
    let name: TokenName = name.parse().map_err(Problem::malformed)?;
    let _changing = service.guard.changing.lock().await;
    if !service.guard.tokens.has(&name) {
        return Err(Problem::no_such_token(name));
    }
    service.daemon.on_behalf(caller.change_of(name.to_string())).access(Access::TokenRevoked(name.clone())).await??;
    service.guard.tokens.remove(&name);
    found(RevokedToken { name: name.to_string() })
}

/// Who changed what, newest first
///
/// Changes are here once they are made, since the same transaction makes both. What was refused may come a moment later.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "access",
    params(AuditQuery),
    responses(
        (status = 200, description = "The newest entries", body = AuditLog),
    )
)]
pub(in crate::api) async fn audit(State(service): State<Service>, Asks(query): Asks<AuditQuery>) -> Answer<AuditLog> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=MOST_ENTRIES).contains(&limit) {
        return Err(Problem::malformed(format!("limit is 1 to {MOST_ENTRIES}")));
    }
    let entries = service.readers.ask(move |reader| reader.audit(limit)).await?;
    found(AuditLog { entries: entries.iter().map(Into::into).collect() })
}
