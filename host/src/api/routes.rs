//! Every route of the API with the role that it takes: the one table that the router, the access rules and the OpenAPI
//! document are made from.

use std::collections::HashMap;

use axum::Router;
use axum::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::events::{Gap, HostEvent};
use super::follow::{FollowedToTheEnd, Lost};
use super::problem::Problem;
use super::service::Service;
use super::view::LoggedLine;
use super::{changes, docs, events, follow, health, plugins, runs, status, tasks, trigger};

/// What whoever asks has to be. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Anyone who can connect.
    Anyone,
    /// May look.
    Read,
    /// May have tasks run, and stop them.
    Operate,
    /// May change how the host is set up.
    Admin,
}

/// A route: its handler, which carries its method and its path, and the role that it takes.
struct Route(Role, UtoipaMethodRouter<Service>);

/// The routes. Whoever adds one decides here who may ask for it.
fn table() -> Vec<Route> {
    use Role::{Anyone, Operate, Read};
    vec![
        Route(Anyone, routes!(health::live)),
        Route(Anyone, routes!(health::ready)),
        Route(Anyone, routes!(docs::page)),
        Route(Anyone, routes!(docs::style)),
        Route(Anyone, routes!(docs::openapi)),
        Route(Read, routes!(status::status)),
        Route(Read, routes!(tasks::list)),
        Route(Read, routes!(tasks::one)),
        Route(Read, routes!(tasks::stats)),
        Route(Read, routes!(follow::task)),
        Route(Operate, routes!(trigger::trigger)),
        Route(Operate, routes!(changes::pause)),
        Route(Operate, routes!(changes::resume)),
        Route(Operate, routes!(changes::backfill)),
        Route(Read, routes!(runs::list)),
        Route(Read, routes!(runs::one)),
        Route(Read, routes!(runs::logs)),
        Route(Operate, routes!(changes::cancel)),
        Route(Operate, routes!(changes::retry)),
        Route(Read, routes!(events::events)),
        Route(Read, routes!(plugins::list)),
    ]
}

/// The document without its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "sandclock",
        description = "cron for WebAssembly: the API of a running host. Errors are problem documents (RFC 9457) whose \
                       `code` keeps its meaning.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem, HostEvent, Gap, LoggedLine, Lost, FollowedToTheEnd)),
    tags(
        (name = "tasks", description = "What is configured, and how it does"),
        (name = "runs", description = "What ran, runs and will run"),
        (name = "host", description = "How the host is"),
    )
)]
struct Document;

/// What the table comes to.
pub(super) struct Routes {
    /// The handlers.
    pub(super) router: Router,
    /// Who may ask for what.
    pub(super) roles: Roles,
}

/// The role that each route takes.
#[derive(Debug, Clone, Default)]
pub struct Roles(HashMap<String, Vec<(Method, Role)>>);

impl Routes {
    /// The routes of a host.
    pub(super) fn of(service: Service) -> Self {
        let (router, document, roles) = all();
        let router = router
            .fallback(async || Problem::no_such_route())
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .with_state(service.with_document(&document));
        Self { router, roles }
    }
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    all().1
}

fn all() -> (Router<Service>, utoipa::openapi::OpenApi, Roles) {
    let mut roles = Roles::default();
    let mut router = OpenApiRouter::with_openapi(Document::openapi());
    for Route(role, handlers) in table() {
        for (path, item) in &handlers.1.paths {
            roles.0.entry(path.clone()).or_default().extend(methods(item).map(|method| (method, role)));
        }
        router = router.routes(handlers);
    }
    let (router, document) = router.split_for_parts();
    (router, document, roles)
}

fn methods(item: &PathItem) -> impl Iterator<Item = Method> {
    let methods = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method)
}

impl Roles {
    /// The role that a request takes, by the path of the route that it matched; none if there is no such route.
    pub fn of(&self, method: &Method, path: &str) -> Option<Role> {
        // What answers GET answers HEAD.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(path)?.iter().find(|(known, _)| known == method).map(|(_, role)| *role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_takes_the_role_that_the_table_says() {
        let (_, document, roles) = all();
        for (path, item) in &document.paths.paths {
            for method in methods(item) {
                let role = roles.of(&method, path).unwrap();
                assert_eq!(role >= Role::Operate, method != Method::GET, "{method} {path}");
            }
        }
        assert_eq!(roles.of(&Method::HEAD, "/healthz"), Some(Role::Anyone));
        assert_eq!(roles.of(&Method::POST, "/healthz"), None);
        assert_eq!(roles.of(&Method::GET, "/elsewhere"), None);
    }
}
