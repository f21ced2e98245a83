//! Who asks: the bearer token of a request and the certificate of its connection, the operator it
//! names, and what the path asks of the unit.

use crate::gateway::client::{Client, ClientRole};
use crate::gateway::clients::Brought;
use crate::gateway::operator::{self, Operator};
use crate::gateway::service::{Gateway, unauthorised};
use crate::gateway::view::Law;
use crate::seal::certificate::CertificateHash;
use crate::wire::problem::{Problem, ProblemKind};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

/// Characters of a token at most.
const TOKEN_CHARS_MAX: usize = 256;

/// What a request brings. Errors: 401 where it is neither a token nor a certificate, or where the
/// header `Authorization` is there but is no token.
pub fn brought(head: &Parts) -> Result<Brought<'_>, Problem> {
    let certificate = head.extensions.get::<CertificateHash>().copied();
    let token = match head.headers.contains_key(AUTHORIZATION) || certificate.is_none() {
        true => Some(token(&head.headers)?),
        false => None,
    };
    Ok(Brought { token, certificate })
}

/// The same of a request whose header was read by hand.
pub fn brought_by(
    authorization: Option<&str>,
    certificate: Option<CertificateHash>,
) -> Result<Brought<'_>, Problem> {
    let token = match (authorization, certificate) {
        (None, Some(_)) => None,
        (line, _) => Some(line.and_then(bearer).ok_or_else(unauthorised)?),
    };
    Ok(Brought { token, certificate })
}

/// The token of a request. Errors: 401 where there is none, or more than one.
fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().and_then(|line| line.to_str().ok());
    match (line.and_then(bearer), lines.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(unauthorised()),
    }
}

fn bearer(line: &str) -> Option<&str> {
    let (scheme, token) = line.split_once(' ')?;
    let token = token.trim();
    let fits = !token.is_empty() && token.len() <= TOKEN_CHARS_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// What a request brings, and the unit that it comes from. Errors: 401, the same whatever is wrong.
pub fn recognise<'h, 'l>(
    gateway: &Gateway,
    law: &'l Law,
    head: &'h Parts,
) -> Result<(Brought<'h>, &'l Client), Problem> {
    let brought = brought(head)?;
    Ok((brought, known(gateway, law, brought)?))
}

/// The unit that somebody comes from. Errors: 401.
pub fn known<'l>(
    gateway: &Gateway,
    law: &'l Law,
    brought: Brought<'_>,
) -> Result<&'l Client, Problem> {
    let now = gateway.shared.clock.now();
    let client = law.clients.authenticate(brought, now);
    client.ok_or_else(unauthorised)
}

/// What a request says of its operator.
pub fn operator(headers: &HeaderMap) -> Operator<'_> {
    let lines = headers.get_all(operator::HEADER).iter();
    Operator::read(lines.map(|line| line.as_bytes()))
}

/// Errors: 403 where the client has none of these roles.
pub fn has_role(client: &Client, roles: &[ClientRole]) -> Result<(), Problem> {
    if roles.iter().any(|role| client.has_role(*role)) {
        return Ok(());
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let detail = format!("the unit needs one of the roles {}", names.join(", "));
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn one_bearer_token_and_nothing_else_is_taken() {
        for (lines, wanted) in [
            (vec!["Bearer abc"], Some("abc")),
            (vec!["bearer  abc "], Some("abc")),
            (vec!["Basic abc"], None),
            (vec!["Bearer "], None),
            (vec!["Bearer"], None),
            (vec!["Bearer abc", "Bearer abc"], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            assert_eq!(token(&headers).ok(), wanted, "{lines:?}");
        }
        let mut headers = HeaderMap::new();
        let long = format!("Bearer {}", "a".repeat(300));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&long).unwrap());
        assert!(token(&headers).is_err());
    }
}
