//! Every route of the API with what it takes of whoever asks: the one table that the router, the rules of the door and
//! the OpenAPI document are made from.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::routing::post;
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::events::{Gap, HostEvent};
use super::follow::{FollowedToTheEnd, Lost};
use super::guard::{self, About, Needs, hooks};
use super::problem::Problem;
use super::service::Service;
use super::view::LoggedLine;
use super::{
    changes, declared, docs, events, follow, health, metrics, plugins, reload, runs, slots, status, tasks, trigger,
};
use crate::model::access::Role;

/// A route: its handler, which carries its method and its path, and what it takes of whoever asks.
struct Route(Needs, UtoipaMethodRouter<Service>);

/// The routes. Whoever adds one decides here who may ask for it.
fn table() -> Vec<Route> {
    use About::{Host, Run, Task, Visible};
    use Role::{Admin, Operate, Read};
    let needs = Needs::of;
    vec![
        Route(Needs::OPEN, routes!(health::live)),
        Route(Needs::OPEN, routes!(health::ready)),
        Route(Needs::OPEN, routes!(docs::page)),
        Route(Needs::OPEN, routes!(docs::style)),
        Route(Needs::OPEN, routes!(docs::openapi)),
        Route(needs(Read, Host), routes!(status::status)),
        Route(needs(Read, Visible), routes!(tasks::list)),
        Route(needs(Read, Task), routes!(tasks::one)),
        Route(needs(Read, Task), routes!(tasks::stats)),
        Route(needs(Read, Visible), routes!(tasks::summaries)),
        Route(needs(Read, Visible), routes!(slots::list)),
        Route(needs(Read, Task), routes!(follow::task)),
        Route(needs(Operate, Task), routes!(trigger::trigger)),
        Route(needs(Operate, Task), routes!(changes::pause)),
        Route(needs(Operate, Task), routes!(changes::resume)),
        Route(needs(Operate, Task), routes!(changes::backfill)),
        Route(needs(Read, Visible), routes!(runs::list)),
        Route(needs(Read, Run), routes!(runs::one)),
        Route(needs(Read, Run), routes!(runs::logs)),
        Route(needs(Operate, Run), routes!(changes::cancel)),
        Route(needs(Operate, Run), routes!(changes::retry)),
        Route(needs(Read, Visible), routes!(events::events)),
        Route(needs(Read, Host), routes!(plugins::list)),
        Route(needs(Read, Host), routes!(metrics::scrape)),
        Route(needs(Admin, Host), routes!(reload::reload)),
        Route(needs(Admin, Host), routes!(guard::routes::list)),
        Route(needs(Admin, Host), routes!(guard::routes::create)),
        Route(needs(Admin, Host), routes!(guard::routes::revoke)),
        Route(needs(Admin, Host), routes!(guard::routes::audit)),
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
        (name = "access", description = "Who may do what, and who did"),
    )
)]
struct Document;

/// What the table comes to.
pub(super) struct Routes {
    /// The handlers.
    pub(super) router: Router,
    /// Who may ask for what.
    pub(super) table: Arc<Table>,
    /// What the handlers work with.
    pub(super) service: Service,
}

/// What each route takes of whoever asks.
#[derive(Debug, Default)]
pub(super) struct Table(HashMap<String, Vec<(Method, Needs)>>);

impl Routes {
    /// The routes of a host. Webhooks are beside the table: which there are, the configuration says.
    pub(super) fn of(service: Service) -> Self {
        let (router, document, table) = all();
        let service = service.with_document(&document);
        let router = router
            .route(hooks::ROUTE, post(hooks::hook))
            .fallback(async || Problem::no_such_route())
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .with_state(service.clone());
        Self { router, table: Arc::new(table), service }
    }
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    all().1
}

fn all() -> (Router<Service>, utoipa::openapi::OpenApi, Table) {
    let mut known = Table::default();
    let mut document = Document::openapi();
    declared::declare_tokens(&mut document);
    let mut router = OpenApiRouter::with_openapi(document);
    for Route(needs, mut handlers) in table() {
        for (path, item) in &mut handlers.1.paths {
            known.0.entry(path.clone()).or_default().extend(methods(item).map(|method| (method, needs)));
            declared::declare(item, needs);
        }
        router = router.routes(handlers);
    }
    let (router, document) = router.split_for_parts();
    (router, document, known)
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

impl Table {
    /// What a request takes, by the path of the route that it matched. A route that is not in the table is nobody's but an
    /// administrator's.
    pub(super) fn needs(&self, method: &Method, path: &str) -> Needs {
        // What answers GET answers HEAD.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(known) = self.0.get(path) else { return Needs::of(Role::Admin, About::Host) };
        // A method that it does not have is answered as such.
        known.iter().find(|(known, _)| known == method).map_or(Needs::OPEN, |(_, needs)| *needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_of_each_route_what_the_table_says() {
        let (_, document, table) = all();
        let document = serde_json::to_value(&document).unwrap();
        assert_eq!(document["components"]["securitySchemes"][declared::TOKEN]["scheme"], "bearer");
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let needs = table.needs(&method.to_uppercase().parse().unwrap(), path);
                let taken = operation["security"][0][declared::TOKEN][0].as_str();
                assert_eq!(taken, needs.role.map(Role::name), "{method} {path}");
                let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
                assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{method} {path}");
            }
        }
    }

    /// Programs that are made from the document name their functions so.
    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = serde_json::to_value(document()).unwrap();
        let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap());
        let mut names: Vec<&str> = operations.map(|(_, of)| of["operationId"].as_str().unwrap()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }

    #[test]
    fn whoever_may_only_look_changes_nothing_and_what_is_about_a_task_says_so() {
        let (_, document, table) = all();
        for (path, item) in &document.paths.paths {
            for method in methods(item) {
                let Needs { role, about } = table.needs(&method, path);
                assert_eq!(
                    role >= Some(Role::Operate),
                    method != Method::GET || role == Some(Role::Admin),
                    "{method} {path}"
                );
                assert_eq!(about == About::Task, path.contains("{task}"), "{method} {path}");
                assert_eq!(about == About::Run, path.contains("{run}"), "{method} {path}");
            }
        }
        assert_eq!(table.needs(&Method::HEAD, "/healthz"), Needs::OPEN);
        assert_eq!(table.needs(&Method::POST, "/healthz"), Needs::OPEN);
        assert_eq!(table.needs(&Method::GET, "/elsewhere"), Needs::of(Role::Admin, About::Host));
    }
}
