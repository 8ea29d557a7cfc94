//! HTTP grants: what can be read is shown as text that reads as the same grant, and allows the same.

use http::Method;
use sandclock_host::model::grants::{HttpGrant, HttpTarget};

/// A line with a grant, and lines with URLs.
pub(crate) fn feed(bytes: &[u8]) {
    let mut lines = crate::text(bytes).lines();
    let Some(Ok(grant)) = lines.next().map(HttpGrant::parse) else { return };
    let shown = grant.to_string();
    let again = HttpGrant::parse(&shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(again, grant, "{shown}");
    for target in lines.filter_map(|url| HttpTarget::parse(&Method::GET, url).ok()) {
        assert_eq!(grant.allows(&target), again.allows(&target));
        let narrow = HttpGrant::covering(&target);
        assert!(narrow.allows(&target), "{narrow} does not cover {target}");
        assert_eq!(HttpGrant::parse(&narrow.to_string()).as_ref(), Ok(&narrow), "{narrow}");
    }
}
