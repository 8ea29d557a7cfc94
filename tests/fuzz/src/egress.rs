//! The policy of HTTP requests: what it lets out is what a grant says, judged by other means.

use std::net::{IpAddr, Ipv4Addr};

use http::{Method, Uri};
use sandclock_host::fuzzing::{passed, task};
use sandclock_host::model::grants::HttpGrant;
use url::{Host, Url};

/// A line with grants (several with `;` between), a line with a URL, a line with the address that its host leads to.
pub(crate) fn feed(bytes: &[u8]) {
    let mut lines = crate::text(bytes).lines();
    let (Some(grants), Some(url), address) = (lines.next(), lines.next(), lines.next()) else { return };
    let grants: Vec<HttpGrant> = grants.split(';').filter_map(|grant| HttpGrant::parse(grant).ok()).collect();
    let Ok(uri) = url.parse::<Uri>() else { return };
    let address = address.and_then(|address| address.parse::<IpAddr>().ok());
    let mut task = task("fuzzed".parse().expect("a name"), "fuzzed".parse().expect("a name"));
    task.grants.http.clone_from(&grants);
    let Some(sent) = passed(task, &Method::GET, &uri, address) else { return };

    let (_, target) = sent.target.split_once(' ').expect("a method and a URL");
    let target = Url::parse(target).expect("a URL");
    assert!(target.username().is_empty() && target.password().is_none(), "{target}");
    let granted: Vec<String> = grants.iter().map(ToString::to_string).collect();
    assert!(granted.iter().any(|grant| covers(grant, &target)), "{target} is not covered by {granted:?}");
    if let Some(address) = address.filter(|address| sent.may_connect && special(*address)) {
        let named = |grant: &String| names(grant, address);
        assert!(granted.iter().any(named), "{target} leads to {address} under {granted:?}");
    }
}

/// Scheme, host and port of a grant as it is shown, compared as text.
fn covers(grant: &str, target: &Url) -> bool {
    let url = grant.rsplit(' ').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let default = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    };
    let found = target.host_str().unwrap_or_default().trim_end_matches('.');
    let host_fits = match host.strip_prefix('*') {
        Some("") => true,
        Some(below) => found.ends_with(below) && found.len() > below.len(),
        None => found == host,
    };
    let climbs = target.path().split('/').any(|segment| segment == "..");
    scheme == target.scheme()
        && target.port_or_known_default() == Some(port)
        && host_fits
        && (path.is_empty() || path == "/" || !climbs)
}

/// What the registries of IANA have as special, and the metadata address of Azure.
fn special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, third, fourth] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || v4.is_documentation()
                || first == 0
                || first >= 240
                || (first == 100 && (64..128).contains(&second))
                || (first == 192 && second == 0 && third == 0)
                || (first == 192 && second == 88 && third == 99)
                || (first == 198 && (18..20).contains(&second))
                || [first, second, third, fourth] == [168, 63, 129, 16]
        }
        IpAddr::V6(v6) => match v6.segments() {
            // A translator's: as special as the address inside.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                special(IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))))
            }
            // Teredo and other tunnels, benchmarks, keys; documentation; 6to4; documentation.
            [0x2001, 0..0x200 | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..0x1000, ..] => true,
            // Only this is handed out. Not mapped, loopback, private (also as it was once), link-local, multicast.
            [first, ..] => !(0x2000..0x4000).contains(&first),
        },
    }
}

/// Whether a grant names an address outright.
fn names(grant: &str, address: IpAddr) -> bool {
    let Ok(url) = Url::parse(grant.rsplit(' ').next().unwrap_or_default()) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" && address.is_loopback(),
        Some(Host::Ipv4(named)) => address == IpAddr::V4(named),
        Some(Host::Ipv6(named)) => address == IpAddr::V6(named),
        None => false,
    }
}
