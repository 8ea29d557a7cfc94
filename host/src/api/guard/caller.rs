//! Who asks, as handlers get to know it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;

use crate::api::problem::Problem;
use crate::api::service::Service;
use crate::daemon::Handle;
use crate::model::access::Scope;
use crate::model::audit::{Actor, Change};
use crate::model::id::TaskName;

/// Who asks, and for what. Every request that was let in carries one.
#[derive(Debug, Clone)]
pub(in crate::api) struct Caller(pub(super) Arc<Asked>);

#[derive(Debug)]
pub(super) struct Asked {
    /// The tasks that whoever asks may see.
    pub(super) scope: Scope,
    /// Who asks for what, as the audit log has it.
    pub(super) change: Arc<Change>,
}

impl Caller {
    /// Whether whoever asks may see or touch a task.
    pub(in crate::api) fn covers(&self, task: &TaskName) -> bool {
        self.0.scope.covers(task)
    }

    /// Whether whoever asks may see what is of this task, or of none.
    pub(in crate::api) fn sees(&self, task: Option<&TaskName>) -> bool {
        task.map_or(*self.scope() == Scope::Everything, |task| self.covers(task))
    }

    /// The tasks that whoever asks may see.
    pub(in crate::api) fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Who it is.
    pub(in crate::api) fn actor(&self) -> &Actor {
        &self.0.change.actor
    }

    /// What is asked for, for the audit log.
    pub(in crate::api) fn change(&self) -> &Arc<Change> {
        &self.0.change
    }

    /// The same for what is neither a task nor a run, and is to be named in the audit log all the same.
    pub(in crate::api) fn change_of(&self, what: String) -> Change {
        let change = &**self.change();
        Change { action: format!("{} {what}", change.action), ..change.clone() }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A route without the guard before it is a mistake of ours, and nobody's to use.
        parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::unguarded)
    }
}

/// The daemon, asked on behalf of whoever sent the request: what it changes is in the audit log.
pub(in crate::api) struct OnBehalf(pub(in crate::api) Handle);

impl FromRequestParts<Service> for OnBehalf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, service).await?;
        Ok(Self(service.daemon.on_behalf(caller.change().clone())))
    }
}

/// The route that a request goes to, as it stands in the table.
pub(super) fn route(parts: &Parts) -> Option<&str> {
    parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}
