//! Whether a request is let in: what its route takes, and what whoever sent it brought. Pure.

use std::sync::Arc;

use crate::model::access::{Role, Scope, Token};
use crate::model::audit::Actor;

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Needs {
    /// The role; none if the route is open to everybody.
    pub(in crate::api) role: Option<Role>,
    /// What it is about.
    pub(in crate::api) about: About,
}

/// What a route is about: a token for some tasks reaches no more than those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum About {
    /// The task that its path names.
    Task,
    /// The run that its path names, and so that run's task.
    Run,
    /// Those tasks that whoever asks may see: it leaves out the others.
    Visible,
    /// The host, or all tasks alike.
    Host,
}

impl Needs {
    pub(in crate::api) const fn open() -> Self {
        Self { role: None, about: About::Host }
    }

    pub(in crate::api) const fn of(role: Role, about: About) -> Self {
        Self { role: Some(role), about }
    }
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The control socket, which only this user can open.
    Socket { uid: u32 },
    /// An address that only this machine reaches.
    Loopback,
    /// An address that others reach.
    Beyond,
}

/// What a request brought to show who sent it.
#[derive(Debug, Clone)]
pub(super) enum Brought {
    Nothing,
    /// Something that is no token, or one that is worth nothing.
    Wrong,
    Token(Arc<Token>),
}

/// Whether there are tokens at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Issued {
    None,
    Some,
}

/// Who a request is from, and what that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) actor: Actor,
    pub(super) scope: Scope,
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    /// It takes a token.
    NoToken,
    /// What was brought is none.
    WrongToken,
    /// The token's role is less than this.
    Role(Role),
    /// The token is for some tasks only, and this is about the host.
    Scope,
}

/// Decides.
pub(super) fn decide(needs: Needs, door: Door, brought: &Brought, issued: Issued) -> Result<Admitted, Denied> {
    let everything = |actor| Ok(Admitted { actor, scope: Scope::Everything });
    if let Door::Socket { uid } = door {
        return everything(Actor::User(uid));
    }
    let Some(role) = needs.role else { return everything(Actor::Anybody) };
    match brought {
        Brought::Token(token) if token.role < role => Err(Denied::Role(role)),
        Brought::Token(token) if needs.about == About::Host && token.scope != Scope::Everything => Err(Denied::Scope),
        Brought::Token(token) => Ok(Admitted { actor: Actor::Token(token.name.clone()), scope: token.scope.clone() }),
        Brought::Wrong => Err(Denied::WrongToken),
        // Whoever is on this machine may look, until the first token says that this is not wanted.
        Brought::Nothing if door == Door::Loopback && issued == Issued::None && role == Role::Read => {
            everything(Actor::Anybody)
        }
        Brought::Nothing => Err(Denied::NoToken),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::access::TokenDigest;

    fn token(role: Role, patterns: &[&str]) -> Brought {
        Brought::Token(Arc::new(Token {
            name: "t".parse().unwrap(),
            digest: TokenDigest([0; 32]),
            role,
            scope: Scope::of(patterns.iter().map(|text| text.parse().unwrap()).collect()),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            used_at: None,
        }))
    }

    /// A letter each for an open route and the three roles: `+` in, `-` no token, `w` wrong token, `r` role, `s` scope.
    fn row(about: About, door: Door, brought: &Brought, issued: Issued) -> String {
        let needs = [None, Some(Role::Read), Some(Role::Operate), Some(Role::Admin)];
        let decided = needs.map(|role| match decide(Needs { role, about }, door, brought, issued) {
            Ok(_) => '+',
            Err(Denied::NoToken) => '-',
            Err(Denied::WrongToken) => 'w',
            Err(Denied::Role(_)) => 'r',
            Err(Denied::Scope) => 's',
        });
        decided.iter().collect()
    }

    #[test]
    fn who_gets_in_where() {
        let (loopback, beyond) = (Door::Loopback, Door::Beyond);
        let (nothing, wrong) = (Brought::Nothing, Brought::Wrong);
        let check = |door, brought: &Brought, issued, expected: &str| {
            for about in [About::Task, About::Run, About::Visible, About::Host] {
                assert_eq!(row(about, door, brought, issued), expected, "{door:?} {brought:?} {issued:?} {about:?}");
            }
        };
        for issued in [Issued::None, Issued::Some] {
            check(Door::Socket { uid: 7 }, &nothing, issued, "++++");
            check(Door::Socket { uid: 7 }, &wrong, issued, "++++");
            check(beyond, &nothing, issued, "+---");
            check(beyond, &wrong, issued, "+www");
            check(loopback, &wrong, issued, "+www");
        }
        check(loopback, &nothing, Issued::None, "++--");
        check(loopback, &nothing, Issued::Some, "+---");
        for door in [loopback, beyond] {
            check(door, &token(Role::Read, &[]), Issued::Some, "++rr");
            check(door, &token(Role::Operate, &[]), Issued::Some, "+++r");
            check(door, &token(Role::Admin, &[]), Issued::Some, "++++");
            for about in [About::Task, About::Run, About::Visible] {
                assert_eq!(row(about, door, &token(Role::Operate, &["a-*"]), Issued::Some), "+++r");
            }
            assert_eq!(row(About::Host, door, &token(Role::Operate, &["a-*"]), Issued::Some), "+ssr");
            assert_eq!(row(About::Host, door, &token(Role::Admin, &["a-*"]), Issued::Some), "+sss");
        }
    }

    #[test]
    fn whoever_gets_in_is_who_the_audit_log_names() {
        let actor = |door, brought: &Brought| {
            let needs = Needs::of(Role::Read, About::Visible);
            decide(needs, door, brought, Issued::None).unwrap().actor.to_string()
        };
        assert_eq!(actor(Door::Socket { uid: 7 }, &Brought::Nothing), "uid 7");
        assert_eq!(actor(Door::Loopback, &Brought::Nothing), "anybody");
        assert_eq!(actor(Door::Beyond, &token(Role::Admin, &[])), "token t");
    }
}
