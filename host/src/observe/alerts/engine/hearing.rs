//! What is heard while it happens: signs of life go out at once, plugins and the ledger are judged at the next look, and
//! anything else says that it is time for one.

use super::{Engine, HEARD};
use crate::model::alert::{Happening, Kind, Subject, Turn};
use crate::model::event::Event;
use crate::model::outcome::OutcomeClass;
use crate::model::run::Run;
use crate::model::text::inert;
use crate::observe::alerts::outbox;
use crate::observe::alerts::ping::Sign;
use crate::observe::batches::Heard;

impl Engine {
    /// Takes note of events.
    pub(super) fn hear(&mut self, batch: &[Heard]) {
        for heard in batch {
            match heard {
                Heard::Event(event) => self.take_note(event),
                // What was lost is in the ledger, but for signs of life.
                Heard::Lost(lost) => tracing::debug!("alerts did not hear of {lost} events"),
            }
        }
    }

    fn take_note(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted { run, attempt: 1 } => {
                let url = run.task.ping.as_ref().and_then(|ping| ping.start.clone());
                if let Some(url) = url {
                    self.pings.push(&run.task.name, Sign { url, body: format!("run {} began\n", run.id) });
                }
            }
            Event::RunEnded { run, outcome, .. } => self.sign_of_end(run, outcome.class(), &outcome.to_string()),
            Event::PluginReady { plugin } => self.goes_well(Kind::Plugin, Subject::Plugin(plugin.clone())),
            Event::PluginUnusable { plugin, reason } | Event::PluginKept { plugin, reason } => {
                self.goes_wrong(Kind::Plugin, Subject::Plugin(plugin.clone()), reason);
            }
            Event::ConfigReloaded(_) => self.goes_well(Kind::Reload, Subject::Host),
            // The first problem; whoever looks finds the others.
            Event::ConfigRefused { report } => {
                self.goes_wrong(Kind::Reload, Subject::Host, report.lines().next().unwrap_or_default());
            }
            Event::LedgerFailed { message } => self.falls_into_trouble(message.clone()),
            _ => {}
        }
    }

    fn goes_wrong(&mut self, kind: Kind, subject: Subject, what: &str) {
        self.remember(kind, subject, Turn::Bad, what);
    }

    fn goes_well(&mut self, kind: Kind, subject: Subject) {
        self.remember(kind, subject, Turn::Good, "");
    }

    fn remember(&mut self, kind: Kind, subject: Subject, turn: Turn, what: &str) {
        let at = self.parts.clock.now();
        if self.heard.len() < HEARD {
            self.heard.push(Happening { kind, subject, turn, at, run: None, what: what.to_owned() });
        }
    }

    /// Tells whoever waits for it that a run is over. Of one that was cancelled or skipped nothing is told: it is no
    /// sign of life.
    fn sign_of_end(&mut self, run: &Run, class: OutcomeClass, outcome: &str) {
        let Some(ping) = &run.task.ping else { return };
        let (url, log) = match class {
            OutcomeClass::Succeeded => (ping.success.clone(), Vec::new()),
            class if class.is_failure() => {
                // Without its log it is a sign all the same.
                let log = self.reader().and_then(|reader| outbox::log_of(reader, run.id)).unwrap_or_default();
                (ping.failure.clone(), log)
            }
            _ => return,
        };
        if let Some(url) = url {
            let mut body = format!("run {}: {}\n", run.id, inert(outcome));
            log.iter().for_each(|line| body.push_str(&format!("{}\n", inert(line))));
            self.pings.push(&run.task.name, Sign { url, body });
        }
    }
}
