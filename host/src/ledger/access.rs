//! Tokens of the API and the audit log as rows.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::apply::Book;
use super::error::LedgerError;
use super::reader::Reader;
use super::rows::{self, RowError};
use super::stored::Unreadable;
use crate::model::access::{Role, Scope, TaskPattern, Token, TokenDigest};
use crate::model::audit::{AuditKind, Audited};
use crate::model::id::{TaskName, TokenName};

/// A change of who may do what, or a note of who changed what.
#[derive(Debug, Clone)]
pub enum Access {
    /// A token exists from now on. Refused if there is one of its name.
    TokenMade(Arc<Token>),
    /// A token is worth nothing from now on; nothing happens if there is none.
    TokenRevoked(TokenName),
    /// About when a token was last used.
    TokenUsed {
        /// The token.
        name: TokenName,
        /// When.
        at: Timestamp,
    },
    /// An entry of the audit log.
    Audited(Arc<Audited>),
}

impl Book<'_> {
    /// Applies an entry about access.
    pub(super) fn access(&self, access: &Access) -> Result<(), LedgerError> {
        match access {
            Access::TokenMade(token) => self.execute(
                "INSERT INTO tokens (name, digest, role, tasks, created_at, expires_at, used_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![
                    token.name.as_str(),
                    token.digest.0,
                    role_code(token.role),
                    patterns_text(&token.scope),
                    token.created_at.as_millisecond(),
                    token.expires_at.map(Timestamp::as_millisecond),
                    token.used_at.map(Timestamp::as_millisecond)
                ],
            ),
            Access::TokenRevoked(name) => self.execute("DELETE FROM tokens WHERE name = ?", [name.as_str()]),
            Access::TokenUsed { name, at } => self.execute(
                "UPDATE tokens SET used_at = ?2 WHERE name = ?1 AND coalesce(used_at, ?2 - 1) < ?2",
                params![name.as_str(), at.as_millisecond()],
            ),
            Access::Audited(audited) => self.audit(audited),
        }?;
        Ok(())
    }

    /// Enters it as the newest of its kind, and removes the one that is one too many.
    fn audit(&self, audited: &Audited) -> Result<usize, LedgerError> {
        let kind = kind_code(audited.kind);
        let newest = || {
            self.connection
                .prepare_cached("SELECT number FROM audit WHERE kind = ? ORDER BY number DESC LIMIT 1")?
                .query_row([kind], |row| row.get::<_, i64>(0))
                .optional()
        };
        let newest = newest().map_err(LedgerError::database("number an entry of the audit log"))?;
        let number = newest.unwrap_or(0) + 1;
        self.execute(
            "INSERT INTO audit (kind, number, at, actor, action, task, run, result, request)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                kind,
                number,
                audited.at.as_millisecond(),
                audited.actor,
                audited.action,
                audited.task.as_ref().map(TaskName::as_str),
                audited.run.map(|run| run.as_i64()),
                audited.result,
                audited.request
            ],
        )?;
        let surplus = params![kind, number - AuditKind::KEPT];
        self.execute("DELETE FROM audit WHERE kind = ? AND number <= ?", surplus)
    }
}

impl Reader {
    /// The tokens, by name.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn tokens(&self) -> Result<Vec<Token>, LedgerError> {
        let sql = "SELECT name, digest, role, tasks, created_at, expires_at, used_at FROM tokens ORDER BY name";
        rows::collect(self.connection(), "the tokens", sql, [], token)
    }

    /// The newest entries of the audit log, newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn audit(&self, limit: u32) -> Result<Vec<Audited>, LedgerError> {
        let sql = "SELECT kind, at, actor, action, task, run, result, request FROM audit
                   WHERE kind = ? ORDER BY number DESC LIMIT ?";
        let mut found = Vec::new();
        for kind in AuditKind::ALL {
            let values = params![kind_code(kind), limit];
            found.extend(rows::collect(self.connection(), "the audit log", sql, values, audited)?);
        }
        // Within a kind the order of the numbers stays, also where the clock was set back.
        found.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        found.truncate(limit as usize);
        Ok(found)
    }
}

fn token(row: &Row<'_>) -> Result<Token, RowError> {
    Ok(Token {
        name: parsed(row.get_ref(0)?.as_str()?)?,
        digest: TokenDigest(row.get(1)?),
        role: role(row.get(2)?)?,
        scope: scope(row.get_ref(3)?.as_str_or_null()?)?,
        created_at: rows::timestamp(row.get(4)?)?,
        expires_at: row.get::<_, Option<i64>>(5)?.map(rows::timestamp).transpose()?,
        used_at: row.get::<_, Option<i64>>(6)?.map(rows::timestamp).transpose()?,
    })
}

fn audited(row: &Row<'_>) -> Result<Audited, RowError> {
    Ok(Audited {
        kind: kind(row.get(0)?)?,
        at: rows::timestamp(row.get(1)?)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        task: row.get_ref(4)?.as_str_or_null()?.map(parsed).transpose()?,
        run: row.get::<_, Option<i64>>(5)?.map(rows::run_id).transpose()?,
        result: row.get(6)?,
        request: row.get(7)?,
    })
}

fn parsed<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|error: T::Err| Unreadable::new(error.to_string()))
}

fn patterns_text(scope: &Scope) -> Option<String> {
    let patterns: Vec<&str> = scope.patterns().iter().map(TaskPattern::as_str).collect();
    (!patterns.is_empty()).then(|| patterns.join(" "))
}

fn scope(patterns: Option<&str>) -> Result<Scope, Unreadable> {
    Ok(match patterns {
        None => Scope::Everything,
        Some(text) => Scope::Tasks(text.split(' ').map(parsed).collect::<Result<_, _>>()?),
    })
}

fn role_code(role: Role) -> i64 {
    match role {
        Role::Read => 0,
        Role::Operate => 1,
        Role::Admin => 2,
    }
}

fn role(code: i64) -> Result<Role, Unreadable> {
    let known = Role::ALL.into_iter().find(|role| role_code(*role) == code);
    known.ok_or_else(|| Unreadable::new(format!("no role has the code {code}")))
}

fn kind_code(kind: AuditKind) -> i64 {
    match kind {
        AuditKind::Refused => 0,
        AuditKind::Operated => 1,
        AuditKind::Administered => 2,
    }
}

fn kind(code: i64) -> Result<AuditKind, Unreadable> {
    let known = AuditKind::ALL.into_iter().find(|kind| kind_code(*kind) == code);
    known.ok_or_else(|| Unreadable::new(format!("no kind of audit entry has the code {code}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::writer::tests::{book, commit};
    use crate::ledger::{Durability, Entry, schema};

    fn token(name: &str, digest: u8, patterns: &[&str]) -> Token {
        Token {
            name: name.parse().unwrap(),
            digest: TokenDigest([digest; 32]),
            role: Role::Operate,
            scope: Scope::of(patterns.iter().map(|text| text.parse().unwrap()).collect()),
            created_at: Timestamp::from_second(100).unwrap(),
            expires_at: Some(Timestamp::from_second(900).unwrap()),
            used_at: None,
        }
    }

    fn entry(kind: AuditKind, second: i64) -> Entry {
        let audited = Audited {
            kind,
            at: Timestamp::from_second(second).unwrap(),
            actor: "uid 7".to_owned(),
            action: "POST /api/v1/reload".to_owned(),
            task: None,
            run: None,
            result: Audited::DONE.to_owned(),
            request: format!("r{second}"),
        };
        Entry::Access(Access::Audited(Arc::new(audited)))
    }

    #[test]
    fn tokens_are_as_they_were_made_until_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = book(schema::open_writer(folder.path(), Durability::Normal).unwrap());
        let (one, two) = (token("one", 1, &[]), token("two", 2, &["report-*", "x"]));
        let make = |token: &Token| vec![Entry::Access(Access::TokenMade(Arc::new(token.clone())))];
        let used = |seconds| {
            let at = Timestamp::from_second(seconds).unwrap();
            vec![Entry::Access(Access::TokenUsed { name: "two".parse().unwrap(), at })]
        };
        // What comes late does not make a use older than it was.
        let calls = vec![make(&one), make(&two), make(&token("one", 3, &[])), used(300), used(200)];
        let results = commit(&mut book, calls);
        let refused: Vec<bool> = results.iter().map(|result| result.as_ref().is_err_and(|e| e.is_refusal())).collect();
        assert_eq!(refused, [false, false, true, false, false]);
        let reader = Reader::open(folder.path()).unwrap();
        let two = Token { used_at: Some(Timestamp::from_second(300).unwrap()), ..two };
        assert_eq!(reader.tokens().unwrap(), [one, two.clone()]);
        let revoke = || vec![Entry::Access(Access::TokenRevoked("one".parse().unwrap()))];
        assert!(commit(&mut book, vec![revoke(), revoke()]).iter().all(Result::is_ok));
        assert_eq!(reader.tokens().unwrap(), [two]);
    }

    #[test]
    fn each_kind_of_audit_entry_is_bounded_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = book(schema::open_writer(folder.path(), Durability::Normal).unwrap());
        let reader = Reader::open(folder.path()).unwrap();
        commit(&mut book, vec![vec![entry(AuditKind::Administered, 1)], vec![entry(AuditKind::Refused, 2)]]);
        let move_to = |book: &Book<'_>, number: i64, second: i64| {
            let sql = "UPDATE audit SET number = ? WHERE at = ?";
            book.connection.execute(sql, [number, second * 1000]).unwrap();
        };
        // As if so many had been refused before the next.
        move_to(&book, AuditKind::KEPT, 2);
        let seconds =
            |limit| -> Vec<i64> { reader.audit(limit).unwrap().iter().map(|entry| entry.at.as_second()).collect() };
        commit(&mut book, vec![vec![entry(AuditKind::Refused, 3)]]);
        assert_eq!((seconds(10), seconds(2)), (vec![3, 2, 1], vec![3, 2]));
        move_to(&book, 2, 2);
        commit(&mut book, vec![vec![entry(AuditKind::Refused, 4)]]);
        assert_eq!(seconds(10), [4, 3, 1], "the oldest refusal goes, the oldest change stays");
    }
}
