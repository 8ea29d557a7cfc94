//! Who may ask for what, by how they came here: whoever opens the control socket is the host's user and may do all, the
//! network may look.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::problem::Kind;
use super::routes::{Role, Roles, Routes};

/// The routes as the network gets them.
pub(super) fn over_the_network(routes: &Routes) -> Router {
    routes.router.clone().layer(from_fn_with_state(Arc::new(routes.roles.clone()), admit))
}

async fn admit(State(roles): State<Arc<Roles>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    // What matches no route is answered as such.
    let role = path.and_then(|path| roles.of(request.method(), path.as_str())).unwrap_or(Role::Anyone);
    if role > Role::Read {
        return Kind::NOT_OVER_THE_NETWORK.with("this is asked for over the control socket").into_response();
    }
    next.run(request).await
}
