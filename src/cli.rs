//! The command line: the three steps, as their launchers call them, and what people type.

use crate::agent::{
    Commands, Console, Environment, Host, Log, Predefined, TaskResult, http_settings, listen_for_cancellation,
};
use crate::arguments::{self, Command, HELP, Step};
use crate::cancel::CancelSource;
use crate::command::{self, Gate};
use crate::error::{Error, ErrorKind, Result};
use crate::http;
use crate::step::{self, Ending, Job};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;

const LAST_WORK: Duration = Duration::from_secs(3);

/// Runs what the command line says.
///
/// A step exits with 0 once it has told the agent its result, whatever that is: the agent reports any
/// other code as a second error. It exits with 1 only when it could not tell.
pub fn run(host: Host) -> ExitCode {
    match arguments::parse(&host.arguments) {
        Ok(Command::Task(step)) => run_step(step, host.environment),
        Ok(Command::Gate(gate)) => run_gate(&gate, &host.environment),
        Ok(Command::Help) => print(HELP.trim_end()),
        Ok(Command::Version) => print(concat!("sonar-azdo ", env!("CARGO_PKG_VERSION"))),
        Err(error) => {
            Console::stderr().print(&format!("error: {error}\n\n{}", HELP.trim_end()));
            ExitCode::from(command::USAGE)
        }
    }
}

fn print(text: &str) -> ExitCode {
    Console::stdout().print(text);
    ExitCode::SUCCESS
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
    // Blocking work that a cancelled or failed step left behind removes its temporary files, which takes no time
    // unless a disk hangs; that must not hold the process.
    runtime.shutdown_timeout(LAST_WORK);
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
