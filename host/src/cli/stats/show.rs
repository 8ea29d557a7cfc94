//! Statistics of a task's attempts as a table, and as TOML to paste.

use jiff::tz::TimeZone;

use super::history::NOTHING;
use crate::cli::columns::aligned;
use crate::cli::shown::{LimitUse, TaskStats};
use crate::model::id::TaskName;
use crate::model::limits::{Gauge, Unit};
use crate::model::quantity;
use crate::model::text::inert;

const HEAD: [&str; 6] = ["LIMIT", "ALLOWED", "MEDIAN", "LARGEST", "SHARE", "STOPPED"];

/// A line about the attempts, and a table with a line for each limit.
pub(super) fn table(stats: &TaskStats, zone: &TimeZone) -> String {
    let TaskStats { attempts, succeeded, log_cut, limits, .. } = stats;
    let since = stats.since.map(|since| since.to_zoned(zone.clone()).strftime(" since %Y-%m-%d %H:%M:%S").to_string());
    let cut = if *log_cut > 0 { format!(", {log_cut} with a log cut short") } else { String::new() };
    let attempts = match attempts {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let stopped: u64 = limits.values().filter_map(|limit| limit.stopped).sum();
    let (name, since) = (inert(&stats.task), since.unwrap_or_default());
    let about = format!("{name}: {attempts}{since}: {succeeded} succeeded, {stopped} stopped at a limit{cut}\n\n");
    // Those that are measured stand first, as in the documentation; then those that stopped somebody.
    let measured = Gauge::ALL.into_iter().filter_map(|gauge| Some((gauge.name(), limits.get(gauge.name())?)));
    let is_measured = |name: &str| Gauge::ALL.into_iter().any(|gauge| gauge.name() == name);
    let others = limits.iter().map(|(name, limit)| (name.as_str(), limit)).filter(|(name, _)| !is_measured(name));
    let rows: Vec<[String; 6]> = std::iter::once(HEAD.map(str::to_owned))
        .chain(measured.chain(others).map(|(name, limit)| row(name, limit)))
        .collect();
    about + &aligned(&rows)
}

fn row(name: &str, limit: &LimitUse) -> [String; 6] {
    let unit = unit(limit);
    let shown = |value: Option<u64>| {
        value.map_or_else(|| NOTHING.to_owned(), |value| quantity::figure(value, unit).to_string())
    };
    let share = limit.allowed.zip(limit.largest).filter(|(allowed, _)| *allowed > 0);
    let percent = |(allowed, largest): (u64, u64)| (u128::from(largest) * 100).div_ceil(allowed.into());
    [
        inert(name).to_string(),
        limit.allowed.map_or_else(|| "unmetered".to_owned(), |allowed| shown(Some(allowed))),
        shown(limit.median),
        shown(limit.largest),
        share.map(percent).map_or_else(|| NOTHING.to_owned(), |percent| format!("{percent}%")),
        limit.stopped.map_or_else(|| NOTHING.to_owned(), |count| count.to_string()),
    ]
}

fn unit(limit: &LimitUse) -> Unit {
    match limit.unit.as_str() {
        "bytes" => Unit::Bytes,
        "ms" => Unit::Milliseconds,
        _ => Unit::Count,
    }
}

/// The proposals as a table of the configuration; none if there are none.
pub(super) fn toml(stats: &TaskStats) -> Option<String> {
    // A host of another version may call a task what none is called here.
    let name: TaskName = stats.task.parse().ok()?;
    let lines: Vec<String> = Gauge::ALL.into_iter().filter_map(|gauge| proposal(stats, gauge)).collect();
    let head = format!("# Twice the largest use, rounded up.\n{}\n", name.toml_table("limits"));
    (!lines.is_empty()).then(|| head + &lines.concat())
}

fn proposal(stats: &TaskStats, gauge: Gauge) -> Option<String> {
    let (name, proposed) = (gauge.name(), *stats.proposed.get(gauge.name())?);
    let LimitUse { allowed: Some(allowed), largest: Some(largest), .. } = stats.limits.get(name)? else { return None };
    let figure = |value| quantity::figure(value, gauge.unit());
    let value = written(gauge, proposed);
    Some(format!("{name} = {value}  # {:#} now; the largest was {}\n", figure(*allowed), figure(*largest)))
}

/// A figure as the configuration takes it for this limit.
fn written(gauge: Gauge, proposed: u64) -> String {
    match gauge {
        Gauge::LogLines | Gauge::HttpRequests | Gauge::HttpConcurrent | Gauge::KvWrites => proposed.to_string(),
        gauge => format!("\"{:#}\"", quantity::figure(proposed, gauge.unit())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::api::view;
    use crate::cli::shown;
    use crate::config::{Surroundings, load_text};
    use crate::model::history::History;
    use crate::model::limits::{HttpUsage, Limit, LogUsage, Usage};
    use crate::model::outcome::{AttemptOutcome, Exceeded};
    use crate::model::task::Task;

    const DONE: AttemptOutcome = AttemptOutcome::Succeeded { output: None };

    /// Twenty attempts that took little of some limits and most of others, and two that were stopped.
    fn history() -> History {
        let usage = Usage {
            duration: Duration::from_micros(14_321),
            fuel: Some(48_000_000_000),
            peak_memory: 1_200_000,
            peak_table_elements: 90_000,
            output: 900_000,
            log: LogUsage { bytes: 200_000, lines: 9_000, dropped: 0 },
            http: HttpUsage { requests: 99, concurrent: 16, largest_body: 7 << 20, statuses: [0; 4] },
            kv_writes: 400,
        };
        let cut = Usage { log: LogUsage { bytes: 262_144, lines: 9_500, dropped: 40_000 }, ..usage };
        let stopped =
            |limit, allowed, used| AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace: Vec::new() });
        let (memory, handles) = (stopped(Limit::Memory, 64 << 20, 80 << 20), stopped(Limit::Handles, 1024, 1025));
        let good = std::iter::repeat_n((&DONE, &usage), 20);
        History::of(good.chain([(&memory, &usage), (&handles, &cut)]))
    }

    fn task(configuration: &str) -> Task {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("plugins")).unwrap();
        std::fs::write(root.path().join("plugins/a.b.wasm"), "").unwrap();
        let around =
            Surroundings { env: [].into(), cores: std::num::NonZeroU32::MIN, now: jiff::Timestamp::UNIX_EPOCH };
        let loaded = load_text("sandclock.toml", configuration, root.path(), &around).unwrap();
        Task::clone(&loaded.config.tasks[0])
    }

    /// As a host tells it.
    fn stats(task: &Task, history: &History, since: Option<jiff::Timestamp>) -> TaskStats {
        shown::of(&view::TaskStats::new(task, history, since, None)).unwrap()
    }

    const TASK: &str = "[tasks.\"a.b\"]\nschedule = { every = \"1h\" }\n";

    #[test]
    fn a_table_says_how_near_the_limits_are() {
        let (task, history) = (task(TASK), history());
        let stats = stats(&task, &history, Some(jiff::Timestamp::UNIX_EPOCH));
        insta::assert_snapshot!(table(&stats, &TimeZone::UTC), @r"
        a.b: 22 attempts since 1970-01-01 00:00:00: 20 succeeded, 2 stopped at a limit, 1 with a log cut short

        LIMIT            ALLOWED  MEDIAN   LARGEST  SHARE  STOPPED
        timeout          1m       15ms     15ms     1%     0
        fuel             100G     48G      48G      48%    0
        memory           64MiB    1.14MiB  80MiB    125%   1
        table-elements   100k     90k      90k      90%    0
        output           1MiB     878KiB   878KiB   86%    0
        log              256KiB   195KiB   256KiB   100%   -
        log-lines        10k      9k       9.5k     95%    -
        http-requests    100      99       99       99%    -
        http-concurrent  16       16       16       100%   -
        http-body        8MiB     7MiB     7MiB     88%    -
        kv-writes        1k       400      400      40%    -
        handles          1.02k    -        -        -      1
        ");
        insta::assert_snapshot!(toml(&stats).unwrap(), @r#"
        # Twice the largest use, rounded up.
        [tasks."a.b".limits]
        timeout = "1s"  # 1m now; the largest was 15ms
        memory = "256MiB"  # 64MiB now; the largest was 80MiB
        table-elements = "200k"  # 100k now; the largest was 90k
        output = "2MiB"  # 1MiB now; the largest was 878KiB
        log = "512KiB"  # 256KiB now; the largest was 256KiB
        log-lines = 20000  # 10k now; the largest was 9.5k
        http-requests = 200  # 100 now; the largest was 99
        http-body = "16MiB"  # 8MiB now; the largest was 7MiB
        "#);
    }

    #[test]
    fn what_is_proposed_can_be_pasted_and_then_suffices() {
        let history = history();
        let before = task(TASK);
        let proposed = toml(&stats(&before, &history, None)).unwrap();
        let after = task(&format!("{TASK}{proposed}"));
        assert_ne!(before.limits, after.limits);
        assert_eq!(toml(&stats(&after, &history, None)), None);
        assert!(view::TaskStats::new(&after, &history, None, None).proposed.is_empty());
    }

    #[test]
    fn a_task_without_attempts_has_figures_of_nothing() {
        let (task, history) = (task(TASK), History::default());
        let json = serde_json::to_value(view::TaskStats::new(&task, &history, None, None)).unwrap();
        assert_eq!(
            (&json["attempts"], &json["since"], &json["limits"]["fuel"]["median"]),
            (&json!(0), &Json::Null, &Json::Null)
        );
    }
}
