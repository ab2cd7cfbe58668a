//! Why something could not be provisioned, and what would help.

use crate::error::Error;
use crate::http::{self, ErrorKind};
use crate::scanner::archive::UnpackError;
use std::path::PathBuf;

/// Why a file could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The download failed.
    #[error("{file_name} could not be downloaded: {error}")]
    Download {
        /// What was wanted.
        file_name: String,
        /// Whether that is the server's Java, without which an analysis may do.
        is_java: bool,
        /// Why it did not come.
        error: http::Error,
    },
    /// The server names a file or a hash that is none.
    #[error("the server offers a download with the unusable name {file_name:?} or hash {hash:?}")]
    Metadata {
        /// The name.
        file_name: String,
        /// The hash.
        hash: String,
    },
    /// The cache can't be written.
    #[error("{} can't be written: {cause}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// What is to be replaced can't be moved away, though the cache can be written: Windows moves no folder in use.
    #[error("{} is damaged, and can't be replaced: {cause}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// The archive can't be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The JRE's archive has no such executable.
    #[error("{} has no executable {java_path:?}", archive.display())]
    NoJava {
        /// The archive.
        archive: PathBuf,
        /// The path the server named.
        java_path: String,
    },
}

impl ProvisionError {
    /// Whether other bytes came than the server had announced: a new version may have been published
    /// in between, so ask for the metadata once more.
    pub fn is_checksum(&self) -> bool {
        matches!(self, Self::Download { error, .. } if error.kind == ErrorKind::Checksum)
    }
}

const DISK: &str = "Free some space there, or set SONAR_USER_HOME to a folder on another disk.";

const REACH: &str = "The agent must be able to reach that address (DNS, firewall, proxy).";
const OWN_JAVA: &str = "The property sonar.scanner.skipJreProvisioning=true has a Java of the agent used instead of the \
                        server's.";

impl From<ProvisionError> for Error {
    fn from(error: ProvisionError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ProvisionError::Cache { .. } => failure.hint(
                "Let the agent's user write there, or set SONAR_USER_HOME to a folder that it can write.",
            ),
            ProvisionError::Occupied { .. } => failure.hint(
                "If another analysis on this machine runs from it, run this one again when that is done. Otherwise \
                 remove the folder.",
            ),
            ProvisionError::Download { error, is_java, .. } => match (error.kind, is_java) {
                (ErrorKind::TooLarge | ErrorKind::Cancelled, _) => failure,
                (ErrorKind::Disk, _) => failure.hint(DISK),
                (ErrorKind::Checksum, _) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, false) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, true) => failure.hint(OWN_JAVA),
                (_, false) => failure.hint(REACH),
                (_, true) => failure.hint(format!("{REACH} {OWN_JAVA}")),
            },
            ProvisionError::Unpack(error) if error.is_of_disk() => failure.hint(DISK),
            _ => failure,
        }
    }
}
