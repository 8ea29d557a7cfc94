//! The numbered migrations of the schema, each with its way back, and how a database is led along them.
//!
//! Before the first statement a copy of the database is kept beside it, so that whatever a migration does can be undone
//! without having been foreseen.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::LedgerError;
use super::schema::APPLICATION;
use super::{copy, room};

/// A step of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// Leads from the schema before to this one.
    forward: &'static str,
    /// Leads to the schema before; none for the first one, which has nothing before it.
    back: Option<&'static str>,
}

/// The migrations; the one at index n leads from schema n to schema n + 1. One that was released is never edited.
pub(super) const MIGRATIONS: [Migration; 7] = [
    Migration { forward: include_str!("schema/0001_first.sql"), back: None },
    Migration {
        forward: include_str!("schema/0002_keyvalue.sql"),
        back: Some(include_str!("schema/0002_keyvalue.back.sql")),
    },
    Migration { forward: include_str!("schema/0003_keys.sql"), back: Some(include_str!("schema/0003_keys.back.sql")) },
    Migration {
        forward: include_str!("schema/0004_access.sql"),
        back: Some(include_str!("schema/0004_access.back.sql")),
    },
    Migration {
        forward: include_str!("schema/0005_alerts.sql"),
        back: Some(include_str!("schema/0005_alerts.back.sql")),
    },
    Migration {
        forward: include_str!("schema/0006_plugins.sql"),
        back: Some(include_str!("schema/0006_plugins.back.sql")),
    },
    Migration {
        forward: include_str!("schema/0007_steps.sql"),
        back: Some(include_str!("schema/0007_steps.back.sql")),
    },
];

/// Leads a database to a later schema, each step in a transaction. A ledger that holds anything is copied first.
pub(super) fn forward(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    found: i64,
) -> Result<(), LedgerError> {
    let failed = LedgerError::database("bring the ledger's schema up to date");
    let steps: Vec<(i64, &Migration)> = (0..).zip(migrations).skip_while(|(from, _)| *from < found).collect();
    if found > 0 && !steps.is_empty() {
        keep_copy(connection, path, found)?;
    }
    for (from, migration) in steps {
        step(connection, migration.forward, from + 1).map_err(failed)?;
    }
    Ok(())
}

/// Leads a database back to an earlier schema, each step in a transaction; the newest schema's data is copied first.
///
/// # Errors
/// [`LedgerError::NoWayBack`] if a step on the way has none; then nothing is changed.
pub(super) fn back(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    found: i64,
    to: i64,
) -> Result<(), LedgerError> {
    let failed = LedgerError::database("lead the ledger's schema back");
    let no_way = || LedgerError::NoWayBack { path: path.to_owned(), found, to };
    if !(1..=found).contains(&to) {
        return Err(no_way());
    }
    // The migration that made a schema has the index before its number.
    let way_back = |schema: i64| Some((schema, migrations.get(usize::try_from(schema - 1).ok()?)?.back?));
    let undone: Vec<(i64, &'static str)> =
        (to + 1..=found).rev().map(way_back).collect::<Option<_>>().ok_or_else(no_way)?;
    if undone.is_empty() {
        return Ok(());
    }
    keep_copy(connection, path, found)?;
    for (schema, statements) in undone {
        step(connection, statements, schema - 1).map_err(failed)?;
    }
    Ok(())
}

fn step(connection: &mut Connection, statements: &str, schema: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(statements)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", schema)?;
    transaction.commit()
}

/// Keeps a copy of the database as it is, and only that one: an older copy has the ledger of another time.
fn keep_copy(connection: &Connection, path: &Path, schema: i64) -> Result<(), LedgerError> {
    let kept = copy_of(path, schema);
    let partial = kept.with_extension("partial");
    // Left by a host that was killed while it copied.
    discard(&partial)?;
    room::expect(connection, path, 1, "for a copy before its schema is changed")?;
    copy::write(connection, &partial)?;
    fs::rename(&partial, &kept).map_err(LedgerError::file("keep a copy of the ledger as", &kept))?;
    for other in others(path, &kept).map_err(LedgerError::file("look for older copies beside", path))? {
        discard(&other)?;
    }
    copy::sync_folder_of(&kept)
}

/// Where the copy of a ledger with this schema is kept.
fn copy_of(path: &Path, schema: i64) -> PathBuf {
    path.with_extension(format!("schema-{schema}.db"))
}

/// The copies but for this one.
fn others(path: &Path, kept: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let found = entry?.path();
        let name = found.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("ledger.schema-") && name.ends_with(".db") && found != kept {
            others.push(found);
        }
    }
    Ok(others)
}

fn discard(path: &Path) -> Result<(), LedgerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
