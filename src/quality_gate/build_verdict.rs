//! The records of a build's analyses in its properties, and what they say together.
//!
//! BuildProperties are last-write-wins for each name, and every job of a build may write. So each analysis
//! has a property of its own, `sonar-azdo.<stage>.<job>.<n>`, and the one that readers compare with
//! `ok` is computed from all of them. Each job also has a property `sonar-azdo-turn.<stage>.<job>`,
//! with which jobs announce what they are about to write (see [`BuildJob::announcement`]).

use super::Verdict;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The property that readers compare with `ok`, by the established extension's name.
pub const AGGREGATE: &str = "sonarglobalqualitygate";
const RECORD: &str = "sonar-azdo.";
const ANNOUNCEMENT: &str = "sonar-azdo-turn.";
/// The value of the announcement property while its job writes nothing.
const IDLE: &str = "idle";

/// All properties of a build, by their names. Azure DevOps ignores case in them, and hands back the spelling by which it
/// met a name first, in this build or another; here they are in lower case.
pub type BuildProperties = BTreeMap<String, String>;

/// Attempt of the stage, and attempt of the job in it; the later of two is the greater.
pub type Attempt = (u64, u64);

/// A job and its attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildJob {
    /// `<stage>.<job>` or, in a matrix, `<stage>.<job>.<leg>`; each part of lower case letters, digits, `_`, `-` and `!`.
    job: String,
    attempt: Attempt,
}

/// What is recorded of one analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// Key of the project.
    pub project: String,
    /// The branch, unless it is the main branch without a known name.
    pub branch: Option<String>,
    /// The pull request.
    pub pull_request: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Identity of the analysis; none when there was no analysis.
    pub analysis: Option<String>,
    /// When it was judged, as in an HTTP header.
    pub when: String,
    /// The project's page.
    pub link: Option<String>,
}

impl BuildJob {
    /// The part of this job. What is empty is left out of the name.
    pub fn new(parts: &[&str], attempt: Attempt) -> Self {
        let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(|part| encode(part)).collect();
        Self { job: parts.join("."), attempt }
    }

    /// The job's name in the build, and its attempt.
    pub fn job(&self) -> (&str, Attempt) {
        (&self.job, self.attempt)
    }

    /// Name of the property in which this job announces what it is about to write.
    pub fn announcement_property(&self) -> String {
        format!("{ANNOUNCEMENT}{}", self.job)
    }

    /// The properties for `entries`, numbered in their order.
    ///
    /// What `found` holds of this attempt under the same name is kept where it is worse: only a higher
    /// attempt turns a failure into a pass.
    pub fn records(&self, entries: &[VerdictRecord], found: &BuildProperties) -> Vec<(String, String)> {
        let record = |(index, entry): (usize, &VerdictRecord)| {
            let name = format!("{RECORD}{}.{}", self.job, index + 1);
            let text = json!({
                "project": entry.project, "branch": entry.branch, "pullRequest": entry.pull_request,
                "verdict": entry.verdict.token(), "analysis": entry.analysis, "when": entry.when,
                "link": entry.link, "stageAttempt": self.attempt.0, "attempt": self.attempt.1,
            });
            let text = match found.get(&name) {
                Some(kept) if keeps(read(kept), (self.attempt, entry.verdict)) => kept.clone(),
                _ => text.to_string(),
            };
            (name, text)
        };
        entries.iter().enumerate().map(record).collect()
    }

    /// The announcement of a job that is about to write `verdict`.
    ///
    /// A job writes it, reads all properties, and only then writes records and the aggregate, with its
    /// announcement property idle again, in one request. A verdict that takes away a pass counts in the aggregate from
    /// its announcement on. Before it is recorded, the job waits for
    /// [`others_may_write_ok`](Self::others_may_write_ok). So either the job that is about to write `ok` sees the other's
    /// announcement, or the other waits for it: `ok` never stands beside a record that contradicts it.
    pub fn announcement(&self, verdict: Verdict) -> String {
        json!({ "verdict": verdict.token(), "stageAttempt": self.attempt.0, "attempt": self.attempt.1 })
            .to_string()
    }

    /// The announcement property of a job that is done.
    pub fn idle() -> &'static str {
        IDLE
    }

    /// Whether another job may be about to write `ok`.
    pub fn others_may_write_ok(&self, properties: &BuildProperties) -> bool {
        let own = self.announcement_property();
        let mut others = properties
            .iter()
            .filter(|(name, text)| name.starts_with(ANNOUNCEMENT) && **name != own && *text != IDLE);
        others.any(|(_, text)| !read(text).1.blocks_pass())
    }
}

/// The worst of all records and announcements, those of lower attempts of a job left out.
pub fn aggregate(properties: &BuildProperties) -> Verdict {
    let mut jobs: BTreeMap<&str, (Attempt, Verdict)> = BTreeMap::new();
    for (name, text) in properties {
        let announced = name.strip_prefix(ANNOUNCEMENT).filter(|_| text != IDLE);
        let recorded =
            name.strip_prefix(RECORD).map(|rest| rest.rsplit_once('.').map_or(rest, |(job, _)| job));
        let Some(job) = announced.or(recorded) else { continue };
        let (attempt, verdict) = read(text);
        if announced.is_some() && !verdict.blocks_pass() {
            continue;
        }
        let standing = jobs.entry(job).or_insert((attempt, verdict));
        if attempt > standing.0 {
            *standing = (attempt, verdict);
        } else if attempt == standing.0 {
            standing.1 = standing.1.max(verdict);
        }
    }
    Verdict::worst(jobs.into_values().map(|(_, verdict)| verdict))
}

/// Whether what is there stays: it is of a later attempt, or of this one and worse.
fn keeps(found: (Attempt, Verdict), new: (Attempt, Verdict)) -> bool {
    found.0 > new.0 || (found.0 == new.0 && found.1 > new.1)
}

/// Attempt and verdict in a property. What can't be read is `Unknown`, and of the first attempt.
fn read(text: &str) -> (Attempt, Verdict) {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(1);
    let verdict = value.get("verdict").and_then(Value::as_str).unwrap_or_default();
    ((number("stageAttempt"), number("attempt")), Verdict::parse(verdict))
}

/// `part` with letters (in lower case), digits, `_` and `-` as they are and all else as `!<hexadecimal>!`, so that no
/// two names become one, unless they differ by case alone.
fn encode(part: &str) -> String {
    let mut name = String::new();
    for character in part.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-') {
            name.push(character.to_ascii_lowercase());
        } else {
            name.push_str(&format!("!{:x}!", u32::from(character)));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(verdict: Verdict) -> VerdictRecord {
        VerdictRecord {
            project: "shop".into(),
            branch: Some("main".into()),
            pull_request: None,
            verdict,
            analysis: Some("00".into()),
            when: "Tue, 24 Nov 2026 07:00:00 GMT".into(),
            link: None,
        }
    }

    fn write(properties: &mut BuildProperties, build_job: &BuildJob, verdicts: &[Verdict]) {
        let entries: Vec<_> = verdicts.iter().map(|verdict| entry(*verdict)).collect();
        let records = build_job.records(&entries, properties);
        properties.extend(records);
    }

    #[test]
    fn names_and_values() {
        let build_job = BuildJob::new(&["Build", "unit tests", "linux"], (1, 2));
        let records = build_job.records(&[entry(Verdict::Passed)], &BuildProperties::new());
        assert_eq!(records[0].0, "sonar-azdo.build.unit!20!tests.linux.1");
        assert_eq!(
            serde_json::from_str::<Value>(&records[0].1).unwrap(),
            json!({
                "project": "shop", "branch": "main", "pullRequest": null, "verdict": "passed", "analysis": "00",
                "when": "Tue, 24 Nov 2026 07:00:00 GMT", "link": null, "stageAttempt": 1, "attempt": 2,
            })
        );
        assert_ne!(BuildJob::new(&["a.b"], (1, 1)), BuildJob::new(&["a", "b"], (1, 1)));
        assert_ne!(
            BuildJob::new(&["a-b"], (1, 1)).announcement_property(),
            BuildJob::new(&["a", "b"], (1, 1)).announcement_property()
        );
    }

    #[test]
    fn the_aggregate_is_the_worst_of_all() {
        use Verdict::{Failed, NoReport, Passed, Skipped, Timeout, Unknown};
        let mut properties = BuildProperties::new();
        assert_eq!(aggregate(&properties), NoReport);
        write(&mut properties, &BuildJob::new(&["s", "a"], (1, 1)), &[Passed, Skipped]);
        assert_eq!(aggregate(&properties), Passed);
        write(&mut properties, &BuildJob::new(&["s", "b"], (1, 1)), &[Passed, Timeout]);
        assert_eq!(aggregate(&properties), Timeout);
        properties.insert("sonar-azdo.s.c.1".into(), "ok".into());
        properties.insert("other".into(), "x".into());
        assert_eq!(aggregate(&properties), Unknown);
        let d = BuildJob::new(&["s", "d"], (1, 1));
        properties.insert(d.announcement_property(), d.announcement(Failed));
        assert_eq!(aggregate(&properties), Failed);
        properties.insert(d.announcement_property(), BuildJob::idle().into());
        assert_eq!(aggregate(&properties), Unknown);
    }

    #[test]
    fn only_a_higher_attempt_of_the_same_job_replaces_a_failure() {
        use Verdict::{Failed, Passed};
        let mut properties = BuildProperties::new();
        let job = |leg: &str, attempt| BuildJob::new(&["s", "a", leg], attempt);
        write(&mut properties, &job("linux", (1, 1)), &[Failed, Failed]);
        write(&mut properties, &job("linux", (1, 1)), &[Passed, Passed]);
        write(&mut properties, &job("windows", (1, 2)), &[Passed]);
        assert_eq!(aggregate(&properties), Failed);
        write(&mut properties, &job("linux", (1, 2)), &[Passed]);
        assert_eq!(aggregate(&properties), Passed, "the second record of the first attempt is replaced too");
        write(&mut properties, &job("linux", (1, 1)), &[Failed]);
        assert_eq!(aggregate(&properties), Passed, "what is late does not come back");
        write(&mut properties, &job("linux", (2, 1)), &[Failed]);
        assert_eq!(aggregate(&properties), Failed);
    }

    #[test]
    fn who_may_write_ok_is_seen() {
        let (a, b) = (BuildJob::new(&["s", "a"], (1, 1)), BuildJob::new(&["s", "b"], (1, 1)));
        for (text, expected) in [
            (a.announcement(Verdict::Passed), true),
            (a.announcement(Verdict::Skipped), true),
            (a.announcement(Verdict::Failed), false),
            (BuildJob::idle().into(), false),
        ] {
            let properties = BuildProperties::from([(a.announcement_property(), text.clone())]);
            assert_eq!(b.others_may_write_ok(&properties), expected, "{text}");
            assert!(!a.others_may_write_ok(&properties));
        }
    }
}
