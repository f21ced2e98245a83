//! Who asks: the bearer token of a request, the operator it names, and what the path asks of its
//! bearer.

use crate::gateway::client::{Client, ClientRole};
use crate::gateway::operator::{self, Operator};
use crate::gateway::service::unauthorised;
use crate::gateway::view::Law;
use crate::wire::problem::{Problem, ProblemKind};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Characters of a token at most.
const TOKEN_CHARS_MAX: usize = 256;

/// The token of a request. Errors: 401 where there is none, or more than one.
pub fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().and_then(|line| line.to_str().ok());
    let token = line.and_then(|line| {
        let (scheme, token) = line.split_once(' ')?;
        let token = token.trim();
        let fits = !token.is_empty() && token.len() <= TOKEN_CHARS_MAX;
        (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
    });
    match (token, lines.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(unauthorised()),
    }
}

/// The client of a token. Errors: 401.
pub fn client<'l>(law: &'l Law, token: &str) -> Result<&'l Client, Problem> {
    law.clients.authenticate(token).ok_or_else(unauthorised)
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
