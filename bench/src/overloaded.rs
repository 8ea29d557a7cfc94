//! How soon the API answers while guests that never end keep every processor busy.

use std::fmt::Write;
use std::time::Duration;

use anyhow::ensure;
use sandclock_host::clock::Clock;

use crate::bar::Bar;
use crate::client::Connection;
use crate::host::{Ground, MAX_CONCURRENT, PATIENCE, listener};
use crate::networked::Networked;
use crate::rounds::{Answer, Figure, Question, percentile};

const SPINNING: &str = include_str!("../../tests/guests/endless-loop.wat");
/// How often each is asked for in a round, one request after the other.
const REQUESTS: usize = 200;
/// The pause before each request: whoever asks is not to be what keeps the processors busy.
const PAUSE: Duration = Duration::from_millis(5);

/// Half of the runs that may go on at once never end.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    ground.guest("spinning", SPINNING)?;
    let spinning = MAX_CONCURRENT.get() / 2;
    let mut tasks = String::new();
    for number in 0..spinning {
        // Writing to a String cannot fail.
        let _ = writeln!(tasks, "[tasks.spinning-{number}]\nplugin = \"spinning\"\ntimeout = \"1h\"\n");
    }
    listener()?.block_on(async {
        let host = Networked::start(ground, &tasks).await?;
        let mut connection = Connection::open(host.address).await?;
        for number in 0..spinning {
            let asked = connection.ask(&host.request("POST", &format!("/api/v1/tasks/spinning-{number}/runs"))).await?;
            ensure!(asked.status == 201, "a run was not made: {}", asked.body);
        }
        let status = host.request("GET", "/api/v1/status");
        let running = format!("\"running\":{spinning}");
        let all_run = async {
            while !connection.ask(&status).await?.body.replace(' ', "").contains(&running) {
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, all_run).await??;

        let (alive, history) = (host.request("GET", "/healthz"), host.request("GET", "/api/v1/runs"));
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (request, figures) in [&alive, &history].into_iter().zip(&mut figures) {
                figures.push(p99(ground.clock, &mut connection, request).await?);
            }
        }
        let [alive, history] = figures;
        let answer =
            |what, a, figures| Answer::alone(Question { what, unit: "ms", a, bar: Some(Bar::AtMost(100.0)) }, figures);
        Ok(vec![
            answer("p99 of an answer, every guest thread busy", "GET /healthz", alive),
            answer("p99 of a list of runs, every guest thread busy", "GET /api/v1/runs", history),
        ])
    })
}

/// The 99th percentile of some answers, in milliseconds.
async fn p99(clock: Clock, connection: &mut Connection, request: &[u8]) -> anyhow::Result<Figure> {
    let mut took = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        tokio::time::sleep(PAUSE).await;
        let started = clock.monotonic();
        let answered = connection.ask(request).await?;
        took.push(started.elapsed());
        ensure!(answered.status == 200, "an answer was {}: {}", answered.status, answered.body);
    }
    Ok(percentile(&mut took, 0.99) / 1e3)
}
