//! Statistics of a task's attempts as a table, and as TOML to paste.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::api::view::is_measured;
use crate::cli::columns::aligned;
use crate::model::history::{History, Proposal};
use crate::model::limits::{Gauge, Limit};
use crate::model::quantity;
use crate::model::task::Task;

/// What is shown.
pub(super) struct Stats<'a> {
    pub(super) task: &'a Task,
    pub(super) history: &'a History,
    /// When the oldest attempt that is looked at began.
    pub(super) since: Option<Timestamp>,
}

const HEAD: [&str; 6] = ["LIMIT", "ALLOWED", "MEDIAN", "LARGEST", "SHARE", "STOPPED"];
/// What stands where there is nothing to say.
const NOTHING: &str = "-";

impl Stats<'_> {
    /// A line about the attempts, and a table with a line for each limit.
    pub(super) fn table(&self, zone: &TimeZone) -> String {
        let History { attempts, succeeded, log_cut, stopped, .. } = self.history;
        let since =
            self.since.map(|since| since.to_zoned(zone.clone()).strftime(" since %Y-%m-%d %H:%M:%S").to_string());
        let cut = if *log_cut > 0 { format!(", {log_cut} with a log cut short") } else { String::new() };
        let name = &self.task.name;
        let attempts = match attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        };
        let stopped = stopped.values().sum::<u64>();
        let since = since.unwrap_or_default();
        let about = format!("{name}: {attempts}{since}: {succeeded} succeeded, {stopped} stopped at a limit{cut}\n\n");
        let unmeasured = self.history.stopped.iter().filter(|(limit, _)| !is_measured(**limit));
        let rows: Vec<[String; 6]> = std::iter::once(HEAD.map(str::to_owned))
            .chain(Gauge::ALL.into_iter().map(|gauge| self.row(gauge)))
            .chain(unmeasured.map(|(limit, count)| self.unmeasured_row(*limit, *count)))
            .collect();
        about + &aligned(&rows)
    }

    fn row(&self, gauge: Gauge) -> [String; 6] {
        let shown = |value: Option<u64>| match value {
            Some(value) => quantity::figure(value, gauge.unit()).to_string(),
            None => NOTHING.to_owned(),
        };
        let allowed = gauge.allowed(&self.task.limits);
        let largest = self.history.largest(gauge);
        let share = allowed.zip(largest).filter(|(allowed, _)| *allowed > 0);
        let percent = |(allowed, largest): (u64, u64)| (u128::from(largest) * 100).div_ceil(allowed.into());
        [
            gauge.name().to_owned(),
            allowed.map_or_else(|| self.task.limits.fuel.to_string(), |allowed| shown(Some(allowed))),
            shown(self.history.median(gauge)),
            shown(largest),
            share.map(percent).map_or_else(|| NOTHING.to_owned(), |percent| format!("{percent}%")),
            self.history.stopped_by(gauge).map_or_else(|| NOTHING.to_owned(), |count| count.to_string()),
        ]
    }

    /// A limit whose use nobody measures, but that stopped somebody.
    fn unmeasured_row(&self, limit: Limit, count: u64) -> [String; 6] {
        let allowed =
            self.task.limits.allowed(limit).map(|allowed| quantity::figure(allowed, limit.unit()).to_string());
        let [median, largest, share] = [NOTHING; 3].map(str::to_owned);
        [limit.name().to_owned(), allowed.unwrap_or_default(), median, largest, share, count.to_string()]
    }

    /// The proposals as a table of the configuration; none if there are none.
    pub(super) fn toml(&self) -> Option<String> {
        let proposals = self.history.proposals(&self.task.limits);
        if proposals.is_empty() {
            return None;
        }
        let lines = proposals.iter().map(|proposal| {
            let Proposal { gauge, allowed, largest, .. } = *proposal;
            let figure = |value| quantity::figure(value, gauge.unit());
            let value = written(proposal);
            format!("{} = {value}  # {:#} now; the largest was {}\n", gauge.name(), figure(allowed), figure(largest))
        });
        let head = format!("# Twice the largest use, rounded up.\n{}\n", self.task.name.toml_table("limits"));
        Some(lines.fold(head, |toml, line| toml + &line))
    }
}

/// A figure as the configuration takes it for this limit.
fn written(proposal: &Proposal) -> String {
    match proposal.gauge {
        Gauge::LogLines | Gauge::HttpRequests | Gauge::HttpConcurrent | Gauge::KvWrites => {
            proposal.proposed.to_string()
        }
        gauge => format!("\"{:#}\"", quantity::figure(proposal.proposed, gauge.unit())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::api::view::TaskStats;
    use crate::config::{Surroundings, load_text};
    use crate::model::limits::{HttpUsage, LogUsage, Usage};
    use crate::model::outcome::{AttemptOutcome, Exceeded};

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

    const TASK: &str = "[tasks.\"a.b\"]\nschedule = { every = \"1h\" }\n";

    #[test]
    fn a_table_says_how_near_the_limits_are() {
        let (task, history) = (task(TASK), history());
        let stats = Stats { task: &task, history: &history, since: Some(jiff::Timestamp::UNIX_EPOCH) };
        insta::assert_snapshot!(stats.table(&TimeZone::UTC), @r"
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
        insta::assert_snapshot!(stats.toml().unwrap(), @r#"
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
        let toml = Stats { task: &before, history: &history, since: None }.toml().unwrap();
        let after = task(&format!("{TASK}{toml}"));
        assert_ne!(before.limits, after.limits);
        assert_eq!(Stats { task: &after, history: &history, since: None }.toml(), None);
        assert!(TaskStats::new(&after, &history, None, None).proposed.is_empty());
    }

    #[test]
    fn a_task_without_attempts_has_figures_of_nothing() {
        let (task, history) = (task(TASK), History::default());
        let json = serde_json::to_value(TaskStats::new(&task, &history, None, None)).unwrap();
        assert_eq!(
            (&json["attempts"], &json["since"], &json["limits"]["fuel"]["median"]),
            (&json!(0), &Json::Null, &Json::Null)
        );
    }
}
