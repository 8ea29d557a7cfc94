//! Which HTTP requests a grant allows: `[METHODS] scheme://host[:port][/path-prefix]`.

/// One allowed kind of HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant;

/// A text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a grant")]
pub struct HttpGrantError;

/// What a request is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget;
