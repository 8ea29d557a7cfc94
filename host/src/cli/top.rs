//! `sandclock top`: what goes on, live.
//!
//! It needs no library but the one for system calls: a raw terminal, six keys and a handful of sequences that every
//! terminal has known for decades.

mod keys;
mod screen;
mod seen;
mod view;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use clap::Args;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::control::{Asked, Connection, Event, Events, Host, Reach, waiting};
use super::{Exit, terminal};
use crate::clock::Clock;
use keys::{Wish, wishes};
use screen::Screen;
use seen::{Rates, Seen};
use view::{Refresh, View, snapshot};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// Show what goes on, live: what runs and waits, what comes, what failed.
///
/// Keys: q (or Ctrl-C) quits, p holds what is shown and lets it go on, s sorts what runs by time or by task, j and k or the
/// arrows scroll. Without a terminal it prints what there is once, and ends.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock top
  sandclock top | head -20
  sandclock top --url https://clock.example:7390 --token-file token

Exit codes: 0 done, 1 the host failed, 2 wrong usage, 3 configuration refused, 6 no host is running.")]
pub(super) struct Arguments {
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let seen = waiting(async { Seen::of(&mut host.reach().await?, clock.now()).await })?;
        terminal::print(snapshot(&seen, &mut Rates::default(), &TimeZone::system()))?;
        return Ok(Exit::Done);
    }
    waiting(watch(&host, clock))
}

/// Looks and draws until somebody has seen enough.
async fn watch(host: &Host, clock: Clock) -> anyhow::Result<Exit> {
    // Before the screen is taken: if there is no host, that is all there is to say.
    let mut line = Line::open(host, clock).await?;
    let mut end = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let [terminated, interrupted, hung_up] = &mut end;
    let mut resized = signal(SignalKind::window_change())?;
    let mut keyboard = keyboard()?;
    std::panic::set_hook(Box::new(screen::panicked));
    let mut screen = Screen::take(File::from(io::stdout().as_fd().try_clone_to_owned()?))?;
    let (zone, mut view, mut rates) = (TimeZone::system(), View::default(), Rates::default());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let plain = AutoStream::choice(&io::stdout()) == ColorChoice::Never;
    let mut seen = None;
    let mut trouble: Option<String> = None;
    rates.begin(clock.now());
    loop {
        let mut lines = view.screen(seen.as_ref(), trouble.as_deref(), &mut rates, screen.size()?, &zone);
        if plain {
            lines.iter_mut().for_each(|line| *line = strip_str(line).to_string());
        }
        screen.draw(&lines)?;
        tokio::select! {
            wished = typed(&mut keyboard) => {
                if wished.contains(&Wish::Quit) {
                    break;
                }
                wished.into_iter().for_each(|wish| view.follow(wish));
            }
            _ = resized.recv() => {}
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            _ = hung_up.recv() => break,
            event = line.event() => rates.hear(&event, clock.now()),
            _ = look.tick(), if view.refresh == Refresh::Live => {
                let found = tokio::select! {
                    found = line.look(host, clock) => found,
                    () = quits(&mut keyboard, &mut view) => break,
                };
                match found {
                    Ok(found) => (seen, trouble) = (Some(found), None),
                    // What was seen last stays; the host may come back.
                    Err(error) => trouble = Some(format!("{error:#}")),
                }
            }
        }
    }
    drop(screen);
    Ok(Exit::Done)
}

/// What a person types. A thread waits for it, since a terminal that is shared with a shell has to stay one that blocks; it
/// ends with the program.
fn keyboard() -> io::Result<mpsc::Receiver<Vec<Wish>>> {
    let (tell, typed) = mpsc::channel(16);
    std::thread::Builder::new().name("sandclock-keys".into()).spawn(move || {
        let mut sent = [0; 256];
        loop {
            let wished = match io::stdin().lock().read(&mut sent) {
                // A terminal that is gone sends nothing any more.
                Ok(0) | Err(_) => vec![Wish::Quit],
                Ok(read) => wishes(&sent[..read]),
            };
            let gone = wished.contains(&Wish::Quit);
            if tell.blocking_send(wished).is_err() || gone {
                return;
            }
        }
    })?;
    Ok(typed)
}

async fn typed(keyboard: &mut mpsc::Receiver<Vec<Wish>>) -> Vec<Wish> {
    keyboard.recv().await.unwrap_or_else(|| vec![Wish::Quit])
}

/// Waits until a person wants to go, and does meanwhile what else they want.
async fn quits(keyboard: &mut mpsc::Receiver<Vec<Wish>>, view: &mut View) {
    loop {
        let wished = typed(keyboard).await;
        if wished.contains(&Wish::Quit) {
            return;
        }
        wished.into_iter().for_each(|wish| view.follow(wish));
    }
}

/// How the host is asked and heard: a connection for each, made anew when it breaks.
struct Line {
    asked: Option<Connection>,
    heard: Option<Events>,
}

impl Line {
    async fn open(host: &Host, clock: Clock) -> anyhow::Result<Self> {
        let mut line = Self { asked: None, heard: None };
        line.look(host, clock).await?;
        Ok(line)
    }

    async fn look(&mut self, host: &Host, clock: Clock) -> anyhow::Result<Seen> {
        // They are put back when all went well.
        let (asked, heard) = (self.asked.take(), self.heard.take());
        let mut connection = match asked {
            Some(connection) => connection,
            None => host.reach().await?,
        };
        let seen = Seen::of(&mut connection, clock.now()).await?;
        self.asked = Some(connection);
        self.heard = Some(match heard {
            Some(heard) => heard,
            None => host.reach().await?.follow(Asked::get("/api/v1/events")).await?,
        });
        Ok(seen)
    }

    /// The next thing that happens.
    async fn event(&mut self) -> Event {
        if let Some(events) = &mut self.heard
            && let Ok(Some(event)) = events.next().await
        {
            return event;
        }
        // The next look connects again.
        self.heard = None;
        std::future::pending().await
    }
}
