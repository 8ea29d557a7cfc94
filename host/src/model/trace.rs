//! Trace contexts: of which trace a run is a part, and under which ids its attempts are known, in the form of W3C Trace
//! Context.
//!
//! Ids are derived and not drawn: whoever knows the run and the attempt knows them, before and after a restart.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use crate::model::id::RunId;
use crate::model::run::Run;

/// The id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

/// A place in a trace: what the header `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that what comes next belongs under.
    pub span: SpanId,
    /// Whether the trace is kept, as whoever began it decided.
    pub sampled: bool,
}

/// A text is not the value of a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a traceparent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct TraceContextError;

/// Gives runs and attempts their ids in traces, and says which of them are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceIds {
    salt: [u64; 2],
    sample: Sample,
}

/// Which share of the traces that begin here is kept, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample(u32);

/// A text is not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a share from \"0%\" to \"100%\", of four decimals at the most")]
pub struct SampleError;

impl Sample {
    /// All of them.
    pub const ALL: Sample = Sample(1_000_000);

    /// Whether a trace is kept: by its id alone, so that everybody who asks gets the same answer.
    fn keeps(self, trace: TraceId) -> bool {
        // The lowest 56 bits, which W3C Trace Context says are as good as drawn.
        let drawn = trace.0.get() & ((1 << 56) - 1);
        (drawn * 1_000_000) >> 56 < u128::from(self.0)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 1e4)
    }
}

impl FromStr for Sample {
    type Err = SampleError;

    fn from_str(text: &str) -> Result<Self, SampleError> {
        let number = text.strip_suffix('%').ok_or(SampleError)?.trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(decimals, 4) {
            return Err(SampleError);
        }
        let millionths: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| SampleError)?;
        if millionths > Self::ALL.0 { Err(SampleError) } else { Ok(Self(millionths)) }
    }
}

impl TraceIds {
    /// Ids that differ from those under another salt: run ids alone may be the same on two hosts.
    pub fn new(salt: [u64; 2], sample: Sample) -> Self {
        Self { salt, sample }
    }

    /// The span of a run: in the trace that it was asked for in, or else in one of its own.
    pub fn run(&self, run: &Run) -> TraceContext {
        self.of(run.id, run.trace)
    }

    /// The same of a run of which no more is known than its id, and where it was asked for.
    pub fn of(&self, run: RunId, asked: Option<TraceContext>) -> TraceContext {
        let [high, low] = self.salt.map(|salt| mix(run.as_i64().unsigned_abs() ^ salt));
        let own = TraceId(NonZeroU128::new(u128::from(high) << 64 | u128::from(low)).unwrap_or(NonZeroU128::MIN));
        TraceContext {
            trace: asked.map_or(own, |parent| parent.trace),
            span: span(low),
            sampled: asked.map_or_else(|| self.sample.keeps(own), |parent| parent.sampled),
        }
    }

    /// The span of one of its attempts.
    pub fn attempt(&self, run: &Run, attempt: u32) -> TraceContext {
        let of_run = self.run(run);
        TraceContext { span: span(mix(of_run.span.0.get()) ^ u64::from(attempt)), ..of_run }
    }
}

/// What an attempt tells the peers of its HTTP requests, where it is to be told anything: its own place if traces are
/// kept, else the place that the run was asked for in.
pub fn outgoing(ids: Option<&TraceIds>, run: &Run, attempt: u32) -> Option<TraceContext> {
    ids.map(|ids| ids.attempt(run, attempt)).or(run.trace)
}

fn span(number: u64) -> SpanId {
    SpanId(NonZeroU64::new(mix(number)).unwrap_or(NonZeroU64::MIN))
}

/// SplitMix64's finish: each number becomes another one that looks nothing like it.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl TraceId {
    /// Its bytes, as they go over the wire.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl SpanId {
    /// Its bytes, as they go over the wire.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    /// Versions after 00 may have more behind the flags, and are read as if they had not.
    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            parts.next().filter(|part| part.len() == digits && part.bytes().all(lower)).ok_or(TraceContextError)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let trace = u128::from_str_radix(trace, 16).ok().and_then(NonZeroU128::new).ok_or(TraceContextError)?;
        let span = u64::from_str_radix(span, 16).ok().and_then(NonZeroU64::new).ok_or(TraceContextError)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| TraceContextError)?;
        match (version, parts.next()) {
            ("ff", _) | ("00", Some(_)) => Err(TraceContextError),
            _ => Ok(Self { trace: TraceId(trace), span: SpanId(span), sampled: flags & 1 == 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::model::cause::Cause;
    use crate::model::id::RunId;
    use crate::model::schedule::Schedule;
    use crate::model::task::Task;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn run(id: i64, trace: Option<&str>) -> Run {
        Run {
            id: RunId::from_i64(id).unwrap(),
            task: Arc::new(Task::example("a", Schedule::manual())),
            cause: Cause::Http,
            slot: None,
            payload: None,
            trace: trace.map(|text| text.parse().unwrap()),
            admitted_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        assert_eq!(PARENT.parse::<TraceContext>().unwrap().to_string(), PARENT);
        let check = |text: &str, readable: bool| assert_eq!(text.parse::<TraceContext>().is_ok(), readable, "{text}");
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true);
        check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09-what-comes", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false);
        check("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("", false);
    }

    #[test]
    fn ids_are_the_same_each_time_and_no_two_runs_or_attempts_share_any() {
        let one = TraceIds::new([0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1], Sample::ALL);
        let other = TraceIds::new([0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f], Sample::ALL);
        let mut seen = HashSet::new();
        for id in 0..1000 {
            let run = run(id, None);
            for ids in [one, other] {
                assert!(seen.insert(ids.run(&run).trace.to_string()));
                assert!(seen.insert(ids.run(&run).span.to_string()));
                for attempt in 1..4 {
                    let context = ids.attempt(&run, attempt);
                    assert_eq!(context, ids.attempt(&run, attempt));
                    assert_eq!(context.trace, ids.run(&run).trace);
                    assert!(seen.insert(context.span.to_string()));
                }
            }
        }
    }

    #[test]
    fn a_run_that_was_asked_for_in_a_trace_stays_in_it() {
        let ids = TraceIds::new([1, 2], Sample::ALL);
        let parent: TraceContext = PARENT.parse().unwrap();
        let (asked, own) = (run(1, Some(PARENT)), run(1, None));
        assert_eq!(ids.run(&asked).trace, parent.trace);
        assert_ne!(ids.run(&asked).span, parent.span);
        assert_eq!(outgoing(Some(&ids), &asked, 2), Some(ids.attempt(&asked, 2)));
        assert_eq!(outgoing(None, &asked, 2), Some(parent), "handed on by a host that keeps no traces");
        assert_eq!(outgoing(None, &own, 2), None);
        let unsampled = run(1, Some(&PARENT.replace("-01", "-00")));
        assert!(ids.run(&own).sampled && !ids.run(&unsampled).sampled);
    }

    #[test]
    fn a_share_of_the_traces_that_begin_here_is_kept_and_those_of_others_as_they_say() {
        let ids = |sample: &str| TraceIds::new([0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1], sample.parse().unwrap());
        let kept = |sample: &str| (0..10_000).filter(|id| ids(sample).run(&run(*id, None)).sampled).count();
        assert_eq!((kept("0%"), kept("100%")), (0, 10_000));
        assert!((900..1100).contains(&kept("10%")), "{}", kept("10%"));
        for id in 0..1000 {
            let (few, many) = (ids("10%").run(&run(id, None)), ids("50%").run(&run(id, None)));
            assert!(!few.sampled || many.sampled, "who keeps less keeps a part of the same");
            assert_eq!(few.sampled, ids("10%").attempt(&run(id, None), 2).sampled);
            assert!(ids("0%").run(&run(id, Some(PARENT))).sampled);
            assert!(!ids("100%").run(&run(id, Some(&PARENT.replace("-01", "-00")))).sampled);
        }
    }

    #[test]
    fn a_share_is_written_in_percent() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<Sample>().ok().map(|sample| sample.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("10%", Some("10%"));
        check("0.05 %", Some("0.05%"));
        check("100.0000%", Some("100%"));
        for refused in ["", "%", "10", "0.1", "-1%", "+1%", "101%", "100.0001%", "1.00001%", "1.%", ".5%", "1e1%"] {
            check(refused, None);
        }
    }
}
