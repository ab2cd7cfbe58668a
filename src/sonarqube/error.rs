//! What an unusable answer means, and how it is told to a user.

use crate::error::Error as UserError;
use crate::http;
use std::time::Duration;

/// A request to SonarQube that brought nothing usable.
#[derive(Debug, thiserror::Error)]
#[error("{}", sentence(.url, .fault))]
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
    /// 403, with the server's reason: the token is accepted and lacks a permission.
    Forbidden(String),
    /// 404, with the server's reason.
    NotFound(String),
    /// An answer that is not of this API, such as a sign-in page: its media type, or why it is not.
    NotTheApi(String),
    /// An answer of this API with a value that this version does not know.
    NotUnderstood(String),
    /// 503: not up, or overloaded; with the pause the server asks for.
    Unavailable(Option<Duration>),
    /// 429, with the pause the server asks for.
    TooManyRequests(Option<Duration>),
    /// Any other status, with the server's reason.
    Status(u16, String),
}

impl Error {
    /// Whether asking again later may help, because a server that is restarted, moved or overloaded answers like this for a
    /// while. That includes the answer of another program (a proxy has a page for servers that are down), and the 404
    /// of a server whose API is not loaded yet.
    pub(crate) fn is_transient(&self) -> bool {
        match &self.fault {
            Fault::Network(error) => error.is_transient(),
            Fault::Unavailable(_) | Fault::TooManyRequests(_) | Fault::NotTheApi(_) => true,
            Fault::NotFound(reason) => reason.starts_with("Unknown url"),
            Fault::Status(code, _) => *code >= 500,
            Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotUnderstood(_) => false,
        }
    }

    /// The pause the server asks for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.fault {
            Fault::Unavailable(pause) | Fault::TooManyRequests(pause) => pause,
            _ => None,
        }
    }

    /// The error in words of a user; `doing` completes "failed to".
    pub(crate) fn explain(self, doing: &str) -> UserError {
        let message = format!("failed to {doing}: {self}");
        let error = UserError::new(message);
        match self.fault {
            Fault::Network(cause) => match cause.kind {
                http::ErrorKind::Unreachable => error.hint(
                    "Check the URL of the service connection, that the server is running, and that this agent can \
                     reach it (DNS, firewall, proxy).",
                ),
                http::ErrorKind::Tls => error.hint(
                    "If the server's certificate comes from a private authority, add that authority to the trust store \
                     of this machine or configure the agent with --sslcacert <PEM file>. With the input \
                     allowInvalidCertificate any certificate is accepted, but then anyone on the network between can \
                     read the token.",
                ),
                http::ErrorKind::Redirect => {
                    error.hint("Set the URL of the service connection to the address that answers without a redirect.")
                }
                http::ErrorKind::Setup => error.hint("Check the agent's proxy and certificate settings."),
                http::ErrorKind::Timeout | http::ErrorKind::Interrupted => {
                    error.hint("Run the build again. If it fails again, check the load of the server and the network between it and this agent.")
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
                "The token is valid but lacks a permission. Use a project analysis token of this project, a global \
                 analysis token, or grant its owner Execute Analysis on the project.",
            ),
            Fault::NotUnderstood(_) => error.hint("Update this extension."),
            Fault::NotTheApi(_) => error.hint(
                "The URL of the service connection leads to another program, such as the sign-in page of a proxy. \
                 Set it to SonarQube's own address, including its context path.",
            ),
            Fault::Unavailable(_) | Fault::TooManyRequests(_) => error.hint("The server is busy or restarting. Run the build again later."),
            // SonarQube quotes what it did not find.
            Fault::NotFound(reason) if reason.contains('\'') => {
                error.hint("Check that name. SonarQube answers the same where the token may not see what it names.")
            }
            Fault::NotFound(_) => error.hint(
                "Check the URL of the service connection, including its context path.",
            ),
            Fault::Status(code, _) if code >= 500 => error.hint("The server failed. Look at its log."),
            Fault::Status(..) => error,
        }
    }
}

/// What happened at which URL.
fn sentence(url: &str, fault: &Fault) -> String {
    let answered = |status: &str, reason: &str| {
        let colon = if reason.is_empty() { "" } else { ": " };
        format!("{url} answered {status}{colon}{reason}")
    };
    match fault {
        Fault::Network(error) => error.to_string(),
        Fault::Unauthorized => answered("401 Unauthorized", ""),
        Fault::Forbidden(reason) => answered("403 Forbidden", reason),
        Fault::NotFound(reason) => answered("404 Not Found", reason),
        Fault::NotUnderstood(what) => {
            format!("the answer of {url} holds {what}, which this version of the extension does not know")
        }
        Fault::NotTheApi(what) => format!("{url} is not SonarQube's API: it answered {what}"),
        Fault::Unavailable(_) => answered("503 Service Unavailable", ""),
        Fault::TooManyRequests(_) => answered("429 Too Many Requests", ""),
        Fault::Status(code, reason) => answered(&code.to_string(), reason),
    }
}
