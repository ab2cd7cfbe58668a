use super::*;
use crate::analysis::ScannerMode;
use crate::quality_gate::{Policy, Reaction, Rule};
use std::time::Duration;

fn environment(inputs: &[(&str, &str)]) -> Environment {
    Environment::new(inputs.iter().map(|(name, value)| (format!("INPUT_{name}").into(), value.into())))
}

#[test]
fn each_mode_reads_its_own_inputs() {
    let inputs = PrepareInputs::read(&environment(&[
        ("SCANNERMODE", "cli"),
        ("CONFIGMODE", "manual"),
        ("CLIPROJECTKEY", "demo"),
        ("PROJECTKEY", "other"),
        ("STRICTPROPERTIES", "True"),
    ]))
    .unwrap();
    assert_eq!(inputs.project_key.as_deref(), Some("demo"));
    assert!(inputs.strict_properties);
    let inputs =
        PrepareInputs::read(&environment(&[("SCANNERMODE", "cli"), ("CLIPROJECTKEY", "demo")])).unwrap();
    assert_eq!((inputs.config_mode, inputs.project_key), (ConfigMode::File, None));
    let inputs = PrepareInputs::read(&environment(&[("PROJECTKEY", "net")])).unwrap();
    assert_eq!((inputs.mode, inputs.project_key.as_deref()), (ScannerMode::Dotnet, Some("net")));
}

#[test]
fn jdkversion_auto_leaves_the_choice_of_java_open() {
    let read = |inputs: &[(&str, &str)]| AnalyzeInputs::read(&environment(inputs)).unwrap();
    assert_eq!(read(&[]).jdk_version, None);
    assert_eq!(read(&[("JDKVERSION", "Auto")]).jdk_version, None);
    let inputs = read(&[("JDKVERSION", "JAVA_HOME_17_X64"), ("JDKVERSIONSTRICT", "true")]);
    assert_eq!(inputs.jdk_version.as_deref(), Some("JAVA_HOME_17_X64"));
    assert!(inputs.jdk_version_strict);
    assert!(AnalyzeInputs::read(&environment(&[("JDKVERSIONSTRICT", "maybe")])).is_err());
}

#[test]
fn errors_say_what_to_write_instead() {
    for (inputs, expected) in [
        (
            vec![("SCANNERMODE", "MSBuild")],
            "scannerMode MSBuild is the old name of dotnet. Write `scannerMode: dotnet`.",
        ),
        (
            vec![("SCANNERMODE", "maven")],
            "the input scannerMode is \"maven\". Write one of: cli, dotnet, other.",
        ),
        (vec![("UNSHALLOW", "yes")], "the input unshallow is \"yes\". Write one of: auto, off."),
        (
            vec![("CLIPROJECTKEY", "shop")],
            "the input projectKey is empty. Set it to the key of the SonarQube project (Project Information on the project's page). If this is not a .NET build, set scannerMode to cli or other.",
        ),
        (
            vec![("SCANNERMODE", "cli"), ("CONFIGMODE", "manual")],
            "the input cliProjectKey is empty. Set it to the key of the SonarQube project (Project Information on the project's page).",
        ),
    ] {
        assert_eq!(PrepareInputs::read(&environment(&inputs)).unwrap_err().to_string(), expected);
    }
    for text in ["5 minutes", "-1", "1.5"] {
        assert!(PublishInputs::read(&environment(&[("POLLINGTIMEOUTSEC", text)])).is_err(), "{text}");
    }
    let inputs = PublishInputs::read(&environment(&[("POLLINGTIMEOUTSEC", "0")])).unwrap();
    assert_eq!(inputs.polling_timeout, Duration::ZERO);
}

#[test]
fn publish_reads_lists_and_takes_a_branch_or_a_pull_request() {
    let inputs = PublishInputs::read(&environment(&[
        ("ANALYSES", " a/*.json \n\n b \n"),
        ("PULLREQUEST", "7"),
        ("ONMISSINGCONNECTION", "skip"),
    ]))
    .unwrap();
    assert_eq!(inputs.analyses, ["a/*.json", "b"]);
    assert_eq!((inputs.branch, inputs.pull_request.as_deref()), (None, Some("7")));
    assert_eq!(inputs.on_missing_connection, Some(OnMissingConnection::Skip));
    let both = environment(&[("PULLREQUEST", "7"), ("BRANCH", "main")]);
    assert!(PublishInputs::read(&both).unwrap_err().to_string().starts_with("both branch and pullRequest"));
    let odd = environment(&[("ONMISSINGCONNECTION", "pass")]);
    assert!(PublishInputs::read(&odd).is_err() && AnalyzeInputs::read(&odd).is_err());
}

#[test]
fn each_reaction_has_overrides_for_a_kind_of_build() {
    let read =
        |inputs: &[(&str, &str)]| PublishInputs::read(&environment(inputs)).map(|inputs| inputs.policy);
    assert_eq!(read(&[]).unwrap(), Policy::default());
    let policy = read(&[
        ("ONQUALITYGATEFAILURE", "warn"),
        ("ONQUALITYGATEFAILUREDEFAULTBRANCH", "fail"),
        ("ONNOVERDICTOTHERBRANCHES", "ignore"),
        ("ONNOTHINGANALYSED", "ignore"),
        ("ONSKIPPEDPULLREQUEST", "warn"),
    ])
    .unwrap();
    let expected = Policy {
        failure: Rule { default_branch: Some(Reaction::Fail), ..Rule::always(Reaction::Warn) },
        no_verdict: Rule { other_branches: Some(Reaction::Ignore), ..Rule::always(Reaction::Fail) },
        nothing_analysed: Reaction::Ignore,
        skipped: Rule { pull_request: Some(Reaction::Warn), ..Rule::always(Reaction::Ignore) },
    };
    assert_eq!(policy, expected);
    assert_eq!(
        read(&[("ONSKIPPEDOTHERBRANCHES", "never")]).unwrap_err().to_string(),
        "the input onSkippedOtherBranches is \"never\". Write one of: fail, warn, ignore."
    );
}
