//! What a user of a command can do about an answer of SonarQube. (For the tasks `sonarqube::Error` says it, in terms of the service
//! connection.)

use crate::error::Error;
use crate::http;
use crate::sonarqube::{self, Fault};

/// The error in words of a user; `doing` completes "failed to".
pub(super) fn explain(error: sonarqube::Error, doing: &str) -> Error {
    let hint = match &error.fault {
        Fault::Unauthorized => {
            "SONAR_TOKEN is wrong, expired or revoked. Create a new token in SonarQube (My Account > Security)."
        }
        Fault::Forbidden(_) => {
            "The owner of SONAR_TOKEN needs the permission Browse or Execute Analysis on the project."
        }
        Fault::Network(cause) if cause.kind == http::ErrorKind::Unreachable => {
            "Check SONAR_HOST_URL, that the server is running, and that this machine can reach it (DNS, firewall, proxy)."
        }
        Fault::NotTheApi(_) => {
            "SONAR_HOST_URL leads to something else, such as the sign-in page of a proxy. Set it to SonarQube's own address, \
             including its context path."
        }
        // SonarQube quotes what it did not find.
        Fault::NotFound(reason) if !reason.contains('\'') => {
            "Check SONAR_HOST_URL, including its context path."
        }
        Fault::NotUnderstood(_) => "Update sonar-azdo.",
        _ => return error.explain(doing),
    };
    Error::new(format!("failed to {doing}: {error}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_speaks_of_a_service_connection() {
        let network =
            http::Error { kind: http::ErrorKind::Unreachable, url: String::new(), cause: String::new() };
        for fault in [
            Fault::Network(network),
            Fault::Unauthorized,
            Fault::Forbidden(String::new()),
            Fault::NotFound(String::new()),
            Fault::NotFound("Project 'shop' not found".into()),
            Fault::NotTheApi("text/html".into()),
            Fault::NotUnderstood("x".into()),
            Fault::Unavailable(None),
            Fault::Status(500, String::new()),
        ] {
            let error = sonarqube::Error { url: "https://sonar".into(), fault };
            let text = explain(error, "read the quality gate").to_string();
            assert!(text.starts_with("failed to read the quality gate: "), "{text}");
            assert!(!text.contains("service connection"), "{text}");
        }
    }
}
