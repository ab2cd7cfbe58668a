//! The input `onMissingConnection` of SonarAnalyze and SonarPublish.

use super::input_value::one_of;
use crate::agent::env::Environment;
use crate::error::Result;

/// What happens where SonarPrepare could not run, because this build may not use the service connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnMissingConnection {
    /// Nothing is analysed. The step says so, and it does not count as a pass.
    Skip,
    /// It is an error.
    Fail,
}

impl OnMissingConnection {
    /// The input `onMissingConnection`; `None` where the kind of the build decides.
    pub(super) fn read(env: &Environment) -> Result<Option<Self>> {
        let parse = |text| match text {
            "skip" => Ok(Self::Skip),
            "fail" => Ok(Self::Fail),
            other => Err(one_of("onMissingConnection", other, "skip, fail")),
        };
        env.input("onMissingConnection").map(parse).transpose()
    }
}
