//! Slots that are to come.

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::upcoming::{self, Upcoming};

/// A slot that is to come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Slot {
    /// The task.
    pub task: String,
    /// When it is due, in UTC.
    #[schema(format = DateTime)]
    pub due: String,
    /// The same in the zone of the task, with the offset that holds then.
    #[schema(format = DateTime)]
    pub local: String,
    /// The zone.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// How the clocks of the zone were changed shortly before.
    pub clocks: Option<ClockChange>,
}

/// A change of a zone's clocks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClockChange {
    /// `skip`: the clocks do not show these times; `repeat`: they show them twice.
    #[schema(example = "skip")]
    pub change: &'static str,
    /// The first of these times.
    pub from: String,
    /// The first time after them.
    pub to: String,
}

impl Slot {
    /// A slot, of a task in this zone if it has none of its own.
    pub fn new(next: &Upcoming<'_>, zone: &TimeZone) -> Self {
        let local = local(next, zone);
        Self {
            task: next.task.name.to_string(),
            due: next.slot.to_string(),
            local: local.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string(),
            timezone: zone_name(&local),
            clocks: next.change.map(ClockChange::from),
        }
    }
}

impl From<upcoming::ClockChange> for ClockChange {
    fn from(change: upcoming::ClockChange) -> Self {
        let (change, from, to) = change.parts();
        Self { change, from: from.to_string(), to: to.to_string() }
    }
}

/// A slot as the clocks show it in the zone of its task, or in this one.
pub fn local(next: &Upcoming<'_>, zone: &TimeZone) -> Zoned {
    next.slot.time().to_zoned(next.task.schedule.zone().unwrap_or(zone).clone())
}

/// What a time's zone is called.
pub fn zone_name(time: &Zoned) -> String {
    match time.time_zone().iana_name() {
        Some(name) => name.to_owned(),
        None => time.strftime("%:z").to_string(),
    }
}
