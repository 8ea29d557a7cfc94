//! What systemd is told: that the host serves, that it takes another configuration, that it stops, that it is alive. The
//! protocol is sd_notify(3): a line `KEY=value` or several in a datagram.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::daemon::STALLED;

/// Whoever started this process and wants to be told how it is. Nobody, if it was not started by a service manager.
pub(super) struct Supervisor {
    socket: Option<UnixDatagram>,
    /// When it is to be told the next time that the host is alive.
    ticks: Option<Interval>,
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice<'a> {
    /// The host serves; with a line for people.
    Ready(&'a str),
    /// It reads its configuration anew.
    Reloading,
    /// It stops.
    Stopping,
    /// It is alive.
    Alive,
}

impl Supervisor {
    /// The one that the environment names. Within a runtime.
    pub(super) fn of_process() -> Self {
        let of_environment = |name| std::env::var(name).ok();
        let socket = of_environment("NOTIFY_SOCKET").and_then(|path| match connect(&path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!("the service manager at NOTIFY_SOCKET={path:?} cannot be told anything: {error}");
                None
            }
        });
        let pid = of_environment("WATCHDOG_PID");
        let is_for_us = pid.is_none_or(|pid| pid == std::process::id().to_string());
        let period = of_environment("WATCHDOG_USEC").filter(|_| is_for_us && socket.is_some());
        let ticks = period.and_then(|period| pace(&period)).map(|pace| {
            let mut ticks = interval(pace);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self { socket, ticks }
    }

    /// Tells it something. If that cannot be done, it is the manager's to notice.
    pub(super) fn tell(&self, notice: Notice<'_>) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(words(notice).as_bytes());
        }
    }

    /// Resolves when it wants to hear that the host is alive.
    pub(super) async fn wants_a_sign(&mut self) {
        match &mut self.ticks {
            Some(ticks) => _ = ticks.tick().await,
            None => std::future::pending().await,
        }
    }

    /// Tells it that the host is alive, if the firing loop has turned of late. A ledger that cannot be written is no reason
    /// for silence: it would have the host killed, and with it what it keeps in memory until there is room again.
    pub(super) fn sign(&self, since_last_turn: Duration) {
        if since_last_turn < STALLED {
            self.tell(Notice::Alive);
        }
    }
}

fn connect(path: &str) -> std::io::Result<UnixDatagram> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read must not hold up the host.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// How often a sign is given, of the period in which the manager wants one: a third, so that one may be missed.
fn pace(period: &str) -> Option<Duration> {
    let period = period.parse().ok().map(Duration::from_micros)?;
    (!period.is_zero()).then(|| (period / 3).max(Duration::from_millis(1)))
}

fn words(notice: Notice<'_>) -> String {
    match notice {
        Notice::Ready(status) => format!("READY=1\nSTATUS={status}"),
        // With the time, by which `Type=notify-reload` tells this reload from an earlier one.
        Notice::Reloading => {
            let time = clock_gettime(ClockId::Monotonic);
            format!("RELOADING=1\nMONOTONIC_USEC={}", time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
        }
        Notice::Stopping => "STOPPING=1\nSTATUS=draining: nothing more is started".to_owned(),
        Notice::Alive => "WATCHDOG=1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_given_three_times_in_a_period() {
        assert_eq!(pace("30000000"), Some(Duration::from_secs(10)));
        assert_eq!(pace("1"), Some(Duration::from_millis(1)));
        for none in ["0", "", "soon", "-1"] {
            assert_eq!(pace(none), None, "{none}");
        }
    }

    #[test]
    fn a_stalled_loop_gives_no_sign() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let supervisor = Supervisor { socket: Some(ours), ticks: None };
        let said = || {
            let mut said = [0; 64];
            theirs.recv(&mut said).map(|length| String::from_utf8_lossy(&said[..length]).into_owned()).ok()
        };
        supervisor.sign(Duration::from_secs(1));
        assert_eq!(said().as_deref(), Some("WATCHDOG=1"));
        supervisor.sign(Duration::from_secs(6));
        assert_eq!(said(), None);
    }
}
