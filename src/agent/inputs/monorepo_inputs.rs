//! The inputs of SonarPrepare about several projects in one repository.

use super::input_value::boolean;
use crate::agent::env::Environment;
use crate::analysis::ScannerMode;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Several projects in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Monorepo {
    /// `monorepo`, unparsed: its properties may hold passwords.
    pub list: Secret,
    /// `projectBaseDir`: where the directories of the projects start.
    pub start: Option<String>,
    /// `changedOnly`.
    pub changed_only: bool,
    /// `parallel`: analyses that run at a time, one or more.
    pub parallel: usize,
}

impl Monorepo {
    /// Reads them; `None` where there is a single project.
    ///
    /// # Errors
    /// Another mode than `cli`, inputs for a single project, or a text in place of a number.
    pub(super) fn read(env: &Environment, mode: ScannerMode) -> Result<Option<Self>> {
        let Some(list) = env.input("monorepo") else { return Ok(None) };
        if mode != ScannerMode::Cli {
            return Err(Error::new(format!(
                "monorepo works with scannerMode cli, not with {}",
                mode.as_str()
            ))
            .hint("Set `scannerMode: cli`, or use a SonarPrepare task for each project."));
        }
        let is_manual = env.input("configMode").is_some_and(|mode| mode == "manual");
        if is_manual && env.input("cliProjectKey").is_some() {
            return Err(Error::new("both cliProjectKey and monorepo are set")
                .hint("Remove cliProjectKey: each entry of monorepo has its own key."));
        }
        if boolean(env, "buildWrapper", false)? {
            return Err(Error::new(
                "buildWrapper does not work with monorepo, because it records a single build",
            )
            .hint("Use a SonarPrepare task for each project that is built with it."));
        }
        let text = env.input("parallel").unwrap_or("1");
        let parallel = text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| {
            Error::new(format!("the input parallel is {text:?}"))
                .hint("Write the number of analyses that may run at the same time, such as 2.")
        })?;
        Ok(Some(Self {
            list: Secret::new(list),
            start: env.input("projectBaseDir").map(str::to_owned),
            changed_only: boolean(env, "changedOnly", false)?,
            parallel,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mode: ScannerMode, inputs: &[(&str, &str)]) -> Result<Option<Monorepo>> {
        let variables = inputs.iter().map(|(name, value)| (format!("INPUT_{name}").into(), value.into()));
        Monorepo::read(&Environment::new(variables), mode)
    }

    #[test]
    fn the_inputs_are_read_only_where_monorepo_is_set() {
        assert_eq!(read(ScannerMode::Dotnet, &[("PARALLEL", "x")]).unwrap(), None);
    }

    #[test]
    fn every_input_is_read() {
        let inputs =
            [("MONOREPO", "- a"), ("CHANGEDONLY", "True"), ("PARALLEL", "4"), ("PROJECTBASEDIR", "src")];
        let expected =
            Monorepo { list: Secret::new("- a"), start: Some("src".into()), changed_only: true, parallel: 4 };
        assert_eq!(read(ScannerMode::Cli, &inputs).unwrap(), Some(expected));
        assert_eq!(read(ScannerMode::Cli, &inputs[..1]).unwrap().unwrap().parallel, 1);
    }

    #[test]
    fn inputs_that_do_not_work_with_monorepo_are_errors() {
        let list = ("MONOREPO", "- a");
        for (mode, input, expected) in [
            (ScannerMode::Dotnet, ("X", "y"), "works with scannerMode cli, not with dotnet"),
            (ScannerMode::Other, ("X", "y"), "works with scannerMode cli, not with other"),
            (ScannerMode::Cli, ("CLIPROJECTKEY", "shop"), "both cliProjectKey and monorepo"),
            (ScannerMode::Cli, ("BUILDWRAPPER", "true"), "buildWrapper does not work with monorepo"),
            (ScannerMode::Cli, ("PARALLEL", "0"), "the input parallel is \"0\""),
            (ScannerMode::Cli, ("PARALLEL", "all"), "the input parallel is \"all\""),
            (ScannerMode::Cli, ("CHANGEDONLY", "maybe"), "the input changedOnly is \"maybe\""),
        ] {
            let error = read(mode, &[list, ("CONFIGMODE", "manual"), input]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
