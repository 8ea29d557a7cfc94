//! Answers that go on for as long as somebody listens: they end when the token that asked for them is worth nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt;

use super::Guard;
use crate::clock;
use crate::model::access::Token;

/// Ends an answer with its token, if it is one that goes on.
pub(super) fn bounded(response: Response, guard: &Arc<Guard>, token: Arc<Token>) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    let end = until_worthless(guard.clone(), token);
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(end))))
}

async fn until_worthless(guard: Arc<Guard>, token: Arc<Token>) {
    let mut revoked = guard.tokens.revoked();
    let expired = async {
        match token.expires_at {
            Some(expires) => tokio::time::sleep(clock::until(expires, guard.clock.now())).await,
            None => std::future::pending().await,
        }
    };
    let revoked = async {
        // It may have been revoked since it was let in.
        while guard.tokens.holds(&token) {
            // The other end is as old as the host.
            if revoked.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = expired => {}
        () = revoked => {}
    }
}
