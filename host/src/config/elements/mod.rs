//! The tables of the file, one small file each: its keys, and what model type they become.
//!
//! What is wrong with one value is found when it is read; what is wrong between values, or between the file and the
//! world around it, is found when they are built.

pub(super) mod alerts;
pub(super) mod api;
mod bound;
mod common;
pub(super) mod file;
pub(super) mod grants;
pub(super) mod host;
mod http_grant;
pub(super) mod keyvalue;
pub(super) mod limits;
pub(super) mod misfire;
pub(super) mod observe;
pub(super) mod payload;
pub(super) mod ping;
pub(super) mod proxy;
pub(super) mod retention;
pub(super) mod retry;
pub(super) mod roots;
pub(super) mod schedule;
pub(super) mod secrets;
pub(super) mod task;
pub(super) mod traces;
pub(super) mod webhook;
mod words;

use std::path::Path;

use jiff::tz::TimeZone;

use super::diagnostic::Problems;
use super::folders::Folders;
use super::surroundings::{PluginFiles, Surroundings};
pub(super) use common::Common;
pub(super) use secrets::Secrets;

/// What building needs to know beside the table itself, and where it notes problems.
pub(super) struct Build<'a> {
    pub(super) problems: &'a mut Problems,
    pub(super) around: &'a Surroundings,
    /// The text of the file, to find places within a value.
    pub(super) text: &'a str,
    /// The folder that relative paths start from: that of the file.
    pub(super) root: &'a Path,
    /// The zone of schedules without one of their own.
    pub(super) timezone: TimeZone,
    /// The folders that tasks so far may reach.
    pub(super) folders: Folders,
    /// What is in the plugins folder; none if it cannot be read.
    pub(super) plugins: Option<PluginFiles>,
    /// The secrets of `[secrets]`, by their names, as far as they could be read.
    pub(super) secrets: Secrets,
    /// What tasks so far have that others may have as well.
    pub(super) common: Common,
}
