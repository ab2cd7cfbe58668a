//! Whether what the server processed is what this run analysed.
//!
//! A report lies in a file that any step of the build can write. It counts only if the server's own
//! record of it says that it is this analysis'.

use super::seconds;

/// What the record of an analysis, made before it ran, lets expect of its processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Key of the project; `None` where only the scanner knew it.
    pub project: Option<&'a str>,
    /// The branch; `None` for the main branch.
    pub branch: Option<&'a str>,
    /// The pull request.
    pub pull_request: Option<&'a str>,
    /// When the record was made, by the server's clock in seconds since 1970; `None` where it told no time.
    pub created: Option<u64>,
    /// What no other run's path of a report holds; `None` where the user chose that path.
    pub id: Option<&'a str>,
}

/// What the server says about a report it was handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processed<'a> {
    /// Key of the project.
    pub project: Option<&'a str>,
    /// The branch; `None` for the main branch.
    pub branch: Option<&'a str>,
    /// The pull request.
    pub pull_request: Option<&'a str>,
    /// When it was handed in, by the server's clock in seconds since 1970.
    pub submitted: Option<u64>,
    /// Where its scanner was told to leave its report, as the scanner told the server.
    pub report_file: Option<&'a str>,
}

impl Expected<'_> {
    /// Whether what was processed is certainly of this analysis, whatever the clocks say.
    pub fn is_proven(&self, processed: &Processed<'_>) -> bool {
        self.id.zip(processed.report_file).is_some_and(|(id, file)| file.contains(id))
    }

    /// Why what was processed is not this analysis; `None` when it is.
    pub fn contradiction(&self, processed: &Processed<'_>) -> Option<String> {
        let Some(project) = processed.project else {
            return Some("SonarQube does not say which project the report is of".into());
        };
        if let Some(expected) = self.project.filter(|expected| *expected != project) {
            return Some(format!("The report is of the project {project}, not of {expected}"));
        }
        if (self.branch, self.pull_request) != (processed.branch, processed.pull_request) {
            return Some(format!(
                "The report is of {}, and what was prepared is {}. If a scanner's own command line sets \
                 sonar.branch.* or sonar.pullrequest.*, set them in extraProperties of SonarPrepare instead",
                name(processed.branch, processed.pull_request),
                name(self.branch, self.pull_request)
            ));
        }
        if let (Some(_), Some(file)) = (self.id, processed.report_file) {
            // Proof either way, which no clock is.
            return (!self.is_proven(processed)).then(|| {
                format!("The report is of another analysis, whose scanner was to leave its report at {file}")
            });
        }
        match (processed.submitted, self.created) {
            (None, _) => Some("SonarQube does not say when the report was handed in".into()),
            (Some(submitted), Some(created)) if submitted < created => Some(format!(
                "The report is an older one: it was handed in {} before this analysis was prepared",
                seconds(created - submitted)
            )),
            (Some(_), _) => None,
        }
    }
}

/// What a build may analyse where no record says what it did: the names it was started for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnNames {
    /// Branches, beside the main branch.
    pub branches: Vec<String>,
    /// Numbers of pull requests.
    pub pull_requests: Vec<String>,
}

impl OwnNames {
    /// Why what was processed is not of this build; `None` when it may be.
    pub fn contradiction(&self, processed: &Processed<'_>) -> Option<String> {
        let is_among = |names: &[String], name: &str| names.iter().any(|own| own == name);
        let is_own = match (processed.branch, processed.pull_request) {
            (_, Some(key)) => is_among(&self.pull_requests, key),
            (Some(name), None) => is_among(&self.branches, name),
            (None, None) => true,
        };
        (!is_own).then(|| {
            let found = name(processed.branch, processed.pull_request);
            format!(
                "The report is of {found}, which is not what this build is of. Set branch or pullRequest if it is what \
                 the scanner was told to analyse"
            )
        })
    }
}

fn name(branch: Option<&str>, pull_request: Option<&str>) -> String {
    match (branch, pull_request) {
        (_, Some(key)) => format!("pull request {key}"),
        (Some(name), None) => format!("the branch {name}"),
        (None, None) => "the main branch".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        project: Some("shop"),
        branch: Some("release"),
        pull_request: None,
        created: Some(1_000),
        id: Some("1d"),
    };
    const OURS: Processed<'_> = Processed {
        project: Some("shop"),
        branch: Some("release"),
        pull_request: None,
        submitted: Some(1_000),
        report_file: None,
    };

    #[test]
    fn without_a_record_only_what_the_build_is_of_counts() {
        let names = OwnNames { branches: vec!["fix".into(), "main".into()], pull_requests: vec!["7".into()] };
        for (branch, pull_request, expected) in [
            (None, None, None),
            (Some("fix"), None, None),
            (Some("other"), None, Some("The report is of the branch other, which")),
            (None, Some("7"), None),
            (Some("fix"), Some("8"), Some("The report is of pull request 8, which")),
        ] {
            let found = names.contradiction(&Processed { branch, pull_request, ..OURS });
            assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn only_its_own_report_counts() {
        let pull_request = Expected { branch: None, pull_request: Some("7"), ..EXPECTED };
        for (expected, processed, word) in [
            (EXPECTED, OURS, None),
            (Expected { project: None, ..EXPECTED }, OURS, None),
            (EXPECTED, Processed { project: Some("other"), ..OURS }, Some("project other, not of shop")),
            (EXPECTED, Processed { project: None, ..OURS }, Some("which project")),
            (
                EXPECTED,
                Processed { branch: None, ..OURS },
                Some("of the main branch, and what was prepared is the branch release"),
            ),
            (EXPECTED, Processed { branch: Some("main"), ..OURS }, Some("the branch main")),
            (EXPECTED, Processed { pull_request: Some("7"), ..OURS }, Some("pull request 7")),
            (pull_request, OURS, Some("prepared is pull request 7")),
            (
                pull_request,
                Processed { branch: None, pull_request: Some("8"), ..OURS },
                Some("pull request 8"),
            ),
            (pull_request, Processed { branch: None, pull_request: Some("7"), ..OURS }, None),
            (EXPECTED, Processed { submitted: Some(999), ..OURS }, Some("1 second before")),
            (EXPECTED, Processed { submitted: None, ..OURS }, Some("when")),
            (Expected { created: None, ..EXPECTED }, Processed { submitted: Some(1), ..OURS }, None),
            // A proxy's clock may run ahead of the server's: where the scanner told whose it is, that counts.
            (EXPECTED, Processed { submitted: Some(1), report_file: Some("/t/1d/report"), ..OURS }, None),
            (EXPECTED, Processed { report_file: Some("/t/2e/report"), ..OURS }, Some("/t/2e/report")),
            (
                Expected { id: None, ..EXPECTED },
                Processed { submitted: Some(999), report_file: Some("/t/1d/report"), ..OURS },
                Some("1 second before"),
            ),
            (
                EXPECTED,
                Processed { branch: None, report_file: Some("/t/1d/report"), ..OURS },
                Some("set them in extraProperties"),
            ),
        ] {
            let contradiction = expected.contradiction(&processed);
            assert_eq!(contradiction.is_some(), word.is_some(), "{contradiction:?}");
            assert!(contradiction.unwrap_or_default().contains(word.unwrap_or_default()), "{word:?}");
        }
    }
}
