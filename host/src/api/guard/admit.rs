//! The door that every request goes through, before any handler sees it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::admission::{About, Admitted, Brought, Denied, Entrance, Needs, decide};
use super::browser::{self, Foreign, Names};
use super::caller::{Asked, Caller, route};
use super::headers::dress;
use super::{Guard, hooks, secret, streams};
use crate::api::problem::Problem;
use crate::api::routes::{Routes, Table};
use crate::api::server::Peer;
use crate::api::service::Service;
use crate::daemon::Refusal;
use crate::ledger::Access;
use crate::model::access::{Role, Scope, Token};
use crate::model::audit::{Actor, Audited, Change};
use crate::model::id::{RunId, TaskName};

/// How a listener is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Reached {
    /// Over the control socket.
    BySocket,
    /// From this machine alone.
    OnLoopback,
    /// From elsewhere as well.
    FromElsewhere,
}

/// What the door of one listener works with.
#[derive(Clone)]
struct Gate {
    table: Arc<Table>,
    service: Service,
    reached: Reached,
}

/// The routes as a listener serves them: nothing gets past the door, not even what matches no route.
pub(in crate::api) fn guarded(routes: &Routes, reached: Reached) -> Router {
    let gate = Gate { table: routes.table.clone(), service: routes.service.clone(), reached };
    routes.router.clone().layer(from_fn_with_state(gate, admit))
}

/// Lets a request in or answers why not. Every answer goes out through here.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let id = format!("{:016x}", fastrand::u64(..));
    let (mut parts, body) = request.into_parts();
    let response = match gate.look_at(&mut parts, &id).await {
        Ok((caller, token)) => {
            parts.extensions.insert(caller);
            let response = next.run(Request::from_parts(parts, body)).await;
            match token {
                Some(token) => streams::bounded(response, &gate.service.guard, token),
                None => response,
            }
        }
        Err(problem) => problem.into_response(),
    };
    dress(response, &id)
}

impl Gate {
    /// Who asks, and the token that shows it if there is one.
    async fn look_at(&self, parts: &mut Parts, id: &str) -> Result<(Caller, Option<Arc<Token>>), Problem> {
        let entrance = self.entrance(parts)?;
        let brought = match entrance {
            Entrance::Socket { .. } => Brought::Nothing,
            Entrance::Loopback | Entrance::Beyond => {
                let brought = self.brought(&parts.headers);
                keep_pages_out(parts, entrance, &brought)?;
                let now = self.guard().clock.monotonic();
                self.guard()
                    .may_ask(brought.token().map(|token| &**token), address(parts), now)
                    .map_err(Problem::too_many_requests)?;
                brought
            }
        };
        let needs = self.needs(parts);
        let caller = |Admitted { actor, scope }| {
            let action = format!("{} {}", parts.method, route(parts).unwrap_or("?"));
            let role = needs.role.unwrap_or(Role::Operate);
            let change = Arc::new(Change { actor, role, action, request: id.to_owned() });
            Caller(Arc::new(Asked { scope, change }))
        };
        match decide(needs, entrance, &brought, self.guard().tokens.issued()) {
            Ok(admitted) => {
                let caller = caller(admitted);
                if *caller.scope() != Scope::Everything {
                    self.keep_to_scope(parts, needs.about, &caller).await?;
                }
                Ok((caller, brought.token().cloned()))
            }
            Err(denied) => {
                if let Some(token) = brought.token() {
                    let actor = Actor::Token(token.name.clone());
                    self.note_denied(&caller(Admitted { actor, scope: Scope::Everything }));
                }
                Err(self.denied(denied, address(parts)))
            }
        }
    }

    fn guard(&self) -> &Guard {
        &self.service.guard
    }

    fn entrance(&self, parts: &Parts) -> Result<Entrance, Problem> {
        match self.reached {
            Reached::OnLoopback => Ok(Entrance::Loopback),
            Reached::FromElsewhere => Ok(Entrance::Beyond),
            // If the kernel did not say who it is, nobody could say who changed something.
            Reached::BySocket => {
                let uid = parts.extensions.get::<Arc<Peer>>().and_then(|peer| peer.uid);
                uid.map(|uid| Entrance::Socket { uid }).ok_or_else(Problem::unguarded)
            }
        }
    }

    fn needs(&self, parts: &Parts) -> Needs {
        let Some(path) = route(parts) else { return Needs::OPEN };
        if path == hooks::ROUTE || self.guard().settings.open.iter().any(|open| open.path() == path) {
            return Needs::OPEN;
        }
        self.table.needs(&parts.method, path)
    }

    fn brought(&self, headers: &HeaderMap) -> Brought {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Brought::Nothing };
        let only = values.next().is_none();
        let token = Some(value).filter(|_| only).and_then(bearer);
        match token.and_then(secret::recognise).and_then(|digest| self.guard().recognise(&digest)) {
            Some(token) => Brought::Token(token),
            None => Brought::Wrong,
        }
    }

    /// Whoever may touch some tasks only does not learn of others that they are there.
    async fn keep_to_scope(&self, parts: &mut Parts, about: About, caller: &Caller) -> Result<(), Problem> {
        let params = RawPathParams::from_request_parts(parts, &()).await.map_err(Problem::malformed)?;
        let named = |name: &str| params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        match about {
            About::Task => match named("task").and_then(|task| task.parse::<TaskName>().ok()) {
                Some(task) if !caller.covers(&task) => Err(Refusal::NoSuchTask.into()),
                // What is no name is the handler's to answer.
                _ => Ok(()),
            },
            About::Run => {
                let Some(run) = named("run").and_then(|run| run.parse::<RunId>().ok()) else { return Ok(()) };
                match self.service.readers.ask(move |reader| reader.run(run)).await? {
                    Some(found) if !caller.covers(&found.task) => Err(Problem::no_such_run(run)),
                    _ => Ok(()),
                }
            }
            About::Visible | About::Host => Ok(()),
        }
    }

    fn denied(&self, denied: Denied, peer: IpAddr) -> Problem {
        match denied {
            Denied::NoToken => Problem::no_token(),
            Denied::WrongToken => match self.guard().failed(peer) {
                Ok(()) => {
                    tracing::warn!(%peer, "a request brought a token that is worth nothing");
                    Problem::wrong_token()
                }
                Err(seconds) => Problem::too_many_requests(seconds),
            },
            Denied::Role(role) => Problem::role_needed(role),
            Denied::Scope => Problem::beyond_scope(),
        }
    }

    fn note_denied(&self, caller: &Caller) {
        let audited = Audited::refused(caller.change(), None, None, "forbidden", self.guard().clock.now());
        self.guard().daemon.note(Access::Audited(Arc::new(audited)));
    }
}

fn keep_pages_out(parts: &Parts, entrance: Entrance, brought: &Brought) -> Result<(), Problem> {
    // Whoever brings a token shows by that who it is. Without one, that it comes from this machine is all there is.
    let by_machine = entrance == Entrance::Loopback && brought.token().is_none() && route(parts) != Some(hooks::ROUTE);
    let names = if by_machine { Names::OfThisMachine } else { Names::Any };
    browser::check(&parts.method, &parts.uri, &parts.headers, names).map_err(|foreign| match foreign {
        Foreign::Page => Problem::foreign_page(),
        Foreign::Name => Problem::foreign_name(),
    })
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The address at the other end.
fn address(parts: &Parts) -> IpAddr {
    let address = parts.extensions.get::<Arc<Peer>>().and_then(|peer| peer.address);
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
