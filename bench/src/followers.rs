//! How late slots are while 200 clients follow logs and a thousand requests come each second, against the same host
//! without them.

mod crowd;

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use sandclock_host::clock::until;
use sandclock_host::ledger::{Filter, Reader};
use sandclock_host::model::cause::CauseKind;

use crate::bar::Bar;
use crate::host::{Ground, PATIENCE, listener};
use crate::networked::Networked;
use crate::rounds::{Answer, Figure, Question, Round};
use crowd::{Crowd, Did};

/// How many tasks are due each second.
const TASKS: usize = 100;
/// How long a turn takes for each round of others: a minute in the full form.
const TURN: Duration = Duration::from_secs(3);
/// What is due so shortly before the end of a turn is not looked at: its run may be on its way.
const TAIL: Duration = Duration::from_secs(1);

/// The most that a slot was late in one turn, in milliseconds.
struct Latest {
    decided: Figure,
    begun: Figure,
}

/// One turn with the crowd, between two without.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let length = TURN * u32::try_from(rounds)?;
    let mut tasks = "[tasks.asked]\nplugin = \"hello\"\noverlap = \"allow\"\n".to_owned();
    for number in 0..TASKS {
        // Writing to a String cannot fail.
        let _ = writeln!(tasks, "[tasks.{}]\nplugin = \"hello\"\nschedule = {{ every = \"1s\" }}\n", ticking(number));
    }
    let (before, with, after, did) = listener()?.block_on(async {
        let host = Networked::start(ground, &tasks).await?;
        settled(&host).await?;
        let before = turn(ground, &host, length).await?;
        let mut crowd = Crowd::gather(&host, ground.clock).await?;
        let with = turn(ground, &host, length).await?;
        let did = crowd.did()?;
        drop(crowd);
        anyhow::Ok((before, with, turn(ground, &host, length).await?, did))
    })?;
    let late = |what, a, bar, of: fn(&Latest) -> Figure| {
        let round = Round { a: of(&with), b: [of(&before), of(&after)] };
        Answer::of(Question { what, unit: "ms", a, bar }, "nobody asks", &[round])
    };
    let Did { answers, lines } = did;
    let rate = |what, a, count: usize| {
        Answer::alone(Question { what, unit: "/s", a, bar: None }, vec![count as f64 / length.as_secs_f64()])
    };
    let bar = Some(Bar::TimesAnd(1.0, 50.0));
    Ok(vec![
        late("the latest slot, 200 followers and 1,000 requests/s", "slot decided", bar, |latest| latest.decided),
        late("the latest attempt, with them", "attempt begun", None, |latest| latest.begun),
        rate("what was answered meanwhile", "requests", answers),
        rate("what followers heard meanwhile", "lines", lines),
    ])
}

/// The name of a task that is due each second.
fn ticking(number: usize) -> String {
    format!("tick-{:02}", number % TASKS)
}

/// Waits until the plugin is ready and what waited for it is over.
async fn settled(host: &Networked) -> anyhow::Result<()> {
    let mut connection = host.connections(1).await?.pop().context("a connection")?;
    let run = host.request("POST", "/api/v1/tasks/asked/runs?wait=60s");
    let ran = tokio::time::timeout(PATIENCE, connection.ask(&run)).await??;
    ensure!(ran.status == 200, "a run was not made: {}", ran.body);
    Ok(())
}

/// Lets some time pass, and looks up how late what was due in it was.
async fn turn(ground: &Ground, host: &Networked, length: Duration) -> anyhow::Result<Latest> {
    let begin = ground.clock.now();
    tokio::time::sleep(length).await;
    let filter = Filter {
        cause: Some(CauseKind::Schedule),
        due_since: Some(begin),
        due_until: Some(ground.clock.now() - TAIL),
        limit: u32::MAX,
        ..Filter::default()
    };
    let runs = Reader::open(&host.state())?.runs(&filter)?;
    ensure!(runs.len() >= TASKS, "only {} slots were run", runs.len());
    let latest = |met: Vec<(Timestamp, Timestamp)>| {
        let late = met.into_iter().map(|(slot, met)| until(met, slot).as_secs_f64() * 1e3);
        // The ledger has whole milliseconds: what happened within one may have taken nearly as long.
        late.fold(0.0, Figure::max) + 1.0
    };
    let slots = || runs.iter().filter_map(|run| Some((run, run.slot?.time())));
    Ok(Latest {
        decided: latest(slots().map(|(run, slot)| (slot, run.admitted_at)).collect()),
        begun: latest(slots().filter_map(|(run, slot)| Some((slot, run.started_at?))).collect()),
    })
}
