//! The codes of alerts' words in the database. A code that was released keeps its meaning.

use crate::ledger::stored::Unreadable;
use crate::model::alert::{Kind, News};
use crate::model::id::AlertName;

pub(super) fn kind_code(kind: Kind) -> i64 {
    match kind {
        Kind::Failed => 0,
        Kind::Missed => 1,
        Kind::Stuck => 2,
        Kind::Slow => 3,
        Kind::Short => 4,
        Kind::Plugin => 5,
        Kind::Reload => 6,
        Kind::Ledger => 7,
        Kind::Crash => 8,
    }
}

pub(super) fn kind(code: i64) -> Result<Kind, Unreadable> {
    let found = Kind::ALL.into_iter().find(|kind| kind_code(*kind) == code);
    found.ok_or_else(|| Unreadable::new(format!("no kind of alert has the code {code}")))
}

pub(super) fn news_code(news: News) -> i64 {
    match news {
        News::First => 0,
        News::Changed => 1,
        News::Reminder => 2,
        News::Relapse => 3,
        News::Recovered => 4,
    }
}

pub(super) fn news(code: i64) -> Result<News, Unreadable> {
    let found = News::ALL.into_iter().find(|news| news_code(*news) == code);
    found.ok_or_else(|| Unreadable::new(format!("no news of an alert has the code {code}")))
}

pub(super) fn channel(text: &str) -> Result<AlertName, Unreadable> {
    text.parse().map_err(|error| Unreadable::new(format!("{text:?} names no alert: {error}")))
}
