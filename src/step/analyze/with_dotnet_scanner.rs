//! The end of an analysis by the SonarScanner for .NET.

use super::dotnet_proof;
use super::shared_runtime::SharedRuntime;
use crate::agent::AnalyzeInputs;
use crate::analysis::jvm_profile::JvmProfile;
use crate::analysis::{Begun, Prepared, Properties};
use crate::error::{Error, Result};
use crate::scanner::dotnet::environment::{self, Variables};
use crate::scanner::dotnet::{self, Dotnet};
use crate::scanner::{Audit, Cache, ClassArchive, JavaHome, ScannerRun};
use crate::step::cache_choice;
use crate::step::dotnet_begin_end::{
    BUILD_URI, SOURCES_DIRECTORY, configuration, facts, product, sign_in, variables, work_folder,
    write_settings,
};
use crate::step::found_reports;
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::record::tokens::tokens_of;
use crate::step::runtime::engine_and_java::verify;
use crate::step::runtime::java_options::JavaOptions;
use crate::step::runtime::network;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Runs it.
pub(super) async fn end(
    job: &Job,
    inputs: &AnalyzeInputs,
    shared: &SharedRuntime,
    record: &Record,
    start: &[String],
    begun: &Begun,
) -> Result<ScannerRun> {
    let prepared = &record.prepared;
    let tokens = tokens_of(job, prepared)?;
    let work_folder = work_folder(job)?;
    check_configuration(begun, &work_folder)?;
    check_jdk_version(job, inputs, begun)?;
    let user_home = PathBuf::from(&begun.user_home);
    let password = tokens.password();
    let credentials = (&tokens.token, password.as_ref());
    let cache = cache_choice::choose(job, &user_home, credentials, false, Audit::Scanner).await?;
    if cache.user_home() != user_home {
        return Err(Error::new(format!(
            "the cache {}, from which SonarPrepare chose the engine and the Java, cannot be used any more",
            user_home.display()
        ))
        .hint(
            "The line above says why. Set `cache: private` on SonarPrepare, or change who can write to that folder.",
        ));
    }
    let sonarqube = tokens.sonarqube(job, &prepared.server);
    job.cancellation.unless_requested(verify(begun, &sonarqube, &cache)).await??;
    tracing::info!("{}", begun.java_choice);

    let mut properties = prepared.properties.clone();
    properties.extend(&tokens.secrets.properties);
    network::equip(job, (&prepared.server.url, true), &record.folder, &user_home, &mut properties)?;
    let mut variables = variables(job, &prepared.server, &properties, &inputs.pass_environment)?;
    for (name, value) in [(BUILD_URI, &begun.build_uri), (SOURCES_DIRECTORY, &begun.sources_directory)] {
        match value {
            Some(value) => environment::set(&mut variables, name, value),
            None => environment::remove(&mut variables, name),
        }
    }
    let options = (inputs.jvm_profile, shared);
    let archive = set_options_of_java(job, options, prepared, (begun, &cache), &properties, &mut variables)?;

    // All that only the end gets: what its settings file or its beginning said wins over it.
    let mut parameters = dotnet::hand_over(&prepared.properties).parameters;
    parameters.extend(&found_reports::for_dotnet(job, record, dotnet_proof::of_reports(job)).await?);
    let secrets = properties.take_secrets();
    parameters.extend(&secrets);
    sign_in(&prepared.server, &tokens.token, &mut parameters);
    // Any step may have changed it since.
    write_settings(&record.folder, &begun.settings)?;
    let product = product(&prepared.server);
    let run = Dotnet {
        start,
        arguments: vec!["end".to_owned()],
        directory: &job.predefined.working_directory()?,
        parameters: dotnet::parameters(&parameters),
        archive: &archive,
        facts: facts(job, &prepared.server, &product, &work_folder),
    };
    let end = run.end(&variables, &job.cancellation).await;
    cache.seal_unpacked().await;
    if !secrets.is_empty() {
        remove_input_of_engine(&work_folder);
    }
    end
}

/// Removes the files in which the scanner leaves all properties: of the secret ones it masks the token alone.
fn remove_input_of_engine(work_folder: &Path) {
    for name in ["ScannerEngineInput.json", "sonar-project.properties"] {
        let file = work_folder.join("out").join(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(
                    "{} could not be removed, and it holds secret properties: {error}",
                    file.display()
                );
            }
            _ => {}
        }
    }
}

/// The configuration names server, engine and Java, so it must be the one that the beginning left.
fn check_configuration(begun: &Begun, work_folder: &Path) -> Result<()> {
    let Some(left) = &begun.configuration else { return Ok(()) };
    match configuration(work_folder) {
        Some(found) if found == *left => Ok(()),
        Some(_) => Err(Error::new(format!(
            "the scanner's configuration in {} has changed since SonarPrepare",
            work_folder.display()
        ))
        .hint(
            "Another SonarPrepare ran in the same folder, or a step changed the file. Run the SonarAnalyze of each \
             .NET analysis before the next SonarPrepare.",
        )),
        None => Err(Error::new(format!(
            "the folder {}, which SonarPrepare created, does not exist any more",
            work_folder.display()
        ))
        .hint("Do not check out or clean the sources between SonarPrepare and SonarAnalyze.")),
    }
}

/// `jdkversion` comes too late: the scanner learnt at its beginning which Java runs.
fn check_jdk_version(job: &Job, inputs: &AnalyzeInputs, begun: &Begun) -> Result<()> {
    let Some(name) = &inputs.jdk_version else { return Ok(()) };
    let homes = JavaHome::among(job.environment.iter());
    let named = homes.iter().find(|home| home.variable.eq_ignore_ascii_case(name));
    if named.is_some_and(|home| Path::new(&begun.java).starts_with(home.folder)) {
        return Ok(());
    }
    let message =
        format!("jdkversion is {name}, but in scannerMode dotnet SonarPrepare has already chosen the Java");
    let hint = "To choose another one, set sonar.scanner.javaExePath in extraProperties of SonarPrepare.";
    if inputs.jdk_version_strict {
        return Err(Error::new(message).hint(hint));
    }
    tracing::warn!("{message}. {hint}");
    Ok(())
}

/// Options of the engine's Java, and the archive of its classes, as in mode `cli`.
fn set_options_of_java(
    job: &Job,
    (profile, shared): (JvmProfile, &SharedRuntime),
    prepared: &Prepared,
    (begun, cache): (&Begun, &Cache),
    properties: &Properties,
    variables: &mut Variables,
) -> Result<ClassArchive> {
    let of_job = |name: &str| job.environment.value(name).unwrap_or_default();
    let own = [
        of_job("SONAR_SCANNER_JAVA_OPTS"),
        properties.value("sonar.scanner.javaOpts").unwrap_or_default(),
        of_job(network::SCANNER_OPTIONS),
    ];
    let directory = job.predefined.working_directory()?.join(&prepared.base_dir);
    let options = JavaOptions::of(job, profile, shared.parallel, &directory, own.join(" ").trim());
    let mut text = options.text;
    let Some(engine) = &begun.engine else {
        // The scanner brings a SonarScanner CLI, which takes the Java from here.
        if let Some(home) = Path::new(&begun.java).parent().and_then(Path::parent) {
            environment::set(variables, "JAVA_HOME", home);
        }
        text.push_str(&network::options_of_java(properties, &prepared.server.url));
        dotnet::set_java_options(variables, &text, &ClassArchive::Unused);
        return Ok(ClassArchive::Unused);
    };
    // Options are divided by blanks, whatever stands around them.
    let archive =
        match options.suits_class_archive && begun.was_cached && !engine.contains(char::is_whitespace) {
            true => ClassArchive::find(
                cache,
                Path::new(engine),
                Path::new(&begun.java),
                &options.with_variables,
                &shared.marks,
            ),
            false => ClassArchive::Unused,
        };
    dotnet::set_java_options(variables, &text, &archive);
    Ok(archive)
}
