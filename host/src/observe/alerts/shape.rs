//! The form that each service wants a message in.

use serde_json::{Value as Json, json};

use super::message::{Item, Message};
use crate::model::alert::channel::{Hook, Service};
use crate::model::alert::template::Placeholder;
use crate::model::alert::{News, Subject};
use crate::model::text::{cut, inert_json};

/// The longest text that Slack shows in one piece, in characters.
const SLACK: usize = 3_500;
/// The longest message that Discord takes, in characters.
const DISCORD: usize = 2_000;
/// The longest message that ntfy takes without making a file of it, in bytes.
const NTFY: usize = 4_000;
/// The longest summary that PagerDuty takes, in characters.
const PAGERDUTY: usize = 1_000;

/// A request: where it goes, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shaped {
    pub(super) url: url::Url,
    pub(super) body: String,
    /// Whether the token goes into a header.
    pub(super) authorization: Option<String>,
}

/// A message in the form that a service wants.
pub(super) fn shape(hook: &Hook, message: &Message) -> Shaped {
    let bearer = || hook.token.as_ref().map(|token| format!("Bearer {}", token.reveal()));
    let mut shaped = Shaped { url: hook.url.clone(), body: String::new(), authorization: bearer() };
    shaped.body = match &hook.service {
        // Whoever parses it gets the guest's words as they were.
        Service::Json => inert_json(&generic(message).to_string()).to_string(),
        Service::Template(template) => template.render(|placeholder| value(placeholder, message)),
        Service::Slack => slack(message).to_string(),
        Service::Discord => discord(message).to_string(),
        Service::Ntfy => {
            let (url, topic) = ntfy_topic(&hook.url);
            shaped.url = url;
            ntfy(message, &topic).to_string()
        }
        Service::PagerDuty => {
            // Its key stands in the body.
            shaped.authorization = None;
            let event = pagerduty(message, hook.token.as_ref().map_or("", |token| token.reveal()));
            inert_json(&event.to_string()).to_string()
        }
    };
    shaped
}

fn generic(message: &Message) -> Json {
    json!({
        "id": message.key,
        "at": message.at.to_string(),
        "alert": message.channel.as_str(),
        "host": message.host,
        "title": message.title(),
        "text": message.text(),
        "severity": message.severity(),
        "notices": message.items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn item(item: &Item) -> Json {
    let notice = &item.notice;
    let (task, plugin) = match &notice.subject {
        Subject::Task(task) => (Some(task.as_str()), None),
        Subject::Plugin(plugin) => (None, Some(plugin.as_str())),
        Subject::Host => (None, None),
    };
    json!({
        "kind": notice.kind.name(),
        "news": notice.news.name(),
        "headline": item.headline(),
        "task": task,
        "plugin": plugin,
        "run": notice.run.map(|run| run.to_string()),
        "at": notice.at.to_string(),
        "since": notice.since.to_string(),
        "count": notice.count,
        "what": notice.what,
        "log": item.log,
        "next": item.next_step(),
    })
}

fn value(placeholder: Placeholder, message: &Message) -> String {
    let first = message.items.first();
    let of_first = |text: fn(&Item) -> String| first.map(text).unwrap_or_default();
    match placeholder {
        Placeholder::Title => message.title(),
        Placeholder::Text => message.text(),
        Placeholder::Id => message.key.clone(),
        Placeholder::Severity => message.severity().to_owned(),
        Placeholder::Kind => of_first(|item| item.notice.kind.name().to_owned()),
        Placeholder::News => of_first(|item| item.notice.news.name().to_owned()),
        Placeholder::Subject => of_first(Item::name),
        Placeholder::Run => of_first(|item| item.notice.run.map(|run| run.to_string()).unwrap_or_default()),
        Placeholder::What => of_first(Item::what),
        Placeholder::Count => first.map_or(0, |item| item.notice.count).to_string(),
        Placeholder::Notices => message.items.len().to_string(),
        Placeholder::Host => message.host.clone(),
    }
}

fn slack(message: &Message) -> Json {
    // The three characters that Slack's own markup begins with.
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // A fence within would end ours.
    let text = cut(&message.text().replace("```", "'''"), SLACK);
    json!({ "text": format!("*{}*\n```\n{}```", plain(&message.title().replace('*', "")), plain(&text)) })
}

fn discord(message: &Message) -> Json {
    let (title, text) = (message.title(), message.text().replace("```", "'''"));
    let room = DISCORD - title.chars().count() - 20;
    let text = format!("**{}**\n```\n{}```", title.replace('*', ""), cut(&text, room));
    // Whatever a guest wrote, it calls nobody.
    json!({ "content": text, "allowed_mentions": { "parse": [] } })
}

/// ntfy takes JSON at its root, with the topic in it.
fn ntfy_topic(url: &url::Url) -> (url::Url, String) {
    let path = url.path().trim_matches('/');
    let (before, topic) = path.rsplit_once('/').map_or(("", path), |(before, topic)| (before, topic));
    let mut root = url.clone();
    root.set_path(&format!("/{before}"));
    (root, topic.to_owned())
}

fn ntfy(message: &Message, topic: &str) -> Json {
    let priority = match message.severity() {
        "critical" => 5,
        "error" => 4,
        "warning" => 3,
        _ => 2,
    };
    let text = message.text();
    let text = &text[..text.floor_char_boundary(NTFY)];
    let tag = if message.is_good() { "white_check_mark" } else { "rotating_light" };
    json!({ "topic": topic, "title": message.title(), "message": text, "priority": priority, "tags": [tag] })
}

fn pagerduty(message: &Message, routing_key: &str) -> Json {
    let Some(first) = message.items.first() else {
        return json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": format!("sandclock/{}/test", message.host),
            "payload": { "summary": message.title(), "source": message.host, "severity": message.severity() },
        });
    };
    let notice = &first.notice;
    // One incident for each trouble, which its end closes.
    let dedup = format!("sandclock/{}/{}/{}", message.host, notice.subject, notice.kind);
    if notice.news == News::Recovered {
        return json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup });
    }
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup,
        "payload": {
            "summary": cut(&message.title(), PAGERDUTY),
            "source": message.host,
            "severity": message.severity(),
            "timestamp": notice.at.to_string(),
            "component": notice.subject.to_string(),
            "class": notice.kind.name(),
            "custom_details": item(first),
        },
    })
}
