//! What an attempt is told about itself: as a record for a typed task, as environment variables for a plain program.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::cause::Cause;
use crate::model::run::Run;
use crate::sandbox::bindings::task::sandclock::task::types as wit;

/// What an attempt is told about itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) run: &'a Run,
    pub(crate) attempt: u32,
    pub(crate) deadline: Timestamp,
}

impl Facts<'_> {
    /// The record that a typed task is called with.
    pub(crate) fn run_info(&self) -> wit::RunInfo {
        let Run { id, task, cause, slot, payload, .. } = self.run;
        wit::RunInfo {
            task: task.name.to_string(),
            run_id: id.to_string(),
            cause: match cause {
                Cause::Schedule => wit::Cause::Schedule,
                // To the guest they are the same: the slot it is for has long passed.
                Cause::CatchUp | Cause::Backfill { .. } => wit::Cause::CatchUp,
                Cause::Manual => wit::Cause::Manual,
                Cause::Http | Cause::Webhook { .. } => wit::Cause::Http,
                Cause::After { task, .. } => wit::Cause::After(task.to_string()),
            },
            attempt: self.attempt,
            max_attempts: self.max_attempts(),
            slot: slot.map(|slot| instant(slot.time())),
            timezone: self.timezone(),
            deadline: instant(self.deadline),
            idempotency_key: self.idempotency_key(),
            payload: payload
                .as_ref()
                .map(|payload| wit::Blob { content_type: payload.content_type.clone(), bytes: payload.bytes.clone() }),
        }
    }

    /// How many attempts the run has in all. Interruptions and backfills give it more than its task does.
    fn max_attempts(&self) -> u32 {
        self.run.task.retry.attempts.max(self.attempt)
    }

    /// The variables that a plain program sees, beside those that its task grants.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Run { id, task, cause, slot, payload, .. } = self.run;
        let mut variables = vec![
            ("SANDCLOCK_TASK", task.name.to_string()),
            ("SANDCLOCK_RUN_ID", id.to_string()),
            ("SANDCLOCK_CAUSE", cause.name().to_owned()),
            ("SANDCLOCK_ATTEMPT", self.attempt.to_string()),
            ("SANDCLOCK_MAX_ATTEMPTS", self.max_attempts().to_string()),
            ("SANDCLOCK_TIMEZONE", self.timezone()),
            ("SANDCLOCK_DEADLINE", self.deadline.to_string()),
            ("SANDCLOCK_IDEMPOTENCY_KEY", self.idempotency_key()),
        ];
        variables.extend(slot.map(|slot| ("SANDCLOCK_SLOT", slot.to_string())));
        variables.extend(payload.as_ref().map(|payload| ("SANDCLOCK_CONTENT_TYPE", payload.content_type.clone())));
        variables
    }

    /// All attempts of a run share its id, and no other run has it.
    fn idempotency_key(&self) -> String {
        format!("{}-{}", self.run.task.name, self.run.id)
    }

    /// The zone of the task's schedule; for one that does not speak of civil time, and for a zone without a name, UTC.
    fn timezone(&self) -> String {
        let zone = self.run.task.schedule.zone();
        zone.and_then(TimeZone::iana_name).unwrap_or("UTC").to_owned()
    }
}

/// Whole seconds rounded down, so that the nanoseconds count up also before 1970.
fn instant(time: Timestamp) -> wit::Instant {
    let nanoseconds = time.as_nanosecond();
    let second = 1_000_000_000;
    wit::Instant {
        seconds: i64::try_from(nanoseconds.div_euclid(second)).unwrap_or(i64::MAX),
        nanoseconds: u32::try_from(nanoseconds.rem_euclid(second)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_count_up_on_both_sides_of_1970() {
        for (nanoseconds, expected) in
            [(0, (0, 0)), (1_500_000_000, (1, 500_000_000)), (-1, (-1, 999_999_999)), (-2_000_000_000, (-2, 0))]
        {
            let wit::Instant { seconds, nanoseconds } = instant(Timestamp::from_nanosecond(nanoseconds).unwrap());
            assert_eq!((seconds, nanoseconds), expected);
        }
    }
}
