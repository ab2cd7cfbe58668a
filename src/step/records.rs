//! Reads and writes the records of analyses below `Agent.TempDirectory`.
//!
//! `<temp>/sonar-azdo/<analysis id>/prepared.json`, `analyzed.json`, `report-task.txt`. Records are
//! found by listing that folder, never through a job variable, which a restricted job may forbid. Any step of the
//! job can write there, so each is sealed with what scripts do not get: `<file>.seal`. A record without a fitting seal
//! says nothing.

use super::Job;
use super::seal::Seal;
use super::tokens::{Tokens, secrets_text, tokens};
use crate::agent::{Environment, ServiceConnection, job_token};
use crate::analysis::{
    AnalysisId, AnalysisReport, Analyzed, Extent, Outcome, Prepared, Properties, RECORD_VERSION,
};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FOLDER: &str = "sonar-azdo";
const PREPARED: &str = "prepared.json";
const ANALYZED: &str = "analyzed.json";
const REPORT: &str = "report-task.txt";
/// What the seal of the secret properties is over: no file, but a variable of the job.
const SECRETS: &str = "secrets";

/// Says that SonarPrepare had a service connection and began.
const BEGAN: &str = "prepare-began";

/// Far above any record: a larger file is not ours.
const LARGEST: u64 = 1 << 20;

/// The records of this job.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
}

/// One record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its folder.
    pub folder: PathBuf,
    /// What Prepare wrote.
    pub prepared: Prepared,
    /// What Analyze added, if it ran.
    pub analyzed: Option<Analyzed>,
    seal: Seal,
}

/// What was found of the analyses of a job.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Records, oldest first.
    pub(super) records: Vec<Record>,
    /// Records that say nothing any more, and why.
    pub(super) broken: Vec<(AnalysisId, Error)>,
    /// Files that look like a record of an analysis that no SonarPrepare of this job prepared, and why they are none.
    pub(super) foreign: Vec<(AnalysisId, Error)>,
    /// Analyses whose token is in this job, and whose record is not.
    pub(super) gone: Vec<AnalysisId>,
}

impl Records {
    /// The records below this temporary directory.
    pub fn new(temp_directory: &Path) -> Self {
        Self { folder: temp_directory.join(FOLDER) }
    }

    /// Where records are looked for.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the report of the analysis `id` goes.
    pub fn report_file(&self, id: &AnalysisId) -> PathBuf {
        self.folder.join(id.as_str()).join(REPORT)
    }

    /// Notes that SonarPrepare runs, so that later steps can tell one that failed from one that never could run.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note_prepare(&self) -> Result<()> {
        let file = self.folder.join(BEGAN);
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&file, ""))
            .map_err(|error| unwritable(&file, &error))
    }

    /// Whether SonarPrepare began in this job.
    pub fn is_prepare_noted(&self) -> bool {
        self.folder.join(BEGAN).exists()
    }

    /// All records. What does not look like one is passed over. Where the step has a service `connection` of its own, that
    /// one's token vouches for them, and no job variable does.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(super) fn list(
        &self,
        environment: &Environment,
        connection: Option<&ServiceConnection>,
    ) -> Result<Found> {
        let prepared: Vec<_> =
            environment.secret_variables().filter_map(|name| AnalysisId::of_token_variable(&name)).collect();
        let mut found = Found::default();
        let mut records = Vec::new();
        let mut ids = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&self.folder, &error)),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(|error| unreadable(&self.folder, &error))?;
            let Some(id) = entry.file_name().to_str().and_then(AnalysisId::parse) else { continue };
            match Record::read(entry.path(), &id, environment, connection) {
                Ok(None) => continue,
                Ok(Some(record)) => {
                    // The server's clock has whole seconds; within one, this machine's own order counts,
                    // and within a tick of its clock that of the list of projects.
                    let file = record.folder.join(PREPARED);
                    let written = std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
                    records.push((written, record));
                }
                Err(error) if prepared.contains(&id) => found.broken.push((id.clone(), error)),
                Err(error) => found.foreign.push((id.clone(), error)),
            }
            ids.push(id);
        }
        records.sort_by_cached_key(|(written, Record { prepared, .. })| {
            let place = prepared.member.as_ref().map(|member| member.place);
            (prepared.created, *written, place, prepared.id.clone())
        });
        found.records = records.into_iter().map(|(_, record)| record).collect();
        found.gone = prepared.into_iter().filter(|id| !ids.contains(id)).collect();
        Ok(found)
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// One of them says nothing any more, or the folder can't be listed.
    pub(super) fn list_unbroken(&self, environment: &Environment) -> Result<Vec<Record>> {
        let Found { records, broken, foreign, .. } = self.list(environment, None)?;
        broken.into_iter().chain(foreign).next().map_or(Ok(records), |(_, error)| Err(error))
    }

    /// Writes the record of a prepared analysis, and the seal of its secret properties, which are in a variable.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn write_prepared(
        &self,
        prepared: &Prepared,
        secrets: &Properties,
        seal: &Seal,
    ) -> Result<()> {
        if !secrets.is_empty() {
            let folder = self.folder.join(prepared.id.as_str());
            let sealed = seal.of(SECRETS, secrets_text(secrets).expose().as_bytes());
            write_bytes(&folder, &seal_file(SECRETS), sealed.as_bytes())?;
        }
        write_sealed(&self.folder.join(prepared.id.as_str()), PREPARED, prepared, Some(seal))
    }
}

impl Record {
    /// Reads the record of the analysis `id`; `None` when there is none in the folder.
    ///
    /// # Errors
    /// It was not made by a SonarPrepare of this job, or was changed since.
    fn read(
        folder: PathBuf,
        id: &AnalysisId,
        environment: &Environment,
        connection: Option<&ServiceConnection>,
    ) -> Result<Option<Self>> {
        if !folder.join(PREPARED).exists() {
            return Ok(None);
        }
        let seal = match connection {
            Some(connection) => seal_of(environment, connection),
            None => {
                let tokens = tokens(environment, id)?.ok_or_else(|| not_of_this_job(&folder, id))?;
                let seal = tokens.seal(environment);
                check_secrets(&folder, id, &tokens, &seal)?;
                seal
            }
        };
        let whose = connection.map(|_| " Or SonarPrepare used another service connection than this step.");
        let read_all = || -> Result<Option<(Prepared, Option<Analyzed>)>> {
            let Some(prepared) = read(&folder, PREPARED, &seal)? else { return Ok(None) };
            Ok(Some((prepared, read(&folder, ANALYZED, &seal)?)))
        };
        let read = read_all().map_err(|error| match whose {
            Some(whose) => Error::new(format!("{error}{whose}")),
            None => error,
        })?;
        let Some((prepared, analyzed)) = read else { return Ok(None) };
        if prepared.id != *id || analyzed.as_ref().is_some_and(|analyzed| analyzed.id != *id) {
            return Err(Error::new(format!(
                "the record in {} belongs to another analysis",
                folder.display()
            )));
        }
        Ok(Some(Self { folder, prepared, analyzed, seal }))
    }

    /// Adds how the analysis ended and what it covered.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_analyzed(&self, outcome: Outcome, extent: Extent) -> Result<()> {
        let analyzed = Analyzed { version: RECORD_VERSION, id: self.prepared.id.clone(), outcome, extent };
        write_sealed(&self.folder, ANALYZED, &analyzed, Some(&self.seal))
    }

    /// When Prepare wrote it, by this machine's clock.
    pub(super) fn prepared_at(&self) -> SystemTime {
        let written = std::fs::metadata(self.folder.join(PREPARED)).and_then(|metadata| metadata.modified());
        written.unwrap_or_else(|_| SystemTime::now())
    }

    /// Where the scanner was told to leave its report: beside the record, or where the user wants it.
    pub fn report_file(&self) -> PathBuf {
        let chosen = self.prepared.properties.value("sonar.scanner.metadataFilePath");
        chosen.map_or_else(|| self.folder.join(REPORT), PathBuf::from)
    }

    /// The scanner's report, as it stands, and the file it is in; `None` when there is none. A place that the user chose is
    /// looked for below `roots` too: steps on the host and in a container know one folder by two names.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub fn report_text(&self, roots: &[PathBuf]) -> Result<Option<(PathBuf, String)>> {
        let chosen = self.report_file();
        let moved = elsewhere(&chosen, roots).find(|file| file.is_file());
        let beside_the_record = self.folder.join(REPORT);
        for file in [chosen].into_iter().chain(moved).chain([beside_the_record]) {
            if let Some(text) = read_text(&file)? {
                return Ok(Some((file, text)));
            }
        }
        Ok(None)
    }

    /// The scanner's report, looked for as [`Record::report_text`] says.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub fn report(&self, roots: &[PathBuf]) -> Result<Option<AnalysisReport>> {
        let Some((file, text)) = self.report_text(roots)? else { return Ok(None) };
        AnalysisReport::parse(&text).map(Some).map_err(|key| {
            Error::new(format!("the scanner's report {} has no {key}", file.display()))
                .hint("It was cut short or changed by another step: run the analysis again.")
        })
    }
}

/// Where a report may lie, by the names that this step has for the folders.
pub(super) fn report_roots(job: &Job) -> Vec<PathBuf> {
    [job.predefined.temp_directory(), job.predefined.working_directory()].into_iter().flatten().collect()
}

/// The ends of an absolute path below each of `roots`, longest first.
fn elsewhere<'a>(path: &'a Path, roots: &'a [PathBuf]) -> impl Iterator<Item = PathBuf> + 'a {
    let count = path.components().count();
    (1..count).flat_map(move |skipped| {
        let end: PathBuf = path.components().skip(skipped).collect();
        roots.iter().map(move |root| root.join(&end))
    })
}

/// The text of a file, up to a length far above any of ours; `None` when there is none.
///
/// # Errors
/// It cannot be read, or it is not a regular file: opening a pipe would wait for ever.
pub(super) fn read_text(file: &Path) -> Result<Option<String>> {
    let opened = match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => std::fs::File::open(file),
        Ok(_) => return Err(unreadable(file, &"it is not a regular file")),
        Err(error) => Err(error),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(file, &error)),
    };
    let mut text = String::new();
    opened.take(LARGEST).read_to_string(&mut text).map_err(|error| unreadable(file, &error))?;
    Ok(Some(text))
}

/// Reads a file of a record, which must bear its seal.
fn read<T: DeserializeOwned>(folder: &Path, name: &str, seal: &Seal) -> Result<Option<T>> {
    let file = folder.join(name);
    let Some(text) = read_text(&file)? else { return Ok(None) };
    let Version { version } = serde_json::from_str(&text).map_err(|error| unreadable(&file, &error))?;
    if version != RECORD_VERSION {
        return Err(Error::new(format!(
            "{} was written by another version of this extension",
            file.display()
        ))
        .hint("Use the same major version of SonarPrepare, SonarAnalyze and SonarPublish in one pipeline."));
    }
    let written = read_text(&folder.join(seal_file(name)))?.unwrap_or_default();
    // Whoever could have this pass could turn a failed quality gate green: the record says which server is asked.
    if !seal.fits(name, text.as_bytes(), &written) {
        return Err(Error::new(format!("the record in {} was changed by another step", folder.display()))
            .hint("Nothing that it says counts: find the step that writes there, and run the job again."));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| unreadable(&file, &error))
}

/// Makes sure that the secret properties are those that SonarPrepare left. They win over all others, so a step that replaced
/// the variable could lead the token to a server of its own.
fn check_secrets(folder: &Path, id: &AnalysisId, tokens: &Tokens, seal: &Seal) -> Result<()> {
    let Some(secrets) = tokens.secrets() else { return Ok(()) };
    let written = read_text(&folder.join(seal_file(SECRETS)))?.unwrap_or_default();
    if seal.fits(SECRETS, secrets.expose().as_bytes(), &written) {
        return Ok(());
    }
    Err(Error::new(format!("the job variable {} was changed by another step", id.secrets_variable()))
        .hint("Nothing that the record says counts: find the step that sets it, and run the job again."))
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{} can't be read: {error}", path.display()))
}

fn not_of_this_job(folder: &Path, id: &AnalysisId) -> Error {
    Error::new(format!(
        "the record in {} was not made by a SonarPrepare of this job: the job has no variable {}",
        folder.display(),
        id.token_variable()
    ))
    .hint(
        "Run the three tasks in one job. If the pipeline restricts which variables may be set, allow SONAR_AZDO_*, or \
         give SonarPublish the service connection of SonarPrepare.",
    )
}

/// The seal of the records of this job that were made with the step's own connection.
pub(super) fn seal_of(environment: &Environment, connection: &ServiceConnection) -> Seal {
    Seal::within_job(job_token(environment).as_ref(), &connection.token, connection.password.as_ref())
}

/// Name of the file that seals the file `name`.
fn seal_file(name: &str) -> String {
    format!("{name}.seal")
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{} can't be written: {error}", path.display()))
}

/// Writes a value as JSON.
pub(super) fn write(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    write_sealed(folder, name, value, None)
}

/// Likewise, and its seal before it: the file is what makes the record.
fn write_sealed(folder: &Path, name: &str, value: &impl Serialize, seal: Option<&Seal>) -> Result<()> {
    let mut json = serde_json::to_vec(value).map_err(|error| unwritable(&folder.join(name), &error))?;
    json.push(b'\n');
    if let Some(seal) = seal {
        write_bytes(folder, &seal_file(name), seal.of(name, &json).as_bytes())?;
    }
    write_bytes(folder, name, &json)
}

/// Writes aside and renames, so that a reader sees all of it or nothing.
fn write_bytes(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    let file = folder.join(name);
    let aside = folder.join(format!("{name}.new"));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&aside, content))
        .and_then(|()| std::fs::rename(&aside, &file))
        .map_err(|error| unwritable(&file, &error))
}
