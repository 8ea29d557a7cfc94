//! What a task is told about the attempt it is.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Blob, PayloadError, Timestamp, payload};

/// Why a run exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its slot came due.
    Schedule,
    /// Its slot was missed while the host was down or asleep, and the task's misfire policy runs it late.
    CatchUp,
    /// A person asked for it on the command line.
    Manual,
    /// Somebody asked for it over HTTP.
    Http,
    /// The named task succeeded; the payload is what it put out, or the task's own if that was nothing.
    After(String),
}

/// One attempt of a run, as the host describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub(crate) task: String,
    pub(crate) id: String,
    pub(crate) cause: Cause,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) slot: Option<Timestamp>,
    pub(crate) timezone: String,
    pub(crate) deadline: Timestamp,
    pub(crate) idempotency_key: String,
    pub(crate) payload: Option<Blob>,
}

impl Run {
    /// The name of the task in the configuration.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The run's id, unique for ever. All attempts of a run share it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Why the run exists.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Which attempt of the run this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many attempts the run may have in all.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// When the run was due; none for a run without a slot, such as one that a person started.
    ///
    /// Use this, not the current time, to decide what the run is about ("yesterday's report"): a late or repeated run
    /// then does the same work.
    pub fn slot(&self) -> Option<Timestamp> {
        self.slot
    }

    /// The task's time zone, an IANA name such as `Europe/Berlin`.
    pub fn timezone(&self) -> &str {
        &self.timezone
    }

    /// When the host ends the attempt, whatever it is doing.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// How long it is until the deadline; zero after it. A task that works through a list can stop in time by it.
    ///
    /// # Panics
    ///
    /// Where there is no clock: on `wasm32-unknown-unknown`.
    pub fn time_left(&self) -> Duration {
        self.deadline.since(Timestamp::now())
    }

    /// The same over all attempts of a run, and different for every other run: hand it to services that can recognise
    /// a repeated request.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// What the run works on, read as JSON.
    ///
    /// No payload reads as `null`: ask for an `Option` where a payload may be left out.
    ///
    /// # Errors
    ///
    /// If there is no payload, or it is not what `T` expects; the error says where in it, and what was wrong.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        payload::parse(self.payload.as_ref())
    }

    /// What the run works on, as text; none if it was given nothing.
    ///
    /// # Errors
    ///
    /// If the payload is not UTF-8.
    pub fn payload_text(&self) -> Result<Option<&str>, PayloadError> {
        payload::text(self.payload.as_ref())
    }

    /// What the run works on, as it came; none if it was given nothing.
    pub fn raw_payload(&self) -> Option<&Blob> {
        self.payload.as_ref()
    }

    /// A run to hand to a task in a unit test.
    ///
    /// It is the first of three attempts of a task called `test` that a person started, in UTC, without a payload, with
    /// a minute left until the deadline.
    ///
    /// ```
    /// use sandclock::{Cause, Run};
    ///
    /// let run = Run::test().slot("2026-11-23T09:00:00Z").payload(&["a", "b"]).attempt(2).build();
    /// assert_eq!(run.cause(), &Cause::Schedule);
    /// assert_eq!(run.payload::<Vec<String>>().unwrap(), ["a", "b"]);
    /// ```
    pub fn test() -> TestRun {
        TestRun(Run {
            task: "test".to_owned(),
            id: "01KB2M8Q4Z7XN".to_owned(),
            cause: Cause::Manual,
            attempt: 1,
            max_attempts: 3,
            slot: None,
            timezone: "UTC".to_owned(),
            deadline: Timestamp::now() + Duration::from_secs(60),
            idempotency_key: "test-01KB2M8Q4Z7XN".to_owned(),
            payload: None,
        })
    }
}

/// A run in the making, for a unit test: see [`Run::test`].
#[derive(Debug, Clone)]
#[must_use = "`.build()` makes the run"]
pub struct TestRun(Run);

impl TestRun {
    /// The name of the task.
    pub fn task(mut self, task: &str) -> Self {
        task.clone_into(&mut self.0.task);
        self
    }

    /// When the run was due, in RFC 3339; the cause becomes [`Cause::Schedule`].
    ///
    /// # Panics
    ///
    /// If the text is not a time.
    #[track_caller]
    pub fn slot(mut self, slot: &str) -> Self {
        match slot.parse() {
            Ok(slot) => self.0.slot = Some(slot),
            Err(error) => panic!("{error}"),
        }
        self.0.cause = Cause::Schedule;
        self
    }

    /// Why the run exists.
    pub fn cause(mut self, cause: Cause) -> Self {
        self.0.cause = cause;
        self
    }

    /// Which attempt this is, from 1.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt;
        self.0.max_attempts = self.0.max_attempts.max(attempt);
        self
    }

    /// The task's time zone.
    pub fn timezone(mut self, timezone: &str) -> Self {
        timezone.clone_into(&mut self.0.timezone);
        self
    }

    /// How long it is until the deadline.
    pub fn time_left(mut self, time: Duration) -> Self {
        self.0.deadline = Timestamp::now() + time;
        self
    }

    /// What is the same over all attempts.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.0.idempotency_key);
        self
    }

    /// What the run works on, as JSON.
    ///
    /// # Panics
    ///
    /// If the value has no JSON form.
    #[track_caller]
    pub fn payload(self, payload: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(payload) {
            Ok(bytes) => self.raw_payload("application/json", bytes),
            Err(error) => panic!("the payload has no JSON form: {error}"),
        }
    }

    /// What the run works on, as it is.
    pub fn raw_payload(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.payload = Some(Blob { content_type: content_type.to_owned(), bytes: bytes.into() });
        self
    }

    /// The run.
    pub fn build(self) -> Run {
        self.0
    }
}
