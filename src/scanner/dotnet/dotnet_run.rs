//! One run of the scanner, and what it gets.

use super::dotnet_log::{DotnetLog, LogContext};
use super::environment::{self, Variables};
use crate::analysis::{Invocation, Outcome, Properties, is_secret};
use crate::cancel::Cancellation;
use crate::error::Result;
use crate::process::{self, Ended, Exit};
use crate::scanner::class_archive::ClassArchive;
use crate::scanner::engine::NO_USELESS_PASSWORD;
use crate::scanner::engine_log::emit;
use crate::scanner::scanner_run::ScannerRun;
use crate::secret::Secret;
use quick_xml::escape::escape;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The variable with properties as JSON, which `begin` and `end` read. Other users of the machine cannot read it.
const PARAMETERS: &str = "SONARQUBE_SCANNER_PARAMS";

/// How properties without secrets reach `begin`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Handed {
    /// For the command line: the few that the scanner takes only there.
    pub arguments: Vec<String>,
    /// For the settings file, whose path `begin` notes and which `end` reads again: a command line of Windows is too short for
    /// all.
    pub settings: Properties,
    /// For [`parameters`] of both runs: a settings file cannot hold these.
    pub parameters: Properties,
}

/// Divides properties by the way in which the scanner takes them.
pub fn hand_over(properties: &Properties) -> Handed {
    let mut handed = Handed::default();
    for (key, value) in properties.iter() {
        let option = match key {
            "sonar.projectKey" => "/k:",
            "sonar.projectName" => "/n:",
            "sonar.projectVersion" => "/v:",
            "sonar.organization" => "/o:",
            // An empty value in its settings file ends the scanner with an unhandled exception.
            _ if value.is_empty() || !value.chars().all(is_of_xml) => {
                handed.parameters.set(key, value);
                continue;
            }
            _ => {
                handed.settings.set(key, value);
                continue;
            }
        };
        if !value.is_empty() {
            handed.arguments.push(format!("{option}{value}"));
        }
    }
    handed
}

/// Whether XML 1.0 can hold the character.
fn is_of_xml(c: char) -> bool {
    c == '\t' || c == '\n' || c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// The text of a settings file.
///
/// Contract: the scanner's documentation page (`SonarQube.Analysis.xml`, `/s:`).
pub fn settings_file(properties: &Properties) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <SonarQubeAnalysisProperties xmlns=\"http://www.sonarsource.com/msbuild/integration/2015/1\">\n",
    );
    for (key, value) in properties.iter() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  <Property Name=\"{}\">{}</Property>", escape(key), escape(value));
    }
    text.push_str("</SonarQubeAnalysisProperties>\n");
    text
}

/// The text of the variable that both runs read.
pub fn parameters(properties: &Properties) -> Secret {
    // Keys and values of text always serialise.
    Secret::new(serde_json::to_string(properties).unwrap_or_default())
}

/// One run of the scanner.
#[derive(Debug)]
pub struct Dotnet<'a> {
    /// How it is started: the program, and the arguments before its own.
    pub start: &'a [String],
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it runs: both runs in one folder.
    pub directory: &'a Path,
    /// The [`parameters`]: server, token and all else that must not be in an argument or a file.
    pub parameters: Secret,
    /// What the engine does with the archive of its classes.
    pub archive: &'a ClassArchive,
    /// What its log needs to know.
    pub facts: LogContext<'a>,
}

impl Dotnet<'_> {
    fn invocation(&self) -> Invocation {
        let (program, before) =
            self.start.split_first().map_or(("", [].as_slice()), |(p, rest)| (p.as_str(), rest));
        Invocation {
            program: PathBuf::from(program),
            arguments: before.iter().chain(&self.arguments).cloned().collect(),
            directory: self.directory.to_owned(),
            environment: Vec::new(),
            secret_environment: vec![(PARAMETERS.to_owned(), self.parameters.clone())],
            stdin: None,
        }
    }

    /// Runs it with `variables`, and relays its log as that of the engine is relayed.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn run(&self, variables: &Variables, cancellation: &Cancellation) -> Result<Outcome> {
        Ok(self.end(variables, cancellation).await?.outcome)
    }

    /// Likewise, with what the engine said of what the analysis covers.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn end(&self, variables: &Variables, cancellation: &Cancellation) -> Result<ScannerRun> {
        let mut log = DotnetLog::new(self.facts.clone());
        let secrets = secrets_in(&self.parameters);
        let on_line = |stream, line: &str| log.line(stream, &concealed(line, &secrets), &mut emit);
        let ended = process::run(&self.invocation(), variables, cancellation, on_line).await;
        let exited_well = matches!(ended, Ok(Ended::Exit(exit)) if exit.is_success());
        self.archive.finish(log.has_completed(), exited_well);
        let extent = log.extent().clone();
        let result = match ended? {
            // The analysis is done and has succeeded. Java may still crash while it writes the archive.
            Ended::Exit(_) if self.archive.is_made() && log.has_completed() => {
                log.result(Exit { code: Some(0), signal: None }, &mut emit)
            }
            Ended::Exit(exit) => {
                if !exit.is_success() && log.is_engine_silent() {
                    self.archive.discard();
                }
                log.result(exit, &mut emit)
            }
            Ended::Cancelled => Outcome::Cancelled,
        };
        Ok(ScannerRun { outcome: result, may_be_damaged: false, extent })
    }
}

/// The values of [`parameters`] that are secrets: as they are, and as JSON writes them.
fn secrets_in(parameters: &Secret) -> Vec<Secret> {
    let all: BTreeMap<String, String> = serde_json::from_str(parameters.expose()).unwrap_or_default();
    let secret = all.into_iter().filter(|(key, value)| is_secret(key) && !value.is_empty());
    let forms = |(_, value): (String, String)| {
        let json = serde_json::Value::from(value.as_str()).to_string();
        [Secret::new(json[1..json.len() - 1].to_owned()), Secret::new(value)]
    };
    secret.flat_map(forms).collect()
}

/// A line without secrets: in debug mode the scanner logs its whole configuration, with the password of the proxy.
fn concealed<'a>(line: &'a str, secrets: &[Secret]) -> Cow<'a, str> {
    let found = secrets.iter().filter(|secret| line.contains(secret.expose()));
    found.fold(Cow::Borrowed(line), |line, secret| Cow::Owned(line.replace(secret.expose(), "***")))
}

/// Sets the options of the Java that runs the engine. None may contain a space.
pub fn set_java_options(variables: &mut Variables, options: &str, archive: &ClassArchive) {
    let mut all: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
    // The scanner adds a password to a trust store that has none, and the engine's library refuses that (observed on 10.7).
    all.push(NO_USELESS_PASSWORD.to_owned());
    all.extend(archive.options());
    environment::set(variables, "SONAR_SCANNER_OPTS", all.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_property_takes_the_way_that_can_hold_it() {
        let handed = hand_over(&properties(&[
            ("sonar.projectKey", "shop"),
            ("sonar.projectName", "The \"Shop\"; new\\"),
            ("sonar.projectVersion", ""),
            ("sonar.organization", "corp"),
            ("sonar.exclusions", "**/<a> & \"b\"/**"),
            ("sonar.working.directory", "/tmp/w"),
            ("sonar.tests", ""),
            ("sonar.odd", "a\u{1}b"),
        ]));
        assert_eq!(handed.arguments, ["/o:corp", "/k:shop", "/n:The \"Shop\"; new\\"]);
        assert_eq!(handed.parameters, properties(&[("sonar.tests", ""), ("sonar.odd", "a\u{1}b")]));
        insta::assert_snapshot!(settings_file(&handed.settings), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <SonarQubeAnalysisProperties xmlns="http://www.sonarsource.com/msbuild/integration/2015/1">
          <Property Name="sonar.exclusions">**/&lt;a&gt; &amp; &quot;b&quot;/**</Property>
          <Property Name="sonar.working.directory">/tmp/w</Property>
        </SonarQubeAnalysisProperties>
        "#);
    }

    #[test]
    fn the_shown_command_contains_no_secret() {
        let start = ["/tools/dotnet-sonarscanner".to_owned()];
        let run = Dotnet {
            start: &start,
            arguments: vec!["end".to_owned()],
            directory: Path::new("/src"),
            parameters: parameters(&properties(&[("sonar.token", "hush")])),
            archive: &ClassArchive::Unused,
            facts: LogContext::default(),
        };
        let invocation = run.invocation();
        assert_eq!(invocation.to_string(), "/tools/dotnet-sonarscanner end");
        assert!(!format!("{run:?}{invocation:?}").contains("hush"));
        let [(name, value)] = invocation.secret_environment.as_slice() else { panic!("one is enough") };
        assert_eq!((name.as_str(), value.expose()), (PARAMETERS, r#"{"sonar.token":"hush"}"#));
    }

    #[test]
    fn the_relayed_log_contains_no_secret() {
        let secrets = secrets_in(&parameters(&properties(&[
            ("sonar.scanner.proxyPassword", "p\\a \"b\""),
            ("sonar.token", "squ_1"),
            ("sonar.scanner.proxyUser", "agent"),
            ("sonar.empty.password", ""),
        ])));
        for (line, expected) in [
            ("sonar.scanner.proxyPassword=p\\a \"b\"", "sonar.scanner.proxyPassword=***"),
            (r#"{"value": "p\\a \"b\""}, squ_1 of agent"#, r#"{"value": "***"}, *** of agent"#),
            ("plain", "plain"),
        ] {
            assert_eq!(concealed(line, &secrets), expected);
        }
    }

    #[test]
    fn the_java_of_the_engine_gets_all_options() {
        let mut variables: Variables = vec![("sonar_scanner_opts".into(), "-Xmx1g".into())];
        set_java_options(
            &mut variables,
            "  -XX:+UseSerialGC  -Xmx1g ",
            &ClassArchive::Used("/c/a.jsa".into()),
        );
        let [(name, value)] = variables.as_slice() else { panic!("{variables:?}") };
        assert_eq!(name, "SONAR_SCANNER_OPTS");
        let value = value.to_str().unwrap();
        let own = "-XX:+UseSerialGC -Xmx1g -Dorg.bouncycastle.pkcs12.ignore_useless_passwd=true ";
        assert!(value.starts_with(&format!("{own}-XX:SharedArchiveFile=/c/a.jsa ")), "{value}");
    }
}
