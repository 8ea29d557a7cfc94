//! Keeps web pages out: what a browser says of the page that makes it send a request, and the name it was sent to.
//!
//! A page of somebody else's can make a browser on this machine send requests to `127.0.0.1`, and with a name that it
//! has made stand for that address ("DNS rebinding"), also read the answers. Neither needs a token where none is asked
//! for. Browsers tell on such pages, and programs that are no browsers send none of these headers.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It was made by a page of another origin.
    Page,
    /// It was sent to a name that is not this host's.
    Name,
}

/// Whether the name that a request was sent to has to be one of the machine itself. It has to where a request is
/// answered only because it comes from this machine: without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Any,
    OfThisMachine,
}

/// Looks at what a request says of where it comes from and where it was sent to.
pub(super) fn check(method: &Method, uri: &Uri, headers: &HeaderMap, names: Names) -> Result<(), Foreign> {
    let host = host(uri, headers);
    if names == Names::OfThisMachine && !host.is_some_and(is_of_this_machine) {
        return Err(Foreign::Name);
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let mode = headers.get("sec-fetch-mode").map(|mode| mode.as_bytes());
    match site {
        None | Some(b"same-origin" | b"none") => {}
        // A person follows a link to here. The page that has the link sees nothing of the answer.
        Some(_) if mode == Some(b"navigate") && method == Method::GET => return Ok(()),
        Some(_) => return Err(Foreign::Page),
    }
    // Browsers of before 2023 send this alone. It is absent where a person types an address.
    match headers.get(header::ORIGIN) {
        None => Ok(()),
        Some(origin) if host.is_some_and(|host| is_origin_of(origin.as_bytes(), host)) => Ok(()),
        Some(_) => Err(Foreign::Page),
    }
}

/// The name and port that a request was sent to. One that says it twice, or not at all, was not made by a browser, and
/// is of nowhere.
fn host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let mut said = headers.get_all(header::HOST).iter();
    match (uri.authority(), said.next(), said.next()) {
        (Some(authority), _, None) => Some(authority.as_str()),
        (None, Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

fn is_of_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn is_origin_of(origin: &[u8], host: &str) -> bool {
    let rest = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn check(method: Method, names: Names, lines: &[(&'static str, &'static str)]) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        super::check(&method, &Uri::from_static("/api/v1/runs"), &headers, names)
    }

    #[test]
    fn a_name_that_is_made_to_stand_for_this_machine_is_not_its_name() {
        let named = |host| check(Method::GET, Names::OfThisMachine, &[("host", host)]);
        for host in ["127.0.0.1:7390", "localhost:7390", "LOCALHOST", "[::1]:7390", "[::1]", "127.0.0.2"] {
            assert_eq!(named(host), Ok(()), "{host}");
        }
        for host in [
            "evil.example:7390",
            "localhost.evil.example",
            "127.0.0.1.evil.example:7390",
            "127.0.0.1@evil.example",
            "localhost:x",
            "[::1]evil.example",
            "[::1]:x",
            "[::2]",
            "0.0.0.0:7390",
            "192.0.2.1",
            "",
        ] {
            assert_eq!(named(host), Err(Foreign::Name), "{host}");
        }
        assert_eq!(check(Method::GET, Names::OfThisMachine, &[]), Err(Foreign::Name));
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(check(Method::GET, Names::OfThisMachine, &twice), Err(Foreign::Name));
        assert_eq!(check(Method::GET, Names::Any, &[("host", "sandclock.example.com")]), Ok(()));
    }

    #[test]
    fn a_page_of_somebody_else_may_link_here_and_no_more() {
        const HERE: (&str, &str) = ("host", "localhost:7390");
        let says = |method: Method, lines: &[(&'static str, &'static str)]| {
            let lines: Vec<_> = [HERE].into_iter().chain(lines.iter().copied()).collect();
            check(method, Names::Any, &lines)
        };
        let page = Err(Foreign::Page);
        let (get, post) = (Method::GET, Method::POST);
        for site in ["cross-site", "same-site", "whatever"] {
            assert_eq!(says(get.clone(), &[("sec-fetch-site", site)]), page, "{site}");
            let navigates = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
            assert_eq!(says(get.clone(), &navigates), Ok(()), "{site}");
            assert_eq!(says(post.clone(), &navigates), page, "a form, {site}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(says(post.clone(), &[("sec-fetch-site", site)]), Ok(()), "{site}");
        }
        for origin in ["http://localhost:7390", "https://LOCALHOST:7390"] {
            assert_eq!(says(post.clone(), &[("origin", origin)]), Ok(()), "{origin}");
        }
        for origin in ["null", "http://localhost", "http://evil.example", "http://localhost:7390.evil.example", ""] {
            assert_eq!(says(post.clone(), &[("origin", origin)]), page, "{origin}");
            assert_eq!(says(get.clone(), &[("origin", origin)]), page, "{origin}");
        }
        assert_eq!(says(post, &[]), Ok(()), "a program");
    }
}
