//! What a grant allows, what it refuses, and what is no grant.

use proptest::prelude::*;

use super::*;

fn target(request: &str) -> HttpTarget {
    let (method, uri) = request.split_once(' ').unwrap();
    HttpTarget::of(&method.parse().unwrap(), &uri.parse().unwrap()).unwrap()
}

#[test]
fn a_grant_allows_what_it_says_and_nothing_else() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "https://api.example.com",
            &["GET https://api.example.com", "DELETE https://API.example.com.:443/a/../b?c=d"],
            &[
                "GET http://api.example.com/",
                "GET https://api.example.com:8443/",
                "GET https://example.com/",
                "GET https://api.example.com.evil.test/",
                "GET https://xapi.example.com/",
            ],
        ),
        (
            "GET,POST https://*.example.com:8443/v1/",
            &["GET https://a.example.com:8443/v1/", "POST https://a.b.example.com:8443/v1/users"],
            &[
                "PUT https://a.example.com:8443/v1/",
                "GET https://example.com:8443/v1/",
                "GET https://aexample.com:8443/v1/",
                "GET https://a.example.com/v1/",
                "GET https://a.example.com:8443/v1",
                "GET https://a.example.com:8443/v2/",
            ],
        ),
        (
            "http://127.0.0.1:9000/v1",
            &["GET http://127.0.0.1:9000/v1", "GET http://0x7f.1:9000/v1/x", "GET http://2130706433:9000/%761"],
            &[
                "GET http://localhost:9000/v1",
                "GET http://[::ffff:127.0.0.1]:9000/v1",
                "GET http://127.0.0.1:9000/v10",
                "GET http://127.0.0.1:9000/",
            ],
        ),
        ("https://*", &["GET https://example.com/", "GET https://1.1.1.1/"], &["GET http://example.com/"]),
        ("http://[::1]", &["GET http://[0:0::1]/"], &["GET http://127.0.0.1/"]),
        ("https://b\u{fc}cher.example", &["GET https://xn--bcher-kva.example/"], &["GET https://bucher.example/"]),
    ];
    for (grant, allowed, refused) in table {
        let grant = HttpGrant::parse(grant).unwrap();
        for request in *allowed {
            assert!(grant.allows(&target(request)), "{grant} should allow {request}");
        }
        for request in *refused {
            assert!(!grant.allows(&target(request)), "{grant} should refuse {request}");
        }
    }
}

#[test]
fn no_spelling_leads_out_of_a_path_prefix() {
    let prefix = HttpGrant::parse("https://example.com/v1").unwrap();
    let origin = HttpGrant::parse("https://example.com").unwrap();
    for path in [
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/.%2E/admin",
        "/v1/..%2fadmin",
        "/v1/%2e%2e%2fadmin",
        "/v1/%252e%252e%252fadmin",
        "/v1/%25252e%25252e/admin",
        "/v1/..\\admin",
        "/v1/..%5cadmin",
        "/v1/..;/admin",
        "/v1/..;a=b/admin",
        "/v1/a%00",
        "/x/../../admin",
        "/%2525252525252525252e",
        // Escapes that are none of UTF-8, or of another standard.
        "/v1/%c0%ae%c0%ae/admin",
        "/v1/%25c0%25ae%25c0%25ae/admin",
        "/v1/%c0%af",
        "/v1/%ff",
        "/v1/%u002e%u002e/admin",
        "/v1/%U002E%25u002e/admin",
    ] {
        let target = target(&format!("GET https://example.com{path}"));
        assert!(!prefix.allows(&target), "{path} as {}", target.path());
        assert!(origin.allows(&target), "{path}");
    }
    for path in
        ["/v1/./a", "/v1/a/../b", "/%76%31/a", "/v1/group%2Fproject", "/v1/a..b/...", "/v1?q=../..", "/v1/caf%C3%A9"]
    {
        assert!(prefix.allows(&target(&format!("GET https://example.com{path}"))), "{path}");
    }
}

#[test]
fn what_is_no_grant_is_explained() {
    let check = |text: &str, expected: &str| {
        let message = HttpGrant::parse(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?}: {message}");
    };
    check("", "expected `[METHODS] scheme://host");
    check("GET POST https://example.com", "expected `[METHODS] scheme://host");
    check("get https://example.com", "\"get\" is not an HTTP method");
    check("GET, https://example.com", "\"\" is not an HTTP method");
    check("example.com", "begins with http:// or https://");
    check("ftp://example.com", "begins with http:// or https://");
    check("https:///path", "empty host");
    check("https://", "empty host");
    check("https://exa%20mple.com", "invalid");
    check("https://example.com:99999", "invalid port number");
    check("https://user:pw@example.com", "no user name and no password");
    check("https://example.com/?a=b", "ends with the path");
    check("https://example.com/a/../b", "write the plain path");
    check("https://example.com/a%2F..", "write the plain path");
    check("https://example.com/caf%E9", "write the plain path");
    check("https://a.*.example.com", "`*` stands for a whole host");
    check("https://*example.com", "`*` stands for a whole host");
}

#[test]
fn only_an_address_or_localhost_is_named_outright() {
    for (grant, expected) in [
        ("http://127.0.0.1", true),
        ("http://[fd00::1]:80/x", true),
        ("http://localhost:8080", true),
        ("http://*", false),
        ("http://*.localhost", false),
        ("http://metadata.internal", false),
    ] {
        assert_eq!(HttpGrant::parse(grant).unwrap().names_address(), expected, "{grant}");
    }
}

#[test]
fn a_request_without_a_proper_target_is_refused() {
    for (uri, expected) in [
        ("/path", HttpTargetError::Scheme),
        ("example.com", HttpTargetError::Scheme),
        ("ftp://example.com/", HttpTargetError::Scheme),
        ("http://*.example.com/", HttpTargetError::Wildcard),
        ("http://0x7f*1/", HttpTargetError::Wildcard),
        ("http://example.com../", HttpTargetError::Url(url::ParseError::InvalidDomainCharacter)),
        ("http://example..com/", HttpTargetError::Url(url::ParseError::InvalidDomainCharacter)),
        ("http://user@example.com/", HttpTargetError::UserInfo),
        ("http://127.0.0.1.@evil.test/", HttpTargetError::UserInfo),
    ] {
        assert_eq!(HttpTarget::of(&Method::GET, &uri.parse().unwrap()), Err(expected), "{uri}");
    }
}

#[test]
fn what_is_sent_is_the_normal_form() {
    let target = target("GET HTTP://Example.COM.:8080/a/./b/../c?x=%2e%2e");
    assert_eq!(target.authority(), "example.com:8080");
    assert_eq!(target.path_and_query(), "/a/c?x=%2e%2e");
    assert_eq!(target.to_string(), "GET http://example.com:8080/a/c", "the query stays out of the log");
}

proptest! {
    #[test]
    fn a_grant_survives_its_text_form(
        methods in proptest::option::of(proptest::collection::vec("[A-Z]{3,7}", 1..3)),
        https: bool,
        host in "(\\*\\.)?[a-z]{1,8}\\.[a-z]{2,4}|\\*|localhost|10\\.0\\.[0-9]{1,2}\\.1|\\[fd00::[1-9]\\]",
        port in proptest::option::of(1u16..),
        path in "(/[a-z0-9_~.-]{1,6}){0,3}/?",
    ) {
        let methods = methods.map(|methods| methods.join(",") + " ").unwrap_or_default();
        let scheme = if https { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        if let Ok(grant) = HttpGrant::parse(&format!("{methods}{scheme}://{host}{port}{path}")) {
            prop_assert_eq!(HttpGrant::parse(&grant.to_string()), Ok(grant));
        }
    }

    #[test]
    fn the_grant_that_covers_a_target_allows_it(
        method in "[A-Z-]{1,7}|[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,7}", host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", port: u16,
        path in "/[!-~&&[^#<>\"`^{}?]]{0,20}",
    ) {
        let uri = format!("http://{host}:{port}{path}");
        if let Ok(uri) = uri.parse() && let Ok(target) = HttpTarget::of(&method.parse().unwrap(), &uri) {
            let grant = HttpGrant::covering(&target);
            prop_assert!(grant.allows(&target));
            // What a request may have for a method and a grant may not cannot be written down.
            let in_capitals = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
            let expected = if in_capitals { Ok(grant.clone()) } else { Err(HttpGrantError::Method(method)) };
            prop_assert_eq!(HttpGrant::parse(&grant.to_string()), expected);
        }
    }

    #[test]
    fn a_path_that_is_covered_stays_below_its_prefix(path in "/v1(/|\\.|%2e|%2E|%2f|%5c|%25|\\\\|;|a){0,8}") {
        let grant = HttpGrant::parse("http://example.com/v1").unwrap();
        let uri = format!("http://example.com{path}");
        if let Ok(uri) = uri.parse() && let Ok(target) = HttpTarget::of(&Method::GET, &uri) && grant.allows(&target) {
            // A server that undoes everything twice, and takes every slash for one.
            let undone = target.path().to_lowercase().replace("%25", "%").replace("%2e", ".").replace("%2f", "/");
            let undone = undone.replace("%5c", "/").replace('\\', "/");
            let depth = undone.split('/').skip(1).try_fold(0i32, |depth, segment| match segment.split(';').next() {
                Some("..") if depth <= 1 => None,
                Some("..") => Some(depth - 1),
                Some("" | ".") => Some(depth),
                _ => Some(depth + 1),
            });
            prop_assert!(depth.is_some(), "{} escapes as {}", target.path(), undone);
        }
    }
}
