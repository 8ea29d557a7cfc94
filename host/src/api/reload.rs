//! `POST /api/v1/reload`: reads the configuration anew, and answers with what that changes.

use serde::Deserialize;
use utoipa::IntoParams;

use super::guard::OnBehalf;
use super::input::Asks;
use super::shown::{Answer, found};
use super::view;
use crate::daemon::reload::ReloadMode;

/// What a reload is asked for with.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Only the plan is of interest: nothing is changed.
    #[serde(default)]
    dry_run: bool,
}

/// Reads the configuration and the plugins anew, and takes them if nothing is wrong with them
#[utoipa::path(
    post,
    path = "/api/v1/reload",
    tag = "host",
    params(Parameters),
    responses(
        (status = 200, description = "What it changes", body = view::Plan),
    )
)]
pub(super) async fn reload(
    OnBehalf(daemon): OnBehalf,
    Asks(Parameters { dry_run }): Asks<Parameters>,
) -> Answer<view::Plan> {
    let mode = if dry_run { ReloadMode::DryRun } else { ReloadMode::Apply };
    let plan = daemon.reload(mode).await??;
    found(view::Plan::of(&plan, dry_run))
}
