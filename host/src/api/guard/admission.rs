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
    /// Nothing: the route is open to everybody.
    pub(in crate::api) const OPEN: Self = Self { role: None, about: About::Host };

    pub(in crate::api) const fn of(role: Role, about: About) -> Self {
        Self { role: Some(role), about }
    }
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
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

impl Brought {
    pub(super) fn token(&self) -> Option<&Arc<Token>> {
        match self {
            Brought::Token(token) => Some(token),
            Brought::Nothing | Brought::Wrong => None,
        }
    }
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
pub(super) fn decide(needs: Needs, entrance: Entrance, brought: &Brought, issued: Issued) -> Result<Admitted, Denied> {
    let everything = |actor| Ok(Admitted { actor, scope: Scope::Everything });
    if let Entrance::Socket { uid } = entrance {
        return everything(Actor::User(uid));
    }
    let Some(role) = needs.role else { return everything(Actor::Anybody) };
    match brought {
        Brought::Token(token) if token.role < role => Err(Denied::Role(role)),
        Brought::Token(token) if needs.about == About::Host && token.scope != Scope::Everything => Err(Denied::Scope),
        Brought::Token(token) => Ok(Admitted { actor: Actor::Token(token.name.clone()), scope: token.scope.clone() }),
        Brought::Wrong => Err(Denied::WrongToken),
        // Whoever is on this machine may look, until the first token says that this is not wanted.
        Brought::Nothing if entrance == Entrance::Loopback && issued == Issued::None && role == Role::Read => {
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
    fn row(about: About, entrance: Entrance, brought: &Brought, issued: Issued) -> String {
        let needs = [None, Some(Role::Read), Some(Role::Operate), Some(Role::Admin)];
        let decided = needs.map(|role| match decide(Needs { role, about }, entrance, brought, issued) {
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
        let (loopback, beyond) = (Entrance::Loopback, Entrance::Beyond);
        let (nothing, wrong) = (Brought::Nothing, Brought::Wrong);
        let check = |entrance, brought: &Brought, issued, expected: &str| {
            for about in [About::Task, About::Run, About::Visible, About::Host] {
                assert_eq!(
                    row(about, entrance, brought, issued),
                    expected,
                    "{entrance:?} {brought:?} {issued:?} {about:?}"
                );
            }
        };
        for issued in [Issued::None, Issued::Some] {
            check(Entrance::Socket { uid: 7 }, &nothing, issued, "++++");
            check(Entrance::Socket { uid: 7 }, &wrong, issued, "++++");
            check(beyond, &nothing, issued, "+---");
            check(beyond, &wrong, issued, "+www");
            check(loopback, &wrong, issued, "+www");
        }
        check(loopback, &nothing, Issued::None, "++--");
        check(loopback, &nothing, Issued::Some, "+---");
        for entrance in [loopback, beyond] {
            check(entrance, &token(Role::Read, &[]), Issued::Some, "++rr");
            check(entrance, &token(Role::Operate, &[]), Issued::Some, "+++r");
            check(entrance, &token(Role::Admin, &[]), Issued::Some, "++++");
            for about in [About::Task, About::Run, About::Visible] {
                assert_eq!(row(about, entrance, &token(Role::Operate, &["a-*"]), Issued::Some), "+++r");
            }
            assert_eq!(row(About::Host, entrance, &token(Role::Operate, &["a-*"]), Issued::Some), "+ssr");
            assert_eq!(row(About::Host, entrance, &token(Role::Admin, &["a-*"]), Issued::Some), "+sss");
        }
    }

    #[test]
    fn whoever_gets_in_is_who_the_audit_log_names() {
        let actor = |entrance, brought: &Brought| {
            let needs = Needs::of(Role::Read, About::Visible);
            decide(needs, entrance, brought, Issued::None).unwrap().actor.to_string()
        };
        assert_eq!(actor(Entrance::Socket { uid: 7 }, &Brought::Nothing), "uid 7");
        assert_eq!(actor(Entrance::Loopback, &Brought::Nothing), "anybody");
        assert_eq!(actor(Entrance::Beyond, &token(Role::Admin, &[])), "token t");
    }
}
