//! Whether what the server processed is what this run analysed.
//!
//! A report lies in a file that any step of the build can write. It counts only if the server's own
//! record of it says that it is this analysis'.

use super::freshness::older_than_record;
use crate::analysis::Target;

/// What the record of an analysis, made before it ran, lets expect of its processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Key of the project; `None` where only the scanner knew it.
    pub project: Option<&'a str>,
    /// What was to be analysed.
    pub target: &'a Target,
    /// When the record was made, by the server's clock in seconds since 1970; `None` where it told no time.
    pub created: Option<u64>,
    /// What no other run's path of a report holds; `None` where the user chose that path.
    pub id: Option<&'a str>,
}

/// What the server says about a report that was submitted to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processed<'a> {
    /// Key of the project.
    pub project: Option<&'a str>,
    /// What was analysed.
    pub target: &'a Target,
    /// When it was submitted, by the server's clock in seconds since 1970.
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
        if !self.target.is_same(processed.target) {
            return Some(format!(
                "The report is of {}, but {} was prepared. If a scanner's own command line sets \
                 sonar.branch.* or sonar.pullrequest.*, set them in extraProperties of SonarPrepare instead",
                processed.target.in_sentence(),
                self.target.in_sentence()
            ));
        }
        if let (Some(_), Some(file)) = (self.id, processed.report_file) {
            // Proof either way, which no clock is.
            return (!self.is_proven(processed)).then(|| {
                format!("The report is of another analysis, whose scanner was to leave its report at {file}")
            });
        }
        older_than_record(processed.submitted, self.created)
    }
}

/// What a build may analyse where no record says what it did: the main branch, and what it was started for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildTargets {
    /// Branches and pull requests that a scanner may have found out by itself.
    pub detectable: Vec<Target>,
    /// The pull request, in the build of one.
    pub pull_request: Option<Target>,
}

impl BuildTargets {
    /// Why what was processed is not of this build; `None` when it may be. A report that is let through here is judged by its
    /// gate, so the report of any other branch would be a green build.
    pub fn contradiction(&self, processed: &Processed<'_>) -> Option<String> {
        let found = processed.target;
        let may_be = found.is_main_branch() || self.detectable.iter().any(|target| target.is_same(found));
        (!may_be).then(|| {
            format!(
                "The report is of {}, which this build is not of. Set branch or pullRequest if the scanner was told to \
                 analyse it",
                found.in_sentence()
            )
        })
    }

    /// Why the main branch, which is what was processed or asked for, is not what this build is of, provided that the server
    /// analyses pull requests: then the gate of the main branch says nothing of the pull request's code. A server without
    /// pull requests has nothing but the main branch.
    pub fn main_branch_contradiction(&self, target: &Target) -> Option<String> {
        let pull_request = self.pull_request.as_ref().filter(|_| target.is_main_branch())?;
        Some(format!(
            "This build is of {}, and what SonarQube would be asked for is the main branch. Make the scanner analyse the \
             pull request and set pullRequest to its number, or set branch if the main branch is what you want",
            pull_request.in_sentence()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static RELEASE: LazyLock<Target> = LazyLock::new(|| Target::branch("release"));
    static EXPECTED: LazyLock<Expected<'_>> = LazyLock::new(|| Expected {
        project: Some("shop"),
        target: &RELEASE,
        created: Some(1_000),
        id: Some("1d"),
    });
    static OURS: LazyLock<Processed<'_>> = LazyLock::new(|| Processed {
        project: Some("shop"),
        target: &RELEASE,
        submitted: Some(1_000),
        report_file: None,
    });

    #[test]
    fn without_a_record_only_what_the_build_is_of_counts() {
        let detectable = ["fix", "main"].map(Target::branch).into_iter().chain([Target::pull_request("7")]);
        let targets = BuildTargets { detectable: detectable.collect(), pull_request: None };
        for (target, expected) in [
            (Target::MAIN_BRANCH, None),
            (Target::branch("fix"), None),
            (Target::branch("other"), Some("The report is of the branch other, which")),
            (Target::pull_request("7"), None),
            (Target::pull_request("8"), Some("The report is of pull request 8, which")),
            (Target::branch("7"), Some("The report is of the branch 7, which")),
        ] {
            let found = targets.contradiction(&Processed { target: &target, ..*OURS });
            assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn the_main_branch_is_not_the_pull_request_of_a_build() {
        let of_pull_request =
            BuildTargets { detectable: Vec::new(), pull_request: Some(Target::pull_request("7")) };
        let found = of_pull_request.main_branch_contradiction(&Target::MAIN_BRANCH);
        assert!(found.is_some_and(|reason| reason.starts_with("This build is of pull request 7, and")));
        assert_eq!(of_pull_request.main_branch_contradiction(&Target::pull_request("7")), None);
        let of_branch = BuildTargets { pull_request: None, ..of_pull_request };
        assert_eq!(of_branch.main_branch_contradiction(&Target::MAIN_BRANCH), None);
    }

    #[test]
    fn only_its_own_report_counts() {
        let [seven, eight] = ["7", "8"].map(Target::pull_request);
        let main = Target::branch("main");
        let pull_request = Expected { target: &seven, ..*EXPECTED };
        for (expected, processed, word) in [
            (*EXPECTED, *OURS, None),
            (Expected { project: None, ..*EXPECTED }, *OURS, None),
            (*EXPECTED, Processed { project: Some("other"), ..*OURS }, Some("project other, not of shop")),
            (*EXPECTED, Processed { project: None, ..*OURS }, Some("which project")),
            (
                *EXPECTED,
                Processed { target: &Target::MAIN_BRANCH, ..*OURS },
                Some("of the main branch, but the branch release was prepared"),
            ),
            (*EXPECTED, Processed { target: &main, ..*OURS }, Some("the branch main")),
            (*EXPECTED, Processed { target: &seven, ..*OURS }, Some("pull request 7")),
            (pull_request, *OURS, Some("but pull request 7 was prepared")),
            (pull_request, Processed { target: &eight, ..*OURS }, Some("pull request 8")),
            (pull_request, Processed { target: &seven, ..*OURS }, None),
            (*EXPECTED, Processed { submitted: Some(999), ..*OURS }, Some("1 second before")),
            (*EXPECTED, Processed { submitted: None, ..*OURS }, Some("when")),
            (Expected { created: None, ..*EXPECTED }, Processed { submitted: Some(1), ..*OURS }, None),
            // A proxy's clock may run ahead of the server's: where the scanner told whose it is, that counts.
            (*EXPECTED, Processed { submitted: Some(1), report_file: Some("/t/1d/report"), ..*OURS }, None),
            (*EXPECTED, Processed { report_file: Some("/t/2e/report"), ..*OURS }, Some("/t/2e/report")),
            (
                Expected { id: None, ..*EXPECTED },
                Processed { submitted: Some(999), report_file: Some("/t/1d/report"), ..*OURS },
                Some("1 second before"),
            ),
            (
                *EXPECTED,
                Processed { target: &Target::MAIN_BRANCH, report_file: Some("/t/1d/report"), ..*OURS },
                Some("set them in extraProperties"),
            ),
        ] {
            let contradiction = expected.contradiction(&processed);
            assert_eq!(contradiction.is_some(), word.is_some(), "{contradiction:?}");
            assert!(contradiction.unwrap_or_default().contains(word.unwrap_or_default()), "{word:?}");
        }
    }
}
