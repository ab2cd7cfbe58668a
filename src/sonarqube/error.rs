//! What an unusable answer means, and how it is told to a user.

use crate::error::Error as UserError;
use crate::http;
use std::fmt;
use std::time::Duration;

/// A request to SonarQube that brought nothing usable.
#[derive(Debug)]
pub struct Error {
    /// The URL asked, without query.
    pub url: String,
    /// What happened.
    pub fault: Fault,
}

/// What happened. Callers branch on it.
#[derive(Debug)]
pub enum Fault {
    /// No answer.
    Network(http::Error),
    /// 401: the token is not accepted.
    Unauthorized,
    /// 403, with the server's reason: the token is accepted and lacks a right.
    Forbidden(String),
    /// 404, with the server's reason.
    NotFound(String),
    /// An answer that is no answer of this API, such as a sign-in page: media type or a word why.
    NotTheApi(String),
    /// A whole answer of this API that this version cannot make sense of.
    NotUnderstood(String),
    /// 503: not up, or overloaded; with the pause the server asks for.
    Unavailable(Option<Duration>),
    /// 429, with the pause the server asks for.
    TooManyRequests(Option<Duration>),
    /// Any other status, with the server's reason.
    Status(u16, String),
}

impl Error {
    /// Whether a server that is restarted, moved or overloaded may answer like this for a while, so that
    /// asking again later may help. An answer of another program is among them (a proxy's page of a server
    /// that is down), and so is the 404 of a server whose API is not loaded yet.
    pub fn is_transient(&self) -> bool {
        match &self.fault {
            Fault::Network(error) => error.is_transient(),
            Fault::Unavailable(_) | Fault::TooManyRequests(_) | Fault::NotTheApi(_) => true,
            Fault::NotFound(reason) => reason.starts_with("Unknown url"),
            Fault::Status(code, _) => *code >= 500,
            Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotUnderstood(_) => false,
        }
    }

    /// The pause the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.fault {
            Fault::Unavailable(pause) | Fault::TooManyRequests(pause) => pause,
            _ => None,
        }
    }

    /// The error in words of a user; `doing` completes "failed to".
    pub fn explain(self, doing: &str) -> UserError {
        let message = format!("failed to {doing}: {self}");
        let error = UserError::new(message);
        match self.fault {
            Fault::Network(cause) => match cause.kind {
                http::ErrorKind::Unreachable => error.hint(
                    "Check the URL of the service connection, that the server is running, and that this agent may \
                     reach it (DNS, firewall, proxy).",
                ),
                http::ErrorKind::Tls => error.hint(
                    "If the server's certificate comes from a private authority, add that authority to the trust store \
                     of this machine or configure the agent with --sslcacert <PEM file>. The input allowInvalidCertificate \
                     accepts any certificate, and whoever presents it gets the token.",
                ),
                http::ErrorKind::Redirect => {
                    error.hint("Set the URL of the service connection to the address the server is really at.")
                }
                http::ErrorKind::Setup => error.hint("Check the agent's proxy and certificate settings."),
                http::ErrorKind::Timeout | http::ErrorKind::Interrupted => {
                    error.hint("Run the build again; if it stays so, look at the server's load and the network between.")
                }
                http::ErrorKind::Checksum
                | http::ErrorKind::Disk
                | http::ErrorKind::Status
                | http::ErrorKind::TooLarge
                | http::ErrorKind::Cancelled => error,
            },
            Fault::Unauthorized => error.hint(
                "The token of the service connection is wrong, expired or revoked. Generate a new one in SonarQube (My \
                 Account > Security) and store it in the service connection.",
            ),
            Fault::Forbidden(_) => error.hint(
                "The token is valid but lacks a right here. Use a project analysis token of this project, a global \
                 analysis token, or grant its owner Execute Analysis on the project.",
            ),
            Fault::NotUnderstood(_) => error.hint("Update this extension."),
            Fault::NotTheApi(_) => error.hint(
                "The URL of the service connection leads to something else, such as a sign-in page of a proxy. Set it \
                 to SonarQube's own address, including its context path.",
            ),
            Fault::Unavailable(_) | Fault::TooManyRequests(_) => error.hint("The server is busy or restarting: run again later."),
            // SonarQube quotes what it did not find.
            Fault::NotFound(reason) if reason.contains('\'') => {
                error.hint("Check that name; what the token may not see is not found either.")
            }
            Fault::NotFound(_) => error.hint(
                "Check the URL of the service connection, the context path included: SonarQube answers other paths so.",
            ),
            Fault::Status(code, _) if code >= 500 => error.hint("The server failed: look at its log."),
            Fault::Status(..) => error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        let with = |f: &mut fmt::Formatter<'_>, status: &str, reason: &str| {
            if reason.is_empty() {
                write!(f, "{url} answered {status}")
            } else {
                write!(f, "{url} answered {status}: {reason}")
            }
        };
        match &self.fault {
            Fault::Network(error) => error.fmt(f),
            Fault::Unauthorized => with(f, "401 Unauthorized", ""),
            Fault::Forbidden(reason) => with(f, "403 Forbidden", reason),
            Fault::NotFound(reason) => with(f, "404 Not Found", reason),
            Fault::NotUnderstood(what) => write!(f, "{url} answered what this version does not know: {what}"),
            Fault::NotTheApi(what) => write!(f, "{url} is not SonarQube's API: it answered {what}"),
            Fault::Unavailable(_) => with(f, "503 Service Unavailable", ""),
            Fault::TooManyRequests(_) => with(f, "429 Too Many Requests", ""),
            Fault::Status(code, reason) => with(f, &code.to_string(), reason),
        }
    }
}

impl std::error::Error for Error {}
