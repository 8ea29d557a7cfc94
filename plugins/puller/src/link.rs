//! Addresses of pages: `Link` headers, relative addresses, origins.

/// Where the next page is, by the `Link` headers (RFC 8288).
pub(crate) fn next(headers: &[(String, String)]) -> Option<String> {
    let links = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    // An address holds no `<`, so what is between two of them is one link with its parameters.
    links.flat_map(|(_, value)| value.split('<').skip(1)).find_map(|link| {
        let (address, parameters) = link.split_once('>')?;
        parameters.split([';', ',']).any(is_next).then(|| address.trim().to_owned())
    })
}

fn is_next(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let relations = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && relations.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
    })
}

/// The absolute address of a link on the page at `base`, as in RFC 3986, section 5.2.
pub(crate) fn resolve(base: &str, link: &str) -> String {
    let (origin, rest) = split_origin(base);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    if split_origin(link).0.contains("://") {
        link.to_owned()
    } else if link.starts_with("//") {
        let scheme = origin.split("//").next().unwrap_or_default();
        format!("{scheme}{link}")
    } else if link.starts_with('/') {
        format!("{origin}{link}")
    } else if link.starts_with('?') {
        format!("{origin}{path}{link}")
    } else {
        let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
        let (link, query) = link.split_at(link.find(['?', '#']).unwrap_or(link.len()));
        format!("{origin}{}{query}", without_dots(&format!("{folder}{link}")))
    }
}

/// Whether two addresses have the same scheme, host and port.
pub(crate) fn same_origin(one: &str, other: &str) -> bool {
    split_origin(one).0.eq_ignore_ascii_case(split_origin(other).0)
}

/// `scheme://host:port`, and the rest.
fn split_origin(url: &str) -> (&str, &str) {
    let Some(scheme) = url.find("://").filter(|at| !url[..*at].contains(['/', '?', '#'])) else {
        return ("", url);
    };
    let host = scheme + "://".len();
    url.split_at(url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end))
}

/// The path with `.` and `..` worked out.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_link_headers() {
        fn check(headers: &[(&str, &str)], expected: Option<&str>) {
            let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(next(&headers).as_deref(), expected, "{headers:?}");
        }
        check(&[], None);
        check(&[("Link", "<https://a/?p=2>; rel=\"next\", <https://a/?p=9>; rel=\"last\"")], Some("https://a/?p=2"));
        check(&[("link", "<https://a/?p=1,5>; rel=prev, <?p=2,5>; title=\"x\"; rel=NEXT")], Some("?p=2,5"));
        check(&[("link", "</first>; rel=first"), ("Link", "</2>; rel=\"up next\"")], Some("/2"));
        check(&[("link", "<https://a/?rel=next>; rel=prev")], None);
        check(&[("link", "nonsense; rel=next")], None);
        check(&[("x-link", "</2>; rel=next")], None);
    }

    #[test]
    fn relative_addresses_are_resolved() {
        for (link, expected) in [
            ("https://b.example/x", "https://b.example/x"),
            ("//b.example/x", "http://b.example/x"),
            ("/x?p=2", "http://a.example:8080/x?p=2"),
            ("?p=2", "http://a.example:8080/v1/items?p=2"),
            ("more?p=2", "http://a.example:8080/v1/more?p=2"),
            ("./more", "http://a.example:8080/v1/more"),
            ("../v2/items?at=../x", "http://a.example:8080/v2/items?at=../x"),
            ("../../../x", "http://a.example:8080/x"),
            ("go?to=http://b/", "http://a.example:8080/v1/go?to=http://b/"),
        ] {
            assert_eq!(resolve("http://a.example:8080/v1/items?p=1#top", link), expected);
        }
        assert_eq!(resolve("http://a.example?p=1", "x"), "http://a.example/x");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            ("https://a.example/x", true),
            ("HTTPS://A.example", true),
            ("http://a.example/", false),
            ("https://a.example:8443/", false),
            ("https://a.example.evil/", false),
            ("https://evil/?https://a.example/", false),
        ] {
            assert_eq!(same_origin("https://a.example/v1?p=1", url), expected, "{url}");
        }
    }
}
