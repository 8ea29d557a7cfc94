//! The log of one attempt while it runs: lines from every source, redacted, capped and counted.
//!
//! A guest can neither fail nor block by writing: what is too much is dropped, and the last line says how much that was.

mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::model::limits::{Limits, LogUsage};
use crate::model::log::{Level, LogLine, LogSource, size};
use crate::model::text;
use crate::sandbox::bounds;
use crate::sandbox::journal::stream::Unfinished;
use crate::sandbox::live::{Followers, LiveLine, Mark};
use crate::sandbox::redaction::Redaction;

pub(crate) use stream::TextStream;

/// The log of one attempt while it runs. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<Mutex<Pages>>);

#[derive(Debug)]
struct Pages {
    clock: Clock,
    redaction: Redaction,
    lines: Vec<LogLine>,
    /// Bytes that the guest may write.
    allowed: u64,
    allowed_lines: u64,
    used: LogUsage,
    /// Whether a line had to be cut to what room there was. What little may be left holds none of the next.
    was_cut: bool,
    /// Bytes that the host's own lines may have.
    host_allowed: usize,
    host_bytes: usize,
    host_dropped: u64,
    refusals: u8,
    /// The line that is being written on each stream.
    unfinished: [Unfinished; 2],
    /// Who follows. Nearly always nobody.
    followers: Vec<(Mark, Followers)>,
}

impl Journal {
    /// An empty journal that keeps of the guest's own text what these limits allow.
    pub(crate) fn new(clock: Clock, limits: &Limits, redaction: Redaction) -> Self {
        Self(Arc::new(Mutex::new(Pages {
            clock,
            redaction,
            lines: Vec::new(),
            allowed: limits.log,
            allowed_lines: limits.log_lines.into(),
            used: LogUsage::default(),
            was_cut: false,
            host_allowed: host_allowed(limits),
            host_bytes: 0,
            host_dropped: 0,
            refusals: 0,
            unfinished: Default::default(),
            followers: Vec::new(),
        })))
    }

    /// A line that the guest wrote through a log interface.
    pub(crate) fn guest(&self, level: Level, message: String, fields: Vec<(String, String)>) {
        self.pages().guest(level, LogSource::Log, message, fields);
    }

    /// A line of the host's own.
    pub(crate) fn host(&self, level: Level, message: String, fields: Vec<(String, String)>) {
        self.pages().host(level, message, fields);
    }

    /// A line of the host's own at the end of an attempt. There is room for the few of these in any case.
    pub(crate) fn last(&self, level: Level, message: String) {
        self.pages().own(level, message, Vec::new());
    }

    /// A text that a guest or a server chose, without secrets and as long as a line of the host's own may have it.
    pub(crate) fn shortened(&self, text: String) -> String {
        // Secrets first: half of one would not be found.
        text::cut_off(self.pages().redaction.apply(text), bounds::HOST_LOG_TEXT)
    }

    /// The same for a text that ends with a URL without its query, which often carries what nobody else should see.
    pub(crate) fn shortened_before(&self, text: String, query: Option<&str>) -> String {
        text::cut_off(self.pages().redaction.apply_before(text, query), bounds::HOST_LOG_TEXT)
    }

    /// A line of the host's own about a door that stayed shut. A guest can knock as often as it likes, so there are only so
    /// many: they must not take the room of other lines.
    pub(crate) fn refusal(&self, message: String) {
        self.pages().refusal(message);
    }

    /// Bytes that the guest wrote to a stream.
    pub(crate) fn write(&self, stream: TextStream, bytes: &[u8]) {
        self.pages().write(stream, bytes);
    }

    /// Ends the lines that are still being written. Returns what was kept and dropped of what the guest wrote, and how many
    /// lines of the host's own there was no room for.
    pub(crate) fn end(&self) -> (LogUsage, u64) {
        let mut pages = self.pages();
        pages.end_streams();
        (pages.used, pages.host_dropped)
    }

    /// Takes the lines out, in the order in which the host received them.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.pages().lines)
    }

    /// Tells followers of each line from now on.
    pub(super) fn tap(&self, mark: &Mark, followers: &Followers) {
        let mut pages = self.pages();
        // A guest that logs nothing would keep those of whom nobody is left.
        pages.followers.retain(|(_, followers)| followers.receiver_count() > 0);
        pages.followers.push((mark.clone(), followers.clone()));
    }

    /// How many channels of followers there are.
    #[cfg(test)]
    pub(super) fn followers(&self) -> usize {
        self.pages().followers.len()
    }

    /// What was logged so far, the latest lines if those are many.
    pub(super) fn so_far(&self, mark: &Mark) -> Vec<Arc<LiveLine>> {
        self.pages().so_far(mark)
    }

    /// A panic while the lock was held leaves at worst one line unfinished.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Whether nothing more of the guest's can be kept.
    fn is_full(&self) -> bool {
        self.was_cut || self.used.bytes == self.allowed || self.used.lines >= self.allowed_lines
    }

    fn guest(&mut self, level: Level, source: LogSource, message: String, mut fields: Vec<(String, String)>) {
        for (name, value) in fields.drain(fields.len().min(bounds::LOG_FIELDS)..) {
            self.used.dropped += (name.len() + value.len()) as u64;
        }
        if self.is_full() {
            self.used.dropped += size(&message, &fields) as u64;
            return;
        }
        // They would count as nothing, and are not.
        fields.retain(|(name, value)| !name.is_empty() || !value.is_empty());
        // The vector that was handed over may have had room for thousands, and would be kept as it is.
        let mut few = Vec::with_capacity(fields.len());
        few.extend(fields.into_iter().map(|(name, value)| (self.redaction.apply(name), self.redaction.apply(value))));
        let message = self.redaction.apply(message);
        self.keep(level, source, message, few);
    }

    /// Stores a line of the guest's, or as much of it as there is room for.
    fn keep(&mut self, level: Level, source: LogSource, mut message: String, mut fields: Vec<(String, String)>) {
        let whole = size(&message, &fields) as u64;
        if self.is_full() {
            self.used.dropped += whole;
            return;
        }
        let room = self.allowed - self.used.bytes;
        if whole > room {
            fields = Vec::new();
        }
        if message.len() as u64 > room {
            message.truncate(message.floor_char_boundary(usize::try_from(room).unwrap_or(usize::MAX)));
            message.shrink_to_fit();
            self.was_cut = true;
        }
        let kept = size(&message, &fields) as u64;
        self.used.bytes += kept;
        self.used.lines += 1;
        self.used.dropped += whole - kept;
        self.push(LogLine { at: self.clock.now(), level, source, message, fields });
    }

    fn refusal(&mut self, message: String) {
        if self.refusals < bounds::REFUSALS && message.len() <= bounds::REFUSAL {
            self.refusals += 1;
            self.host(Level::Warn, message, Vec::new());
        } else {
            self.host_dropped += 1;
        }
    }

    fn host(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        let size = size(&message, &fields);
        if self.host_bytes + size > self.host_allowed {
            self.host_dropped += 1;
            return;
        }
        self.host_bytes += size;
        self.own(level, message, fields);
    }

    fn own(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        let message = self.redaction.apply(message);
        let fields = fields.into_iter().map(|(name, value)| (name, self.redaction.apply(value))).collect();
        self.push(LogLine { at: self.clock.now(), level, source: LogSource::Host, message, fields });
    }

    fn push(&mut self, line: LogLine) {
        if !self.followers.is_empty() {
            let number = self.lines.len() as u64 + 1;
            // Those of whom nobody is left need not be told again.
            self.followers.retain(|(mark, followers)| followers.send(mark.line(number, &line)).is_ok());
        }
        self.lines.push(line);
    }

    fn so_far(&self, mark: &Mark) -> Vec<Arc<LiveLine>> {
        let numbered = (1..).zip(&self.lines).skip(self.lines.len().saturating_sub(bounds::LIVE_LINES));
        numbered.map(|(number, line)| mark.line(number, line)).collect()
    }
}

/// Bytes of the host's own lines: each request that an attempt may make can leave one.
fn host_allowed(limits: &Limits) -> usize {
    let requests = usize::try_from(limits.http.requests).unwrap_or(usize::MAX);
    let for_requests = requests.saturating_mul(bounds::HOST_LOG_OF_A_REQUEST);
    bounds::HOST_LOG.saturating_add(for_requests).min(bounds::HOST_LOG_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::grants::{Grants, Secret};
    use crate::model::limits::HttpLimits;

    const LINES: u32 = 2000;

    pub(super) fn journal(allowed: u64, secret: &str) -> Journal {
        let secrets = vec![("S".to_owned(), Secret::new(secret.to_owned()))];
        let limits = Limits { log: allowed, log_lines: LINES, ..Limits::default() };
        Journal::new(Clock::system(), &limits, Redaction::of(&Grants { secrets, ..Grants::default() }))
    }

    /// The messages, and the bytes kept and dropped.
    pub(super) fn finish(journal: &Journal) -> (Vec<String>, u64, u64) {
        let (LogUsage { bytes: kept, dropped, .. }, _) = journal.end();
        (journal.take().into_iter().map(|line| line.message).collect(), kept, dropped)
    }

    #[test]
    fn a_line_takes_no_more_than_it_counts() {
        let journal = journal(1000, "");
        let field = |name: &str| (name.to_owned(), String::new());
        let mut many: Vec<_> = (0..20_000).map(|_| field("")).collect();
        many[3] = field("a");
        journal.guest(Level::Info, "few".to_owned(), many);
        journal.guest(Level::Info, String::new(), vec![field(&"x".repeat(2000)); 10]);
        journal.guest(Level::Info, "\u{1f600}".repeat(10_000), Vec::new());
        journal.guest(Level::Info, "none of it".to_owned(), Vec::new());
        journal.write(TextStream::Stdout, b"nor of this\n");
        let (used, _) = journal.end();
        let lines = journal.take();
        let taken = |line: &LogLine| (line.message.capacity(), line.fields.capacity());
        assert_eq!(lines.iter().map(taken).collect::<Vec<_>>(), [(3, 1), (0, 0), (996, 0)]);
        assert_eq!((used.bytes, used.lines), (1000, 3));
        assert_eq!(used.dropped, 20_000 + 40_000 - 996 + 10 + 11);
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        for secret in ["hunter2", ""] {
            let journal = journal(10, secret);
            for _ in 0..1000 {
                journal.write(TextStream::Stdout, b"12345678\n");
            }
            journal.guest(Level::Info, "more".to_owned(), vec![("a".to_owned(), "b".to_owned())]);
            let (messages, kept, dropped) = finish(&journal);
            assert_eq!(messages, ["12345678", "12"]);
            assert_eq!((kept, dropped), (10, 8 * 1000 + 6 - 10));
        }
    }

    #[test]
    fn many_lines_are_cut_and_counted() {
        let journal = journal(1_000_000, "");
        for _ in 0..LINES + 5 {
            journal.write(TextStream::Stdout, b"x\n");
        }
        let (messages, _, dropped) = finish(&journal);
        assert_eq!((messages.len(), dropped), (LINES as usize, 5));
    }

    #[test]
    fn refusals_leave_room_for_other_lines() {
        let journal = journal(1000, "");
        for _ in 0..1000 {
            journal.refusal("x".repeat(bounds::REFUSAL));
        }
        journal.refusal("x".repeat(bounds::REFUSAL + 1));
        journal.host(Level::Error, "stopped".to_owned(), Vec::new());
        let (messages, ..) = finish(&journal);
        assert_eq!(messages.len(), usize::from(bounds::REFUSALS) + 1);
        assert_eq!(journal.end().1, 1001 - u64::from(bounds::REFUSALS), "the others are counted");
        assert_eq!(messages.last().map(String::as_str), Some("stopped"));
    }

    #[test]
    fn the_host_has_its_own_share() {
        let journal = journal(3, "hunter2");
        journal.write(TextStream::Stdout, b"abcdef\n");
        journal.host(Level::Info, "GET hunter2".to_owned(), Vec::new());
        journal.host(Level::Info, "x".repeat(bounds::HOST_LOG_AT_MOST), Vec::new());
        journal.last(Level::Error, "stopped".to_owned());
        assert_eq!((finish(&journal).0, journal.end().1), (["abc", "GET ***", "stopped"].map(str::to_owned).into(), 1));
    }

    #[test]
    fn the_hosts_share_grows_with_the_requests_that_are_allowed() {
        for (requests, expected) in [(0, 64 << 10), (100, 264 << 10), (1000, 1 << 20), (u32::MAX, 1 << 20)] {
            let http = HttpLimits { requests, ..HttpLimits::default() };
            assert_eq!(host_allowed(&Limits { http, ..Limits::default() }), expected, "{requests}");
        }
    }

    #[test]
    fn a_long_text_is_cut_off_and_no_part_of_a_secret_is_left() {
        let journal = journal(1000, "hunter2");
        let text = |before: usize| format!("{}hunter2{}", "x".repeat(before), "y".repeat(60_000));
        for before in bounds::HOST_LOG_TEXT - 10..bounds::HOST_LOG_TEXT + 10 {
            let short = journal.shortened(text(before));
            assert!(short.contains("... (cut off; 59") && short.len() < bounds::HOST_LOG_TEXT + 40, "{short}");
            assert!(!short.contains('h'), "{short}");
        }
        assert_eq!(journal.shortened("x".repeat(bounds::HOST_LOG_TEXT)).len(), bounds::HOST_LOG_TEXT);
    }
}
