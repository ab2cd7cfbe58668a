//! What the pipeline and the repository say, read before any server is asked.

use super::project::Project;
use super::{several_projects, user_properties};
use crate::agent::{PrepareInputs, ServiceConnection};
use crate::error::Result;
use crate::secret::Secret;
use crate::step::job::Job;
use crate::step::record::list::Records;

/// The inputs of the step, checked, and the projects to analyse.
pub(super) struct Setup<'a> {
    pub(super) job: &'a Job,
    pub(super) connection: ServiceConnection,
    pub(super) inputs: PrepareInputs,
    pub(super) records: Records,
    /// One, or those of the input `monorepo`.
    pub(super) projects: Vec<Project>,
}

impl<'a> Setup<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// An input, a settings file or a folder is wrong.
    pub(super) fn read(job: &'a Job) -> Result<Self> {
        let connection = ServiceConnection::read(&job.environment)?;
        // Before the first line of the log.
        register_secrets(job, &connection);
        if let Ok(temporary) = job.predefined.temp_directory() {
            Records::new(&temporary).note_prepare()?;
        }
        let mut inputs = PrepareInputs::read(&job.environment)?;
        user_properties::check_branches(job, &mut inputs)?;
        let extra = user_properties::read_extra(job, &inputs)?;
        let projects = match &inputs.monorepo {
            Some(monorepo) => several_projects::projects(job, &inputs, monorepo, &extra)?,
            None => vec![Project::find(job, &inputs, extra)?],
        };
        let records = Records::new(&job.predefined.temp_directory()?);
        Ok(Self { job, connection, inputs, records, projects })
    }

    /// The input `changedOnly`, which only several projects have.
    pub(super) fn is_changed_only(&self) -> bool {
        self.inputs.monorepo.as_ref().is_some_and(|monorepo| monorepo.changed_only)
    }
}

/// Hides the token in every form in which it may appear in a log.
fn register_secrets(job: &Job, connection: &ServiceConnection) {
    let header = connection.authentication().header_value();
    job.commands.set_secret(&connection.token);
    if let Some(password) = &connection.password {
        job.commands.set_secret(password);
    }
    if let Some(encoded) = header.expose().strip_prefix("Basic ") {
        job.commands.set_secret(&Secret::new(encoded));
    }
    job.commands.set_secret(&header);
}
