//! A proxy on the way to what the operator configured, and what is reached without it.

use url::{Host, Url};

use crate::model::grants::Secret;

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is: `http`, a host and a port.
    pub url: Url,
    /// As whom to ask it, and with which password.
    pub login: Option<(String, Secret)>,
    /// Names and addresses that are reached without it; a name stands for those below it, too.
    pub except: Vec<String>,
}

impl Proxy {
    /// Whether the way to a host leads over it. It never does to this machine.
    pub fn leads_to(&self, host: &Host<&str>) -> bool {
        let is_here = match host {
            Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let shown = match host {
            Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let is_below = |above: &str| shown.strip_suffix(above).is_some_and(|below| below.ends_with('.'));
        let is_excepted = |except: &String| *except == shown || matches!(host, Host::Domain(_)) && is_below(except);
        !is_here && !self.except.iter().any(is_excepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_machine_and_to_exceptions_leads_past_it() {
        let except = ["corp.example", "10.1.2.3"].map(str::to_owned).to_vec();
        let proxy = Proxy { url: "http://proxy.corp.example:3128".parse().unwrap(), login: None, except };
        let check = |url: &str, expected: bool| {
            let url: Url = url.parse().unwrap();
            assert_eq!(proxy.leads_to(&url.host().unwrap()), expected, "{url}");
        };
        check("https://hooks.example.com/", true);
        check("https://corp.example/", false);
        check("https://Hooks.Corp.Example./", false);
        check("https://notcorp.example/", true);
        check("https://10.1.2.3/", false);
        check("https://210.1.2.3/", true);
        check("https://[2001:db8::1]/", true);
        check("http://localhost:4318/", false);
        check("http://127.9.9.9/", false);
        check("http://[::1]/", false);
    }
}
