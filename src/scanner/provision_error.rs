//! Why a file could not be provisioned, and what to do about it.

use crate::error::Error;
use crate::http::{self, ErrorKind};
use crate::scanner::archive::UnpackError;
use std::path::PathBuf;

/// Why a file could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The server could not be asked what it offers.
    #[error(transparent)]
    Offer(#[from] Error),
    /// The download failed.
    #[error("{file_name} could not be downloaded: {error}")]
    Download {
        /// The file.
        file_name: String,
        /// Whether it is the server's Java, which a Java of the agent can replace.
        is_java: bool,
        /// Why it could not be downloaded.
        error: http::Error,
    },
    /// The name or the hash that the server announces is not valid.
    #[error("the server offers a download whose name {file_name:?} or hash {hash:?} is not valid")]
    Metadata {
        /// The name.
        file_name: String,
        /// The hash.
        hash: String,
    },
    /// The cache cannot be written.
    #[error("{} could not be written: {cause}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The message of the system.
        cause: String,
    },
    /// A damaged folder could not be moved away, although the cache can be written: Windows moves no folder in use.
    #[error("{} is damaged and could not be replaced: {cause}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The message of the system.
        cause: String,
    },
    /// The archive could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The archive of the Java runtime has no such executable.
    #[error("{} has no executable {java_path:?}", archive.display())]
    NoJava {
        /// The archive.
        archive: PathBuf,
        /// The path that the server announces.
        java_path: String,
    },
}

impl ProvisionError {
    /// Whether other bytes came than the server had announced.
    pub(super) fn is_checksum(&self) -> bool {
        matches!(self, Self::Download { error, .. } if error.kind == ErrorKind::Checksum)
    }
}

const DISK: &str = "Free disk space there, or set SONAR_USER_HOME to a folder on another disk.";

const REACH: &str = "The agent must be able to reach that address (DNS, firewall, proxy).";
const AGENTS_JAVA: &str = "Set sonar.scanner.skipJreProvisioning=true to use a Java installed on the agent.";

impl From<ProvisionError> for Error {
    fn from(error: ProvisionError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ProvisionError::Offer(error) => error,
            ProvisionError::Cache { .. } => failure.hint(
                "Allow the agent's user to write there, or set SONAR_USER_HOME to a folder where it can write.",
            ),
            ProvisionError::Occupied { .. } => failure.hint(
                "If another analysis on this machine runs from this folder, run this one again after it. Otherwise \
                 remove the folder.",
            ),
            ProvisionError::Download { error, is_java, .. } => match (error.kind, is_java) {
                (ErrorKind::TooLarge | ErrorKind::Cancelled, _) => failure,
                (ErrorKind::Disk, _) => failure.hint(DISK),
                (ErrorKind::Checksum, _) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, false) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, true) => failure.hint(AGENTS_JAVA),
                (_, false) => failure.hint(REACH),
                (_, true) => failure.hint(format!("{REACH} {AGENTS_JAVA}")),
            },
            ProvisionError::Unpack(error) if error.is_of_disk() => failure.hint(DISK),
            _ => failure,
        }
    }
}
