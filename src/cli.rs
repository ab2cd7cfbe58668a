//! The command line: the three steps, as their launchers call them, and what people type.

use crate::agent::{
    Commands, Console, Environment, Host, Log, Predefined, TaskResult, http_settings, listen_for_cancellation,
};
use crate::cancel::CancelSource;
use crate::command::{self, Gate};
use crate::error::{Error, ErrorKind, Result};
use crate::http;
use crate::step::{self, Ending, Job};
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt as _;

const HELP: &str = "\
SonarQube analysis and a quality gate you can trust, for Azure Pipelines

Usage: sonar-azdo <COMMAND>

Commands:
  task prepare|analyze|publish   Run a step of a pipeline, as the agent's tasks do
  gate                           Ask SonarQube for the quality gate of a project: gate --help

Options:
  -h, --help       Print help
  -V, --version    Print version
";

#[derive(Debug, Clone, Copy)]
enum Step {
    Prepare,
    Analyze,
    Publish,
}

/// Runs what the command line says.
///
/// A step exits with 0 once it has told the agent its result, whatever that is: the agent reports any
/// other code as a second error. It exits with 1 only when it could not tell.
pub fn run(host: Host) -> ExitCode {
    let arguments: Vec<_> =
        host.arguments.iter().skip(1).map(|argument| argument.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    match arguments.as_slice() {
        ["task", "prepare"] => run_step(Step::Prepare, host.environment),
        ["task", "analyze"] => run_step(Step::Analyze, host.environment),
        ["task", "publish"] => run_step(Step::Publish, host.environment),
        ["gate", options @ ..] if options.iter().any(|option| is_help(option)) => print(Gate::HELP),
        ["gate", options @ ..] => match Gate::parse(options) {
            Ok(gate) => run_gate(&gate, &host.environment),
            Err(mistake) => usage(&mistake, "gate --help"),
        },
        [option] if is_help(option) => print(HELP),
        ["-V" | "--version"] => print(concat!("sonar-azdo ", env!("CARGO_PKG_VERSION"))),
        [] => usage("no command is given", "--help"),
        other => usage(&format!("there is no command {:?}", other.join(" ")), "--help"),
    }
}

fn is_help(option: &str) -> bool {
    matches!(option, "-h" | "--help")
}

fn print(text: &str) -> ExitCode {
    Console::stdout().print(text);
    ExitCode::SUCCESS
}

fn usage(mistake: &str, help: &str) -> ExitCode {
    Console::stderr().print(&format!("error: {mistake}; see sonar-azdo {help}"));
    ExitCode::from(command::USAGE)
}

fn run_gate(gate: &Gate, environment: &Environment) -> ExitCode {
    let console = Console::stdout();
    let code = runtime().and_then(|runtime| runtime.block_on(command::gate(gate, environment, &console)));
    let code = code.unwrap_or_else(|error| {
        Console::stderr().print(&format!("error: {error}"));
        command::USAGE
    });
    // An answer that nobody received is none.
    if console.is_healthy() { ExitCode::from(code) } else { ExitCode::from(command::UNKNOWN) }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("the runtime could not be started: {error}")))
}

fn run_step(step: Step, environment: Environment) -> ExitCode {
    let console = Console::stdout();
    let debug = Predefined::read(&environment).is_ok_and(|predefined| predefined.is_debug());
    let subscriber = tracing_subscriber::registry().with(Log::new(console.clone(), debug));
    let told = tracing::subscriber::with_default(subscriber, || {
        let result = execute(step, environment, &console);
        tell(&Commands::new(console.clone()), result);
        console.is_healthy()
    });
    if told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn execute(step: Step, environment: Environment, console: &Console) -> Result<Ending> {
    let runtime = runtime()?;
    let (source, cancellation) = CancelSource::new();
    console.cancel_on_failure(source);
    let job = Job {
        predefined: Predefined::read(&environment)?,
        http: http::Client::new(http_settings(&environment)),
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
            result = work => result,
            result = listening => result,
        }
    });
    // Blocking work that a cancelled step left behind must not hold the process.
    runtime.shutdown_background();
    result
}

/// The task's last words: one error at most, and exactly one result.
fn tell(commands: &Commands, result: Result<Ending>) {
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
