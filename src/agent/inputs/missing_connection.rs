//! The input `onMissingConnection` of SonarAnalyze and SonarPublish.

use super::input_value::one_of;
use crate::agent::env::Environment;
use crate::error::Result;

/// What happens where SonarPrepare could not run, because the service connection is not there for this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissingConnection {
    /// Nothing is analysed, which is said and is no pass.
    Skip,
    /// It is an error.
    Fail,
}

impl OnMissingConnection {
    /// The input `onMissingConnection`; none where the kind of the build decides.
    pub(super) fn read(env: &Environment) -> Result<Option<Self>> {
        let parse = |text| match text {
            "skip" => Ok(Self::Skip),
            "fail" => Ok(Self::Fail),
            other => Err(one_of("onMissingConnection", other, "skip, fail")),
        };
        env.input("onMissingConnection").map(parse).transpose()
    }
}
