//! Runs one step of a pipeline as a task of the agent: the arguments, the runtime, the cancellation, and the task's result.

use crate::agent::{
    Commands, Console, Environment, Host, Log, Predefined, TaskResult, allow_invalid_certificate,
    azure_devops_settings, http_settings, listen_for_cancellation,
};
use crate::bug::Bugs;
use crate::cancel::CancelSource;
use crate::error::{Error, ErrorKind, Result};
use crate::http;
use crate::step::{self, Completion, Job};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;

const LAST_WORK: Duration = Duration::from_secs(3);
const USAGE: &str = "Usage: sonar-azdo-task <prepare|analyze|publish>";
const WRONG_USAGE: u8 = 2;

/// A step of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Prepare,
    Analyze,
    Publish,
}

/// Runs the step that the command line names.
///
/// The exit code is 0 once the agent has been told the result, whatever that is: the agent reports any
/// other code as a second error. It is 1 if the agent could not be told, and 2 if no step was named.
pub fn run(host: Host) -> ExitCode {
    let bugs = Bugs::watch();
    match step_of(&host.arguments) {
        Ok(step) => run_step(step, host.environment, &bugs),
        Err(error) => {
            Console::stderr().print(&format!("error: {error}\n{USAGE}"));
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// Why the arguments name no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum UsageError {
    #[error("a step is missing")]
    Missing,
    #[error("there is no step {0:?}")]
    Unknown(String),
    #[error("unexpected argument {0:?}")]
    Extra(String),
}

/// The step that the arguments name, the program's name first. `task prepare` and `prepare` are the same.
fn step_of(arguments: &[OsString]) -> Result<Step, UsageError> {
    let mut names: Vec<_> = arguments.iter().skip(1).map(|argument| argument.to_string_lossy()).collect();
    if names.first().is_some_and(|name| name == "task") {
        names.remove(0);
    }
    match names.as_slice() {
        [] => Err(UsageError::Missing),
        [name] => match name.as_ref() {
            "prepare" => Ok(Step::Prepare),
            "analyze" => Ok(Step::Analyze),
            "publish" => Ok(Step::Publish),
            other => Err(UsageError::Unknown(other.to_owned())),
        },
        [_, extra, ..] => Err(UsageError::Extra(extra.to_string())),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("the runtime could not be started: {error}")))
}

fn run_step(step: Step, environment: Environment, bugs: &Bugs) -> ExitCode {
    let console = Console::stdout();
    let debug = Predefined::read(&environment).is_ok_and(|predefined| predefined.is_debug());
    let subscriber = tracing_subscriber::registry().with(Log::new(console.clone(), debug));
    let told = tracing::subscriber::with_default(subscriber, || {
        let result = bugs.caught_now(|| execute(step, environment, &console, bugs));
        tell(&Commands::new(console.clone()), result);
        console.is_healthy()
    });
    if told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn execute(step: Step, environment: Environment, console: &Console, bugs: &Bugs) -> Result<Completion> {
    let runtime = runtime()?;
    let (source, cancellation) = CancelSource::new();
    console.cancel_on_failure(source);
    if allow_invalid_certificate(&environment)? {
        tracing::warn!(
            "allowInvalidCertificate is set: nobody checks that it is SonarQube that answers. Whoever is on the network \
             can read the token and change the verdict"
        );
    }
    let client = |settings| {
        let client = http::Client::new(settings);
        match step {
            // What it has to record of a cancelled run comes after the cancellation; until then it reacts by itself.
            Step::Publish => client,
            Step::Prepare | Step::Analyze => client.until(cancellation.clone()),
        }
    };
    let job = Job {
        predefined: Predefined::read(&environment)?,
        http: client(http_settings(&environment)),
        azure_devops: client(azure_devops_settings(&environment)),
        commands: Commands::new(console.clone()),
        environment,
        cancellation,
    };
    let result = runtime.block_on(async {
        let work = async {
            match step {
                Step::Prepare => step::prepare(&job).await,
                Step::Analyze => step::analyze(&job).await,
                Step::Publish => step::publish(&job).await,
            }
        };
        // The step itself reacts to the cancellation: it must not be dropped when the signal comes.
        let listening = async {
            listen_for_cancellation(console.clone()).await;
            std::future::pending().await
        };
        tokio::select! {
            // It listens before the step does anything.
            biased;
            result = listening => result,
            result = carry_out(step, &job, bugs, work) => result,
        }
    });
    // A task that was aborted is dropped when it would be polled next. Until then the blocking work that it feeds waits
    // for more, and with it what is temporary.
    runtime.block_on(tokio::task::yield_now());
    // Blocking work that a cancelled or failed step left behind removes its temporary files, which takes no time
    // unless a disk hangs; that must not hold the process.
    runtime.shutdown_timeout(LAST_WORK);
    result
}

/// Does the `work` of a step, whatever becomes of it.
async fn carry_out(
    step: Step,
    job: &Job,
    bugs: &Bugs,
    work: impl Future<Output = Result<Completion>>,
) -> Result<Completion> {
    let result = bugs.caught(work).await;
    if step == Step::Publish && bugs.are_found() {
        // Else what other jobs of the build passed would be all that is known of it. A second bug changes nothing.
        let recorded = async {
            step::record_unknown(job).await;
            Ok(())
        };
        let _ = bugs.caught(recorded).await;
    }
    match result {
        // What could not be done because the run was cancelled is no failure.
        Err(error)
            if error.kind() == ErrorKind::Failed
                && step != Step::Publish
                && job.cancellation.is_requested() =>
        {
            Err(Error::cancelled())
        }
        result => result,
    }
}

/// The task's last words: one error at most, and exactly one result.
fn tell(commands: &Commands, result: Result<Completion>) {
    match result {
        Ok(ending) => {
            let result =
                if ending.with_issues { TaskResult::SucceededWithIssues } else { TaskResult::Succeeded };
            commands.complete(result, &ending.message);
        }
        Err(error) => {
            let task_result = match error.kind() {
                ErrorKind::Cancelled => TaskResult::Canceled,
                ErrorKind::Failed => {
                    tracing::error!("{error}");
                    TaskResult::Failed
                }
                ErrorKind::Reported => TaskResult::Failed,
            };
            commands.complete(task_result, error.message());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancellation;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn job(azure: &MockServer, cancellation: Cancellation) -> Job {
        let collection = azure.uri();
        let variables = [
            ("SYSTEM_HOSTTYPE", "build"),
            ("SYSTEM_TEAMPROJECTID", "p"),
            ("BUILD_BUILDID", "7"),
            ("SYSTEM_COLLECTIONURI", collection.as_str()),
            ("SECRET_SYSTEM_ACCESSTOKEN", "t"),
        ];
        let environment = Environment::new(variables.map(|(name, value)| (name.into(), value.into())));
        let client = http::Client::new(http::NetworkSettings::default());
        Job {
            predefined: Predefined::read(&environment).unwrap(),
            environment,
            commands: Commands::new(Console::buffer().0),
            http: client.clone(),
            azure_devops: client,
            cancellation,
        }
    }

    #[test]
    fn the_arguments_name_one_step() {
        let read = |line: &str| {
            let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            step_of(&arguments).map_err(|error| error.to_string())
        };
        assert_eq!(read("sonar-azdo-task task publish"), Ok(Step::Publish));
        assert_eq!(read("sonar-azdo-task prepare"), Ok(Step::Prepare));
        assert_eq!(read("sonar-azdo-task analyze"), Ok(Step::Analyze));
        for (line, expected) in [
            ("sonar-azdo-task", "a step is missing"),
            ("sonar-azdo-task task", "a step is missing"),
            ("sonar-azdo-task begin", "there is no step \"begin\""),
            ("sonar-azdo-task task prepare publish", "unexpected argument \"publish\""),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
    }

    #[tokio::test]
    async fn a_bug_fails_the_task_with_its_place_and_leaves_the_verdict_unknown() {
        let azure = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_raw(r#"{"value":{}}"#, "application/json");
        Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&azure).await;
        let (_source, cancellation) = CancelSource::new();
        let job = job(&azure, cancellation);
        let bugs = Bugs::watch();
        for (step, is_recorded) in [(Step::Prepare, false), (Step::Analyze, false), (Step::Publish, true)] {
            let work = async {
                let work = http::blocking::<()>(|| panic!("hush"));
                work.await.unwrap();
                Ok(Completion { message: "Quality gate passed".into(), with_issues: false })
            };
            let error = carry_out(step, &job, &bugs, work).await.unwrap_err();
            let text = error.to_string();
            assert_eq!(error.kind(), ErrorKind::Failed);
            assert!(text.contains("has a bug, at src/task.rs:") && !text.contains("hush"), "{text}");
            let sent = azure.received_requests().await.unwrap();
            let is_unknown = |body: &[u8]| String::from_utf8_lossy(body).contains("unknown");
            assert_eq!(sent.iter().any(|request| is_unknown(&request.body)), is_recorded, "{step:?}");
        }
        assert!(bugs.caught_now(|| -> Result<()> { panic!("again") }).is_err());
        let _ = std::panic::take_hook();
    }
}
