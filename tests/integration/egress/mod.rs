//! What guests can reach over HTTP, in a network of their own in which every address answers.
//!
//! The tests run themselves again in namespaces: all of IPv4 and IPv6 is local there, one listener hears every
//! connection, and a small DNS server says what each case needs. So a request that should not have gone out is heard.

mod canary;
mod dns;
mod door;
mod targets;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sandclock_host::clock::Clock;
use sandclock_host::fuzzing;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::{HttpLimits, Limits};
use sandclock_host::model::run::Run;
use sandclock_host::sandbox::{AttemptReport, AttemptRequest, Prepared, Sandbox, Settings};
use tokio::sync::watch;

use self::canary::{Canary, PORT, on_to};
use self::dns::Dns;
use self::door::Door;
use self::targets::{PATHS, PORTS, PUBLIC, PUBLIC_UNREACHABLE, SPECIAL, TRICKS};
use crate::project;

/// Sets up the network; the program to run in it follows as arguments.
const NETWORK: &str = r#"set -e
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
ip route add unreachable 93.184.216.35/32
echo 'nameserver 127.0.0.1' > "$1/resolv.conf"
echo '127.0.0.1 localhost' > "$1/hosts"
echo 'hosts: files dns' > "$1/nsswitch.conf"
for file in resolv.conf hosts nsswitch.conf; do mount --bind "$1/$file" "/etc/$file"; done
shift
exec "$@""#;

#[test]
fn no_request_reaches_an_address_that_is_not_public() {
    project::run_within(&["--net", "--mount"], NETWORK, "egress::inside_the_network");
}

#[test]
#[ignore = "runs inside the network that the test above makes"]
fn inside_the_network() {
    let canary = Canary::start();
    let dns = Dns::start();
    for door in [Door::Task, Door::Wasi02, Door::Wasi03] {
        only_public_addresses_are_reached_through(door, &canary, &dns);
    }
}

fn only_public_addresses_are_reached_through(door: Door, canary: &Canary, dns: &Dns) {
    let prober = Prober::load(door);
    let before = dns.answered();
    let reused = Cell::new(0);
    let reached = |urls: &[String]| {
        let report = prober.ask(urls);
        let kept =
            report.log.iter().flat_map(|line| &line.fields).filter(|(name, value)| name == "reused" && value == "true");
        reused.set(reused.get() + kept.count());
        // What a request of `wasi:http` may not have in it is refused before there is one.
        let tried = report.usage.http.requests as usize + door.not_put_together(&report);
        assert_eq!(tried, urls.len(), "{door:?}: every one was tried: {:?}", report.outcome);
        canary.take()
    };
    let public: BTreeSet<IpAddr> = PUBLIC.iter().map(|address| address.parse().unwrap()).collect();
    let only_public = |reached: BTreeSet<IpAddr>, what: &str| {
        let special: Vec<_> = reached.difference(&public).collect();
        assert!(special.is_empty(), "{door:?}, {what}: {special:?} heard a request");
        assert_eq!(canary.strayed(), [""; 0], "{door:?}, {what}");
    };

    // That the canary hears is shown by what may go out.
    let direct: Vec<String> = public.iter().map(|address| url(&shown(*address))).collect();
    assert_eq!(reached(&direct), public, "addresses that are public");
    let named: Vec<String> = public.iter().map(|address| url(&dns.name(&[&[*address]]))).collect();
    assert_eq!(reached(&named), public, "names of addresses that are public");
    let secure = |urls: &[String]| -> Vec<String> { urls.iter().map(|url| url.replacen("http", "https", 1)).collect() };
    assert_eq!(reached(&secure(&direct)), public, "addresses that are public, over TLS");

    let special: Vec<IpAddr> = SPECIAL.iter().map(|address| address.parse().unwrap()).collect();
    assert!(special.len() >= 80);
    let direct: Vec<String> = special.iter().map(|address| url(&shown(*address))).collect();
    only_public(reached(&direct), "asked for outright");
    only_public(reached(&secure(&direct)), "asked for outright, over TLS");
    let tricks: Vec<String> = TRICKS.iter().map(|host| url(host)).collect();
    only_public(reached(&tricks), "spelled oddly");
    only_public(reached(&secure(&tricks)), "spelled oddly, over TLS");
    let named: Vec<String> = special.iter().map(|address| url(&dns.name(&[&[*address]]))).collect();
    only_public(reached(&named), "by a name");
    only_public(reached(&secure(&named)), "by a name, over TLS");
    let first: IpAddr = PUBLIC[0].parse().unwrap();
    let rebinding: Vec<String> = special.iter().map(|address| url(&dns.name(&[&[first], &[*address]]))).collect();
    for _ in 0..4 {
        only_public(reached(&rebinding), "by a name whose answer flips");
    }
    // Each of these is asked for so often that a kept connection is used again after its name has come to lead elsewhere.
    let kept: Vec<String> = rebinding.iter().take(4).map(|url| format!("{url}keep")).collect();
    reused.set(0);
    for _ in 0..4 {
        only_public(reached(&kept), "by a name whose answer flips while a connection is kept");
    }
    assert!(reused.get() > 0, "{door:?}: connections are kept, and used again");
    let dead: IpAddr = PUBLIC_UNREACHABLE.parse().unwrap();
    let second: Vec<String> = special.iter().map(|address| url(&dns.name(&[&[dead, *address]]))).collect();
    only_public(reached(&second), "by a name's second address");
    let redirect = |host: &str| format!("{}{}", url(&shown(first)), on_to(host));
    let redirects: Vec<String> = special.iter().map(|address| redirect(&shown(*address))).collect();
    only_public(reached(&redirects), "by a redirect");
    let redirects: Vec<String> = TRICKS.iter().map(|host| redirect(host)).collect();
    only_public(reached(&redirects), "by a redirect that is spelled oddly");
    let ports: Vec<String> = PORTS.iter().map(|authority| format!("http://{authority}/")).collect();
    only_public(reached(&ports), "at another port");
    if door.has_path_apart() {
        let paths: Vec<String> = PATHS.iter().map(|path| format!("http://{}:{PORT} {path}", shown(first))).collect();
        only_public(reached(&paths), "by a URL for a path");
    }
    let looked_up = dns.answered() - before;
    assert!(looked_up > special.len() * 3, "the names were looked up here: {looked_up}");
}

fn url(host: &str) -> String {
    format!("http://{host}:{PORT}/")
}

/// An address as a URL has it.
fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Guests that ask whatever they are told to.
struct Prober {
    door: Door,
    sandbox: Sandbox,
    /// The one that is told by its payload, if there is one for this door.
    prepared: Option<Prepared>,
    runtime: tokio::runtime::Runtime,
}

impl Prober {
    fn load(door: Door) -> Self {
        let sandbox = Sandbox::new(Settings::for_limits(1, []), Clock::system());
        let prepared = door.guest().map(|guest| prepared(&sandbox, &guest));
        Self { door, sandbox, prepared, runtime: tokio::runtime::Runtime::new().unwrap() }
    }

    /// Asks all of these, of a task that may ask every host.
    fn ask(&self, urls: &[String]) -> AttemptReport {
        let made = self.prepared.is_none().then(|| prepared(&self.sandbox, &self.door.guest_for(urls)));
        let prepared = self.prepared.as_ref().or(made.as_ref()).expect("one or the other");
        let mut task = fuzzing::task("egress".parse().unwrap(), "asker".parse().unwrap());
        task.grants.http = ["http", "https"].map(|scheme| format!("{scheme}://*:{PORT}").parse().unwrap()).into();
        let http = HttpLimits { requests: 1000, connect: Duration::from_secs(5), ..HttpLimits::default() };
        task.limits = Limits { timeout: Duration::from_secs(120), http, ..Limits::default() }.into();
        let run = Run {
            id: RunId::next(0, 0, None),
            task: Arc::new(task),
            cause: Cause::Manual,
            slot: None,
            payload: self.door.payload(urls).map(Arc::new),
            trace: None,
            admitted_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let (_stop, stop) = watch::channel(None);
        self.runtime.block_on(prepared.attempt(AttemptRequest { run: Arc::new(run), attempt: 1, stop }))
    }
}

fn prepared(sandbox: &Sandbox, guest: &[u8]) -> Prepared {
    fuzzing::prepared(sandbox, &fuzzing::component(guest).unwrap()).unwrap().unwrap()
}
