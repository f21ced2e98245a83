//! Problems: what a refused or failed request is told. RFC 9457.
//!
//! In: a kind, words for people, the field at fault. Out: `application/problem+json`. The value at
//! fault is never repeated: only the path to it. Contract, section 5, "errors".

use super::json::JsonFault;
use super::text::write_text;

/// The media type of a problem.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Kinds of problem: each has one status and one stable `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// 400: not JSON, a repeated key, a request that two readers may read in two ways.
    Malformed,
    /// 401: no token, or one that is not known.
    Unauthorised,
    /// 403: the unit may not do this.
    Forbidden,
    /// 404: no such path, entry, record.
    NotFound,
    /// 405: the path exists, the method does not.
    Method,
    /// 408: the request did not arrive in time.
    Slow,
    /// 409: contradicts what is already there.
    Conflict,
    /// 413: too large.
    TooLarge,
    /// 415: not `application/json`.
    MediaType,
    /// 422: JSON, but not a valid request.
    Invalid,
    /// 429: too many requests.
    TooMany,
    /// 500: our fault.
    Internal,
    /// 501: part of the contract, not of this version.
    NotBuilt,
    /// 503: cannot answer now.
    Unavailable,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::Unauthorised,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::Slow,
        Self::Conflict,
        Self::TooLarge,
        Self::MediaType,
        Self::Invalid,
        Self::TooMany,
        Self::Internal,
        Self::NotBuilt,
        Self::Unavailable,
    ];

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthorised => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Slow => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::NotBuilt => 501,
            Self::Unavailable => 503,
        }
    }

    /// Last part of the `type`, and the label of the metric.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Method => "method-not-allowed",
            Self::Slow => "request-timeout",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::MediaType => "unsupported-media-type",
            Self::Invalid => "invalid-request",
            Self::TooMany => "too-many-requests",
            Self::Internal => "internal",
            Self::NotBuilt => "not-in-this-version",
            Self::Unavailable => "unavailable",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::Unauthorised => "A valid bearer token is needed",
            Self::Forbidden => "The unit may not do this",
            Self::NotFound => "There is no such thing here",
            Self::Method => "The path does not take this method",
            Self::Slow => "The request did not arrive in time",
            Self::Conflict => "The request contradicts what is already there",
            Self::TooLarge => "The request is too large",
            Self::MediaType => "The body must be application/json",
            Self::Invalid => "The request is not valid",
            Self::TooMany => "Too many requests",
            Self::Internal => "The gateway failed",
            Self::NotBuilt => "Not in this version",
            Self::Unavailable => "The gateway cannot answer now",
        }
    }
}

/// A request that is not answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// What was wrong and what to do, in a sentence without the value.
    pub detail: String,
    /// Path to the field at fault.
    pub field: Option<String>,
    /// Record that was written although no answer could be given, 36 characters.
    pub check_id: Option<String>,
    /// Seconds after which to try again.
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem without a field.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            check_id: None,
            retry_after_seconds: None,
        }
    }

    /// 422 with the field at fault.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(ProblemKind::Invalid, detail)
        }
    }

    /// 503, to be tried again soon.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(ProblemKind::Unavailable, detail)
        }
    }

    /// With the record that was written.
    #[must_use]
    pub fn with_check_id(self, check_id: String) -> Self {
        Self {
            check_id: Some(check_id),
            ..self
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }

    /// Appends the JSON object.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"urn:hecha:problem:");
        out.extend_from_slice(self.kind.slug().as_bytes());
        out.extend_from_slice(b"\",\"title\":");
        write_text(out, self.kind.title());
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(itoa::Buffer::new().format(self.status()).as_bytes());
        out.extend_from_slice(b",\"detail\":");
        write_text(out, &self.detail);
        if let Some(field) = &self.field {
            out.extend_from_slice(b",\"field\":");
            write_text(out, field);
        }
        if let Some(check_id) = &self.check_id {
            out.extend_from_slice(b",\"check_id\":");
            write_text(out, check_id);
        }
        out.push(b'}');
    }

    /// The JSON object.
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        self.write(&mut body);
        body
    }
}

impl From<JsonFault> for Problem {
    fn from(fault: JsonFault) -> Self {
        Self::new(ProblemKind::Malformed, fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_type_title_status_detail_and_field() {
        let problem = Problem::invalid("subject.ids[0].number", "the check character \"x\"");
        let body: serde_json::Value = serde_json::from_slice(&problem.to_body()).unwrap();
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5);
        assert_eq!(body["type"], "urn:hecha:problem:invalid-request");
        assert_eq!(body["status"], 422);
        assert_eq!(body["field"], "subject.ids[0].number");
        assert_eq!(body["detail"], "the check character \"x\"");
    }

    #[test]
    fn each_kind_has_a_status_and_a_type_of_its_own() {
        for (place, kind) in ProblemKind::ALL.into_iter().enumerate() {
            for other in &ProblemKind::ALL[..place] {
                assert_ne!(kind.status(), other.status());
                assert_ne!(kind.slug(), other.slug());
            }
        }
    }
}
