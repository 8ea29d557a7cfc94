//! The words and forms of messages, as golden files. `UPDATE=1` writes them anew.

mod days;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::mail;
use super::message::{Item, Message, log_line};
use super::shape::{Shaped, shape};
use crate::model::alert::channel::{Hook, Mail, Roots, Security, Service};
use crate::model::alert::template::Template;
use crate::model::alert::{Kind, News, Notice};
use crate::model::grants::Secret;
use crate::model::id::RunId;
use crate::model::log::{Level, LogLine, LogSource};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn item(kind: Kind, news: News, subject: &str, what: &str) -> Item {
    let log = LogLine {
        at: time("2026-11-28T08:00:01Z"),
        level: Level::Error,
        source: LogSource::Log,
        message: "503 from \u{1b}[31mapi ``` <b>&".to_owned(),
        fields: vec![("page".to_owned(), "3".to_owned())],
    };
    let of_run = matches!(kind, Kind::Failed | Kind::Stuck | Kind::Slow | Kind::Short);
    let notice = Notice {
        kind,
        subject: subject.parse().unwrap(),
        news,
        at: time("2026-11-28T08:00:02Z"),
        run: of_run.then(|| RunId::from_i64(7_000_000_000_000_000_000).unwrap()),
        what: what.to_owned(),
        since: time("2026-11-27T08:00:02Z"),
        count: if news == News::First { 1 } else { 12 },
    };
    let log = if of_run { vec![log_line(&log)] } else { Vec::new() };
    Item { notice, zone: TimeZone::get("Europe/Berlin").unwrap(), log }
}

fn message(items: Vec<Item>) -> Message {
    Message {
        key: "1795852802000.00000000000000ff".to_owned(),
        at: time("2026-11-28T08:00:30Z"),
        channel: "ops".parse().unwrap(),
        host: "mars".to_owned(),
        items,
        last_of: None,
    }
}

fn failed() -> Message {
    message(vec![item(
        Kind::Failed,
        News::First,
        "task:report",
        "failed, perhaps not for long: \"busy\"\r\nBcc: x@y.z",
    )])
}

fn recovered() -> Message {
    message(vec![item(Kind::Failed, News::Recovered, "task:report", "failed: busy")])
}

fn check(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/alerts").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, found).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, expected, "{}; UPDATE=1 rewrites it", file.display());
}

fn shaped(service: Service, message: &Message) -> Shaped {
    let url = "https://hooks.example.com/one/topic".parse().unwrap();
    let hook = Hook { url, service, token: Some(Secret::new("t0ken".to_owned())), roots: None };
    shape(&hook, message)
}

/// The request as a person would look at it.
fn shown(shaped: &Shaped) -> String {
    let body: serde_json::Value = serde_json::from_str(&shaped.body).unwrap();
    let authorization = shaped.authorization.as_deref().unwrap_or("none");
    format!("POST {}\nauthorization: {authorization}\n\n{body:#}\n", shaped.url)
}

#[test]
fn every_service_gets_the_form_that_it_wants() {
    let template =
        Template::parse(r#"{"t": "{{title}}", "n": {{count}}, "r": "{{run}}", "s": "{{subject}}"}"#).unwrap();
    for service in [
        Service::Json,
        Service::Template(template),
        Service::Slack,
        Service::Discord,
        Service::Ntfy,
        Service::PagerDuty,
    ] {
        let name = match service {
            Service::Template(_) => "template",
            ref service => service.name(),
        };
        let found =
            [failed(), recovered(), message(Vec::new())].map(|message| shown(&shaped(service.clone(), &message)));
        check(&format!("{name}.txt"), &found.join("\n"));
    }
}

#[test]
fn no_message_is_longer_than_its_service_takes() {
    let long = "x\u{1f600}\"<".repeat(500);
    let items = (0..200).map(|_| item(Kind::Failed, News::Changed, "task:report", &long)).collect();
    let message = message(items);
    let length = |service, of: fn(&serde_json::Value) -> usize| {
        of(&serde_json::from_str(&shaped(service, &message).body).unwrap())
    };
    assert!(length(Service::Discord, |body| body["content"].as_str().unwrap().chars().count()) <= 2000);
    assert!(length(Service::Ntfy, |body| body["message"].as_str().unwrap().len()) <= 4096);
    assert!(length(Service::Slack, |body| body["text"].as_str().unwrap().chars().count()) <= 10_000);
    assert!(length(Service::PagerDuty, |body| body["payload"]["summary"].as_str().unwrap().chars().count()) <= 1024);
    assert!(message.text().len() < 100_000, "{}", message.text().len());
    assert!(shaped(Service::Json, &message).body.len() < 2_000_000);
}

#[test]
fn a_mail_says_what_happened_and_what_to_do() {
    let mail = Mail {
        host: "smtp.example.com".to_owned(),
        port: 587,
        security: Security::StartTls,
        login: None,
        from: "sandclock@example.com".to_owned(),
        to: vec!["ops@example.com".to_owned(), "boss@example.com".to_owned()],
        roots: Some(Roots(Arc::from(*b""))),
    };
    let kinds = [
        (Kind::Missed, "task:fetch", "4 slots were not run"),
        (Kind::Plugin, "plugin:report", "no such file"),
        (Kind::Ledger, "host", "the disk is full"),
    ];
    let items = kinds.map(|(kind, subject, what)| item(kind, News::First, subject, what));
    let group = Message { last_of: Some(50), ..message(items.into()) };
    for (name, message) in
        [("failed", failed()), ("recovered", recovered()), ("group", group), ("test", message(Vec::new()))]
    {
        let letter = String::from_utf8(mail::letter(&mail, &message).unwrap().formatted()).unwrap();
        // No words of a guest become a header.
        assert!(!letter.contains("\r\nBcc"), "{letter}");
        check(&format!("mail-{name}.txt"), &letter.replace("\r\n", "\n"));
    }
}

#[test]
fn every_kind_has_its_words() {
    let subjects = |kind| match kind {
        Kind::Plugin => "plugin:report",
        Kind::Reload | Kind::Ledger | Kind::Crash => "host",
        _ => "task:report",
    };
    let mut all = String::new();
    for kind in Kind::ALL {
        for news in News::ALL {
            let item = item(kind, news, subjects(kind), "");
            all.push_str(&format!("{kind} {}: {}\n", news.name(), item.headline()));
        }
        all.push_str(&format!("  next: {}\n", item(kind, News::First, subjects(kind), "").next_step()));
    }
    check("headlines.txt", &all);
}
