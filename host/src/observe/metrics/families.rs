//! Every family of series that a scrape has; `docs/metrics.md` is held to this list by a test.

use std::fmt;
use std::sync::PoisonError;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::cell::Number;
use super::host::{Lost, Observer, Signal};
use super::process::Process;
use super::recorder::PLUGIN_STATES;
use super::sheet::{Rows, Sheet};
use super::task::{EXECUTED, Plan, STATUSES, TaskSeries};
use super::{Metrics, Shown};
use crate::model::cause::CauseKind;
use crate::model::limits::Limit;
use crate::model::outcome::{Miss, Skip};
use crate::model::task::Task;

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Shown { tasks, left_out } = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sheet = Sheet(encoder);
        let all: Vec<_> = tasks.iter().chain([&self.others]).map(|series| (&**series, series.task())).collect();
        runs(&mut sheet, &all)?;
        attempts(&mut sheet, &all)?;
        slots(&mut sheet, &all)?;
        let now = self.clock.now();
        let standings: Vec<_> = tasks.iter().map(|series| (&**series, series.plan(now))).collect();
        stands(&mut sheet, &standings)?;
        self.host(&mut sheet, left_out)?;
        process(&mut sheet, self.started.as_millisecond() as f64 / 1e3)
    }
}

type Of<'a> = [(&'a TaskSeries, Option<std::sync::Arc<Task>>)];

fn runs(sheet: &mut Sheet<'_>, tasks: &Of<'_>) -> fmt::Result {
    sheet.counters("sandclock_task_executions", "Runs that ended.", |rows| {
        for (series, task) in tasks {
            for outcome in EXECUTED {
                for cause in CauseKind::ALL {
                    if let Some(count) = series.executions(task.as_deref(), outcome, cause) {
                        let labels =
                            [("task_name", &*series.name), ("outcome", outcome.name()), ("cause", cause.name())];
                        rows.counter(&labels, count)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    sheet.histograms("sandclock_task_queue_delay_seconds", "From a run's admission to its first attempt.", |rows| {
        each(tasks, |series| rows.histogram(&[("task_name", &series.name)], &series.delays))
    })?;
    sheet.gauges("sandclock_task_running", "Runs of which an attempt goes on.", |rows| {
        each(tasks, |series| rows.whole(&[("task_name", &series.name)], series.running.get()))
    })?;
    sheet.gauges("sandclock_task_queued", "Runs that wait for their turn or their next attempt.", |rows| {
        each(tasks, |series| rows.whole(&[("task_name", &series.name)], series.queued.get()))
    })
}

fn attempts(sheet: &mut Sheet<'_>, tasks: &Of<'_>) -> fmt::Result {
    sheet.counters("sandclock_task_attempts", "Attempts that ended.", |rows| {
        each(tasks, |series| {
            EXECUTED.iter().try_for_each(|outcome| {
                rows.counter(&[("task_name", &series.name), ("outcome", outcome.name())], series.attempts(*outcome))
            })
        })
    })?;
    sheet.counters("sandclock_task_retries", "Attempts that ended and were followed by another.", |rows| {
        each(tasks, |series| rows.total(&[("task_name", &series.name)], &series.retries))
    })?;
    sheet.histograms("sandclock_task_duration_seconds", "How long attempts took.", |rows| {
        each(tasks, |series| rows.histogram(&[("task_name", &series.name)], &series.durations))
    })?;
    sheet.counters("sandclock_task_fuel", "Fuel that attempts burned.", |rows| {
        each(tasks, |series| rows.total(&[("task_name", &series.name)], &series.fuel))
    })?;
    sheet.gauges("sandclock_task_peak_memory_bytes", "The most linear memory that one attempt had.", |rows| {
        each(tasks, |series| rows.whole(&[("task_name", &series.name)], series.peak_memory.get()))
    })?;
    sheet.counters("sandclock_task_limit_hits", "Attempts that were stopped at a limit.", |rows| {
        each(tasks, |series| {
            Limit::ALL.iter().try_for_each(|limit| {
                rows.counter(&[("task_name", &series.name), ("limit", limit.name())], series.stops(*limit))
            })
        })
    })?;
    sheet.counters("sandclock_task_http_requests", "HTTP requests of guests.", |rows| {
        each(tasks, |series| {
            STATUSES
                .iter()
                .zip(series.requests())
                .try_for_each(|(status, count)| rows.counter(&[("task_name", &series.name), ("status", status)], count))
        })
    })
}

fn slots(sheet: &mut Sheet<'_>, tasks: &Of<'_>) -> fmt::Result {
    sheet.counters(
        "sandclock_task_skipped",
        "Slots and triggers that were not run because they were not to be.",
        |rows| {
            each(tasks, |series| {
                Skip::ALL.iter().try_for_each(|why| {
                    rows.counter(&[("task_name", &series.name), ("reason", why.name())], series.skipped(*why))
                })
            })
        },
    )?;
    sheet.counters("sandclock_task_missed", "Slots that were not run because nobody could.", |rows| {
        each(tasks, |series| {
            Miss::ALL.iter().try_for_each(|why| {
                rows.counter(&[("task_name", &series.name), ("reason", why.name())], series.missed(*why))
            })
        })
    })
}

fn each(tasks: &Of<'_>, row: impl FnMut(&TaskSeries) -> fmt::Result) -> fmt::Result {
    tasks.iter().map(|(series, _)| *series).try_for_each(row)
}

/// How each task stands; those without series of their own have no standing in common.
fn stands(sheet: &mut Sheet<'_>, tasks: &[(&TaskSeries, Plan)]) -> fmt::Result {
    let mut gauges = |name: &str, help: &str, value: &dyn Fn(&TaskSeries, &Plan) -> f64| {
        sheet.gauges(name, help, |rows| {
            tasks.iter().try_for_each(|(series, plan)| rows.gauge(&[("task_name", &series.name)], value(series, plan)))
        })
    };
    let millis = |number: f64| number / 1e3;
    let at = |number: &Number| millis(number.get() as f64);
    gauges("sandclock_task_last_success_timestamp_seconds", "When a run last succeeded; 0 is never.", &|series, _| {
        at(&series.last_success)
    })?;
    gauges("sandclock_task_last_run_timestamp_seconds", "When a run last ended; 0 is never.", &|series, _| {
        at(&series.last_run)
    })?;
    gauges("sandclock_task_next_run_timestamp_seconds", "When the task is due next; 0 is never.", &|_, plan| {
        plan.next.map_or(0.0, |next| millis(next as f64))
    })?;
    gauges(
        "sandclock_task_expected_interval_seconds",
        "From when the task is due next to when it is due after that; 0 if it is not.",
        &|_, plan| plan.interval.map_or(0.0, |interval| millis(interval as f64)),
    )?;
    gauges(
        "sandclock_task_slots_since_success",
        "Slots that came due after the last success, or after the host's start if there never was one.",
        &|_, plan| plan.slots_since_success as f64,
    )?;
    gauges("sandclock_task_consecutive_failures", "Runs that failed after the last success.", &|series, _| {
        series.failures.get() as f64
    })?;
    gauges("sandclock_task_paused", "Whether the task is paused.", &|series, _| series.paused.get() as f64)
}

impl Metrics {
    fn host(&self, sheet: &mut Sheet<'_>, left_out: usize) -> fmt::Result {
        let now = (self.now)();
        let host = &self.host;
        let one = |value: f64| move |rows: &mut Rows<'_>| rows.gauge(&[], value);
        sheet.gauges("sandclock_tasks_left_out", "Tasks without series of their own.", one(left_out as f64))?;
        sheet.gauges("sandclock_running", "Attempts that go on.", one(now.running as f64))?;
        sheet.gauges("sandclock_queued", "Runs that wait.", one(now.waiting as f64))?;
        sheet.histograms("sandclock_firing_lateness_seconds", "From a slot to the decision over it.", |rows| {
            rows.histogram(&[], &host.lateness)
        })?;
        sheet.gauges(
            "sandclock_firing_loop_age_seconds",
            "How long ago the firing loop last turned; it turns once a second.",
            one(now.since_last_turn.as_secs_f64()),
        )?;
        sheet.histograms("sandclock_ledger_latency_seconds", "How long entries took to be durable.", |rows| {
            rows.histogram(&[], &self.ledger.0)
        })?;
        let truth = |is: bool| f64::from(u8::from(is));
        sheet.gauges(
            "sandclock_ledger_writable",
            "Whether the ledger takes entries.",
            one(truth(now.ledger_writable)),
        )?;
        sheet.gauges("sandclock_ledger_damaged", "Whether the ledger is damaged.", one(truth(now.ledger_damaged)))?;
        sheet.counters("sandclock_ledger_failures", "Times that the ledger began to fail.", |rows| {
            rows.total(&[], &host.ledger_failures)
        })?;
        sheet.gauges("sandclock_plugins", "Plugins that tasks name.", |rows| {
            let states = PLUGIN_STATES.iter().zip(&host.plugins);
            states.into_iter().try_for_each(|(state, number)| rows.whole(&[("state", state)], number.get()))
        })?;
        sheet.counters(
            "sandclock_config_reloads",
            "Configurations that were offered while the host runs.",
            |rows| {
                rows.total(&[("result", "accepted")], &host.reloads)?;
                rows.total(&[("result", "refused")], &host.refusals)
            },
        )?;
        sheet.gauges(
            "sandclock_config_last_reload_successful",
            "Whether the last configuration that was offered is in force.",
            one(truth(!now.config_refused)),
        )?;
        sheet.gauges(
            "sandclock_config_last_reload_success_timestamp_seconds",
            "Since when the configuration is in force.",
            one(now.configured_at.as_millisecond() as f64 / 1e3),
        )?;
        self.deliveries.encode(sheet)?;
        sheet.counters("sandclock_events_dropped", "Events that an observer was too slow for.", |rows| {
            Observer::ALL.iter().try_for_each(|one| rows.total(&[("observer", one.name())], host.dropped(*one)))
        })?;
        sheet.counters("sandclock_log_lines_unwritten", "Lines that the log's file did not take.", |rows| {
            rows.counter(&[], crate::observe::file::unwritten())
        })?;
        for (what, exported, dropped) in [
            (Signal::Spans, "sandclock_spans_exported", "sandclock_spans_dropped"),
            (Signal::LogRecords, "sandclock_log_records_exported", "sandclock_log_records_dropped"),
        ] {
            let help = format!("How many {} the collector took.", what.words());
            sheet.counters(exported, &help, |rows| rows.total(&[], host.exported(what)))?;
            let help = format!("How many {} are not with the collector.", what.words());
            sheet.counters(dropped, &help, |rows| {
                Lost::ALL.iter().try_for_each(|why| rows.total(&[("reason", why.name())], host.lost(what, *why)))
            })?;
        }
        sheet.gauges("sandclock_build_info", "Which sandclock this is.", |rows| {
            rows.whole(&[("version", env!("CARGO_PKG_VERSION"))], 1)
        })
    }
}

fn process(sheet: &mut Sheet<'_>, started: f64) -> fmt::Result {
    let process = Process::look();
    sheet.counters("process_cpu_seconds", "Time on processors, in the kernel too.", |rows| {
        rows.counter_of_parts(&[], process.cpu_seconds)
    })?;
    sheet.gauges("process_start_time_seconds", "When the host started.", |rows| rows.gauge(&[], started))?;
    let known = [
        ("process_resident_memory_bytes", "Memory that is in use.", process.resident),
        ("process_virtual_memory_bytes", "Addresses that are in use.", process.virtual_size),
        ("process_threads", "Threads.", process.threads),
        ("process_open_fds", "Open descriptors.", process.open_files),
        ("process_max_fds", "The most descriptors that may be open.", process.most_files),
    ];
    known.into_iter().try_for_each(|(name, help, value)| match value {
        Some(value) => sheet.gauges(name, help, |rows| rows.whole(&[], value)),
        None => Ok(()),
    })
}
