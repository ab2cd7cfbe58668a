//! How `sonar-azdo` ends: the codes that scripts branch on. docs/exit-codes.md is the same table.

/// The exit code of a command. Codes keep their meaning in all versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Success. For `gate`: the quality gate passed.
    Ok = 0,
    /// The command failed for a reason that has no code of its own.
    Error = 1,
    /// The arguments or environment variables are wrong. No request was sent.
    Usage = 2,
    /// The quality gate failed.
    GateFailed = 3,
    /// The server has not computed a quality gate yet, or its answer contradicts itself.
    NoVerdict = 4,
    /// The time given by `--wait` ran out.
    Timeout = 5,
    /// The token is not accepted or lacks a permission.
    Permission = 6,
    /// Ctrl-C, or SIGTERM.
    Interrupted = 130,
}

impl ExitCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Error,
        Self::Usage,
        Self::GateFailed,
        Self::NoVerdict,
        Self::Timeout,
        Self::Permission,
        Self::Interrupted,
    ];

    /// The number that the process ends with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The meaning, as the help and docs/exit-codes.md say it.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Success. For `gate`: the quality gate passed",
            Self::Error => {
                "The command failed: the server cannot be reached, the project or branch does not exist, the answer was \
                 not understood, or the output could not be written"
            }
            Self::Usage => "The arguments or environment variables are wrong. No request was sent",
            Self::GateFailed => "The quality gate failed",
            Self::NoVerdict => {
                "There is no verdict: the server has not computed a quality gate yet, or its answer contradicts itself"
            }
            Self::Timeout => "The time given by `--wait` ran out",
            Self::Permission => "The server does not accept the token, or the token lacks a permission",
            Self::Interrupted => "Interrupted by Ctrl-C or SIGTERM",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_change() {
        assert_eq!(ExitCode::ALL.map(ExitCode::number), [0, 1, 2, 3, 4, 5, 6, 130]);
    }
}
