//! A decade of schedules in forty zones, against an oracle: hosts crash at any step, machines sleep, clocks are
//! set, and every slot has exactly one entry.
//!
//! The decade is one that is over, so that databases of zones agree on it; it has Samoa's skipped day, Russia's and
//! Turkey's changes, and half an hour of North Korea and of Venezuela.

use fastrand::Rng;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::memory::Memory;
use super::oracle::Habit;
use super::*;
use crate::model::misfire::{Misfire, MisfirePolicy};

const ZONES: [&str; 40] = [
    "UTC",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Tripoli",
    "America/Anchorage",
    "America/Caracas",
    "America/Chicago",
    "America/Havana",
    "America/New_York",
    "America/Phoenix",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Dhaka",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Samara",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Fakaofo",
    "Pacific/Fiji",
    "Pacific/Norfolk",
];

/// How hosts live: the longer they do and the sooner they come back, the more slots are run and not counted as missed.
struct Lives {
    /// The longest life, in hours.
    up: i64,
    /// The longest time without a host, in hours.
    down: i64,
}

#[test]
fn every_slot_of_a_decade_is_entered_once() {
    let seed = torture::seed();
    let mut rng = Rng::with_seed(seed);
    let lives = torture::extent(Lives { up: 30, down: 90 * 24 }, Lives { up: 20 * 24, down: 3 * 24 });
    let (start, end) = (second("2010-01-01T00:00:00Z"), second("2020-01-01T00:00:00Z"));
    let habits: Vec<Habit> = (0..torture::extent(80, 200))
        .map(|number| Habit::random(number, ZONES[number % ZONES.len()].parse().unwrap(), &mut rng))
        .collect();
    let policies = [MisfirePolicy::Skip, MisfirePolicy::Once, MisfirePolicy::All { max: 3 }];
    let tasks: Vec<Arc<Task>> = (0..habits.len())
        .map(|number| {
            let zone = TimeZone::get(habits[number].zone.name()).unwrap();
            let schedule = Schedule::cron(&habits[number].expression(), zone).unwrap();
            let misfire = Misfire { policy: policies[number % 3], ..Misfire::default() };
            Arc::new(Task { misfire: misfire.into(), ..Task::example(&format!("task-{number}"), schedule) })
        })
        .collect();

    let mut memory = Memory::default();
    let (mut now, mut hosts, mut crashes) = (start, 0, 0);
    while now < end {
        hosts += 1;
        let dies = (now + SignedDuration::from_mins(rng.i64(1..=lives.up * 60))).min(end);
        let mut host = Host::start(&tasks, &mut memory, now);
        let crashed = host.live(&mut now, dies, &mut rng);
        crashes += usize::from(crashed);
        if !crashed {
            now = now.max(dies);
        }
        now += SignedDuration::from_mins(rng.i64(0..=lives.down * 60));
    }
    Host::start(&tasks, &mut memory, end.max(now)).take(end.max(now), Gap::None, Fuse::none());
    assert!(crashes > 3 && hosts > crashes, "{hosts} hosts, {crashes} crashes");

    let total: usize = tasks.iter().zip(&habits).map(|(task, habit)| check(task, habit, &memory, start, now)).sum();
    println!("{total} slots, {hosts} hosts of which {crashes} crashed");
    assert!(total > habits.len() * 1_500, "{total} slots are not a decade of {} tasks; seed {seed}", habits.len());
}

/// Compares what was entered of a task with what was due, slot by slot. Returns how many there are.
fn check(task: &Task, habit: &Habit, memory: &Memory, start: Timestamp, end: Timestamp) -> usize {
    // A clock that was ahead had slots decided that are yet to come.
    let end = end.max(memory.cursors[&task.name].time());
    let slots = habit.slots(start.as_second(), end.as_second());
    let mut left = &slots[..];
    let context = || format!("{} in {}; seed {}", habit.expression(), habit.zone, torture::seed());
    for (first, entered) in memory.slots.get(&task.name).into_iter().flatten() {
        let count = entered.count as usize;
        assert!(
            count <= left.len(),
            "entered {first} to {}, {count} slots; due are {left:?}: {}",
            entered.last,
            context()
        );
        let (taken, rest) = left.split_at(count);
        let ends = [first.time().as_second(), entered.last.time().as_second()];
        assert_eq!([taken[0], taken[count - 1]], ends, "{count} slots: {}", context());
        left = rest;
    }
    assert!(left.is_empty(), "never entered: {left:?}: {}", context());
    slots.len()
}

/// A host, its end among its steps.
struct Host<'m> {
    dispatcher: Dispatcher,
    memory: &'m mut Memory,
}

/// After how many steps a host crashes.
struct Fuse(Option<u32>);

impl Fuse {
    fn none() -> Self {
        Self(None)
    }

    /// Whether this was the last step.
    fn burns(&mut self) -> bool {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(1);
        }
        self.0 == Some(0)
    }
}

impl<'m> Host<'m> {
    fn start(tasks: &[Arc<Task>], memory: &'m mut Memory, now: Timestamp) -> Self {
        let queue = Queue::new(400, 1_000);
        let (mut dispatcher, first) = Dispatcher::new(tasks.to_vec(), queue, memory.recovered(), 0, now, &mut || 0.5);
        memory.append_in_bulk(&first.entries);
        let ready = dispatcher.plugin_changed(&tasks[0].build(), PluginState::Ready, now);
        let mut host = Self { dispatcher, memory };
        host.settle(ready, now, &mut Fuse::none());
        host
    }

    /// Lives until `dies`, or until it crashes: whether it did.
    fn live(&mut self, now: &mut Timestamp, dies: Timestamp, rng: &mut Rng) -> bool {
        let mut fuse = Fuse(rng.bool().then(|| rng.u32(1..400)));
        while let Some(wake) = self.dispatcher.next_wake().filter(|wake| *wake <= dies) {
            *now = (*now).max(wake);
            let (seconds, gap) = match rng.u16(0..2_000) {
                0 => (rng.i64(0..40 * 3600), Gap::Suspended),
                1 => (rng.i64(-5 * 3600..5 * 3600), Gap::ClockStep),
                _ => (rng.i64(0..20), Gap::None),
            };
            *now += SignedDuration::from_secs(seconds);
            fuse = match self.take(*now, gap, fuse) {
                Some(fuse) => fuse,
                None => return true,
            };
        }
        false
    }

    /// Takes what is due; none if the host crashed on the way.
    fn take(&mut self, now: Timestamp, gap: Gap, mut fuse: Fuse) -> Option<Fuse> {
        let mut step = Step::default();
        for due in self.dispatcher.take_due(now, gap) {
            step.append(self.dispatcher.due(due, now));
        }
        step.append(self.dispatcher.retry(now));
        self.settle(step, now, &mut fuse).then_some(fuse)
    }

    /// Enters a step, and ends at once what it starts; false if the host crashed before or after a step was durable.
    fn settle(&mut self, mut step: Step, now: Timestamp, fuse: &mut Fuse) -> bool {
        while !step.is_empty() {
            if fuse.burns() {
                return false;
            }
            self.memory.append_in_bulk(&step.entries);
            if fuse.burns() {
                return false;
            }
            let mut next = Step::default();
            for effect in step.effects {
                let Effect::Start { run, .. } = effect else { continue };
                next.append(self.dispatcher.attempt_ended(ended(run.id, succeeded(), now), now, 0.5));
            }
            step = next;
        }
        true
    }
}

fn second(time: &str) -> Timestamp {
    time.parse().unwrap()
}
