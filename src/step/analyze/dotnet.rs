//! The end of an analysis by the SonarScanner for .NET.

use super::{java_choices_of, platform};
use crate::agent::{AnalyzeInputs, Child};
use crate::analysis::Properties;
use crate::error::Result;
use crate::scanner::dotnet::{self, Dotnet};
use crate::scanner::{EngineResult, JavaHome};
use crate::step::Job;
use crate::step::records::{Record, tokens_of};

/// Runs it.
pub(super) async fn end(
    job: &Job,
    inputs: &AnalyzeInputs,
    record: &Record,
    start: &[String],
) -> Result<EngineResult> {
    let prepared = &record.prepared;
    let tokens = tokens_of(job, prepared)?;
    let (secrets, token) = dotnet::secrets(&prepared.server, &tokens.properties, &tokens.token);
    let properties = Properties::default();
    let platform = platform(job, &properties);
    let homes = JavaHome::among(job.environment.iter());
    let choices = java_choices_of(job, inputs, &properties, &homes, &platform);
    let needed = prepared.server.oldest_java();
    let java = match choices.made(needed)? {
        Some(java) => Some(java),
        // The scanner fetches the server's Java itself.
        None if prepared.server.has_engine_provisioning() => None,
        None => Some(choices.best(None, needed)?),
    };
    java.iter().for_each(|java| tracing::info!("{java}"));
    let run = Dotnet {
        start,
        arguments: vec!["end".to_owned()],
        directory: &job.predefined.working_directory()?,
        secrets: &secrets,
        token,
        java_home: java.as_ref().and_then(|java| java.home()).map(Into::into),
    };
    let environment = job.environment.for_child(Child::Dotnet, &inputs.pass_environment);
    run.run(&environment, &job.cancellation).await
}
