//! What a task may reach, as its configuration would say it.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::secrets::{headers, sources};
use super::{Keys, bytes, path};
use crate::config::elements::task::Origin;
use crate::model::grants::{FolderAccess, Grants, HttpGrant, KeyValueGrant, Writes};

pub(super) fn keys(grants: &Grants, origin: &Origin, root: &Path) -> Keys {
    let mut keys: Keys = vec![("grants.http", grants.http.iter().map(http_grant).collect())];
    if !grants.env.is_empty() {
        keys.push(("grants.env", grants.env.iter().map(|(name, value)| (name.clone(), value.as_str())).collect()));
    }
    if !origin.secrets.is_empty() {
        keys.push(("grants.secrets", sources(&origin.secrets)));
    }
    if !grants.folders.is_empty() {
        let access = |access| match access {
            FolderAccess::ReadOnly => "read-only",
            FolderAccess::ReadWrite => "read-write",
        };
        let folders = grants.folders.iter().map(|folder| {
            (folder.guest.clone(), json!({ "path": path(&folder.host, root), "access": access(folder.access) }))
        });
        keys.push(("grants.folders", folders.collect()));
    }
    keys.extend(grants.kv.iter().flat_map(keyvalue));
    keys
}

fn http_grant(grant: &HttpGrant) -> Json {
    if grant.headers().is_empty() {
        return grant.to_string().into();
    }
    json!({ "allow": grant.to_string(), "header": headers(grant.headers()) })
}

fn keyvalue(grant: &KeyValueGrant) -> Keys {
    vec![
        ("grants.kv.quota", bytes(grant.quota.bytes)),
        ("grants.kv.keys", grant.quota.keys.into()),
        ("grants.kv.shared", grant.shared.iter().map(|name| name.as_str()).collect()),
        ("grants.kv.transactional", (grant.writes == Writes::WithSuccess).into()),
    ]
}
