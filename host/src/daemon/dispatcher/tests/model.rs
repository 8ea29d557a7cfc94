//! Any sequence of events against a small model: what may start, what is retried, what is never done twice.
//!
//! [`Op`] is what can happen, [`world`] lets it happen, [`meddling`] has what people do, and [`promises`] what holds.

mod durable;
mod meddling;
mod promises;
mod reloads;
mod world;

use std::num::NonZeroU32;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

use super::*;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::outcome::OutcomeClass;
use world::World;

/// Runs that may go on at once.
const PERMITS: usize = 3;

/// When the first host starts.
const START: &str = "2026-11-23T09:00:00Z";

/// Something that happens.
#[derive(Debug, Clone)]
enum Op {
    /// Seconds go by.
    Pass(i64),
    /// The machine sleeps for so many seconds.
    Sleep(i64),
    /// The clock is set, by so many seconds.
    Set(i64),
    /// Somebody asks for a run.
    Trigger(Index),
    /// Somebody cancels a run.
    Cancel(Index),
    /// Somebody pauses a task.
    Pause(Index),
    /// Somebody lets it go on.
    Resume(Index),
    /// Somebody runs the slots of the last seconds again.
    Backfill(Index, Backfill),
    /// An attempt ends.
    End(Index, OutcomeClass),
    /// The ledger takes some of the steps that wait.
    Write(usize),
    /// The ledger cannot be written any more.
    Fail,
    /// It can again.
    Mend,
    /// Somebody else has entered a task's next slot: the ledger is going to refuse it.
    Forestall(Index),
    /// The host is gone at once, and another one comes, with another configuration.
    Crash(Shape),
    /// Another configuration takes the place of the one in force.
    Reload(Shape),
    /// The plugin is compiled, or cannot be.
    Prepared(PluginState),
}

/// A configuration: the tasks of these bits are disabled, not in it, or have another schedule.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    disabled: u8,
    absent: u8,
    rescheduled: u8,
}

/// What a backfill asks for.
#[derive(Debug, Clone, Copy)]
struct Backfill {
    seconds: i64,
    max_parallel: u32,
    /// Whether it is looked up while the ledger does not know yet what was decided before.
    is_early: bool,
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop::sample::select(vec![
        OutcomeClass::Succeeded,
        OutcomeClass::FailedTransient,
        OutcomeClass::FailedPermanent,
        OutcomeClass::Interrupted,
    ]);
    let backfill = (0..400_i64, 1..4_u32, any::<bool>()).prop_map(|(seconds, max_parallel, is_early)| Backfill {
        seconds,
        max_parallel,
        is_early,
    });
    let few = || prop_oneof![2 => Just(0), 1 => any::<u8>()];
    let shape =
        || (few(), few(), few()).prop_map(|(disabled, absent, rescheduled)| Shape { disabled, absent, rescheduled });
    let prepared = prop_oneof![4 => Just(PluginState::Ready), 1 => Just(PluginState::Unusable)];
    prop_oneof![
        12 => (0..15_i64).prop_map(Op::Pass),
        1 => (60..200_000_i64).prop_map(Op::Sleep),
        1 => prop_oneof![-5_000..5_000_i64, Just(31_536_000), Just(-31_536_000)].prop_map(Op::Set),
        4 => any::<Index>().prop_map(Op::Trigger),
        3 => any::<Index>().prop_map(Op::Cancel),
        2 => any::<Index>().prop_map(Op::Pause),
        2 => any::<Index>().prop_map(Op::Resume),
        2 => (any::<Index>(), backfill).prop_map(|(task, backfill)| Op::Backfill(task, backfill)),
        12 => (any::<Index>(), outcome).prop_map(|(run, outcome)| Op::End(run, outcome)),
        16 => (1..4_usize).prop_map(Op::Write),
        1 => Just(Op::Fail),
        2 => Just(Op::Mend),
        1 => any::<Index>().prop_map(Op::Forestall),
        2 => shape().prop_map(Op::Crash),
        3 => shape().prop_map(Op::Reload),
        4 => prepared.prop_map(Op::Prepared),
    ]
}

/// The tasks of a configuration, in the order of their names. The first is in all of them.
fn tasks(Shape { disabled, absent, rescheduled }: Shape) -> Vec<Arc<Task>> {
    let every = |name: &str, seconds| Task {
        schedule: Schedule::every(Duration::from_secs(seconds)).unwrap(),
        retry: Retry { attempts: 3, jitter: Jitter::None, ..Retry::default() }.into(),
        ..Task::example(name, Schedule::manual())
    };
    let misfire = |policy| Misfire { policy, ..Misfire::default() };
    let mut tasks: Vec<Task> = vec![
        Task { misfire: misfire(MisfirePolicy::Skip).into(), ..every("skip", 10) },
        Task { overlap: Overlap::Queue, misfire: misfire(MisfirePolicy::All { max: 4 }).into(), ..every("queue", 7) },
        Task { overlap: Overlap::Replace, ..every("replace", 11) },
        Task { overlap: Overlap::Allow, ..every("allow", 13) },
        Task {
            max_concurrent: NonZeroU32::new(2).unwrap(),
            after: ["skip".parse().unwrap()].into(),
            ..every("two", 17)
        },
        Task {
            retry: Retry { on: Vec::new(), on_interrupt: OnInterrupt::GiveUp, ..Retry::default() }.into(),
            ..every("give-up", 12)
        },
    ];
    for (bit, task) in tasks.iter_mut().enumerate() {
        task.enabled = disabled >> bit & 1 == 0;
        if rescheduled >> bit & 1 == 1 {
            task.schedule = Schedule::every(Duration::from_secs(5 + 3 * bit as u64)).unwrap();
        }
    }
    let is_there = |bit: usize| bit == 0 || absent >> bit & 1 == 0;
    let mut tasks: Vec<Arc<Task>> =
        tasks.into_iter().enumerate().filter(|(bit, _)| is_there(*bit)).map(|(_, task)| Arc::new(task)).collect();
    tasks.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    tasks
}

fn sequence(durable: bool, ops: &[Op]) {
    let mut world = World::new(durable);
    ops.iter().for_each(|op| world.act(op));
    world.settle();
}

/// So many sequences, which the seed repeats. A failure prints the shortest one that fails.
fn chance(sequences: u32) -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(torture::seed()), ..ProptestConfig::with_cases(sequences) }
}

proptest! {
    #![proptest_config(chance(torture::extent(150, 20_000)))]

    #[test]
    fn any_sequence_of_events_keeps_the_promises(ops in prop::collection::vec(op(), 1..120)) {
        sequence(false, &ops);
    }
}

proptest! {
    #![proptest_config(chance(torture::extent(16, 1_000)))]

    /// The same, with the real ledger beside the one in memory: both take the same and give the same back.
    #[test]
    fn the_real_ledger_keeps_them_too(ops in prop::collection::vec(op(), 1..80)) {
        sequence(true, &ops);
    }
}
