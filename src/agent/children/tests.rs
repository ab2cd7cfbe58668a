use super::*;
use crate::agent::env::Environment;

fn inherited(child: Child, passed: &str, names: &[&str]) -> Vec<String> {
    let env = Environment::new(names.iter().map(|name| ((*name).into(), "x".into())));
    let passed = Passed::parse(passed).unwrap();
    let names = env.for_child(child, &passed).into_iter().map(|(name, _)| name.into_string().unwrap());
    names.filter(|name| !child.given().iter().any(|(given, _)| given == name)).collect()
}

const SECRETS_OF_A_JOB: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_CLIENT_SECRET",
    "GITHUB_TOKEN",
    "NUGET_API_KEY",
    "NPM_TOKEN",
    "CARGO_REGISTRY_TOKEN",
    "DATABASE_PASSWORD",
    "INPUT_X",
    "ENDPOINT_AUTH_1",
    "endpoint_auth_parameter_1_apitoken",
    "ENDPOINT_URL_1",
    "SECRET_SONAR_ENDPOINT",
    "SYSTEM_ACCESSTOKEN",
    "SONAR_TOKEN",
    "SONAR_HOST_URL",
    "SONAR_SCANNER_API_BASE_URL",
    "SONAR_AZDO_TOKEN_1",
    "VSTS_SECRET_VARIABLES",
    "LD_PRELOAD",
];

#[test]
fn secrets_of_the_job_reach_no_child() {
    for child in [Child::Engine, Child::ScannerCli, Child::Dotnet, Child::Packages, Child::Git] {
        assert_eq!(inherited(child, "", SECRETS_OF_A_JOB), [""; 0], "{child:?}");
    }
}

#[test]
fn scanners_inherit_what_their_tools_need() {
    let needed = ["PATH", "Path", "HOME", "https_proxy", "LC_ALL", "TF_BUILD", "BUILD_SOURCEVERSION"];
    let java = ["JAVA_HOME", "JAVA_HOME_21_X64", "JAVA_TOOL_OPTIONS", "SYSTEM_PULLREQUEST_SOURCECOMMITID"];
    let windows = ["SystemRoot", "ProgramFiles(x86)", "TEMP", "VS170COMNTOOLS", "NODE_OPTIONS"];
    for child in [Child::Engine, Child::ScannerCli, Child::Dotnet] {
        for names in [&needed[..], &java, &windows] {
            assert_eq!(inherited(child, "", names), names, "{child:?}");
        }
    }
    let dotnet = ["DOTNET_ROOT", "NUGET_PACKAGES", "NUGET_CREDENTIALPROVIDERS_PATH", "SONAR_SCANNER_OPTS"];
    assert_eq!(inherited(Child::Dotnet, "", &dotnet), dotnet);
    assert_eq!(inherited(Child::Engine, "", &dotnet), [""; 0]);
}

#[test]
fn credentials_of_feeds_reach_only_the_commands_that_install_packages() {
    let names = ["DOTNET_ROOT", "VSS_NUGET_ACCESSTOKEN", "SECRET_VSS_NUGET_EXTERNAL_FEED_ENDPOINTS"];
    assert_eq!(inherited(Child::Dotnet, "", &names), ["DOTNET_ROOT"]);
    assert_eq!(
        inherited(Child::Packages, "", &names),
        ["DOTNET_ROOT", "VSS_NUGET_ACCESSTOKEN", "VSS_NUGET_EXTERNAL_FEED_ENDPOINTS"]
    );
}

#[test]
fn git_inherits_no_variable_that_changes_what_it_does() {
    let names = [
        "PATH",
        "SystemRoot",
        "TEMP",
        "HOME",
        "GIT_TRACE_CURL",
        "GIT_TRACE_REDACT",
        "GIT_SSH_COMMAND",
        "GIT_CONFIG_COUNT",
        "GIT_DIR",
        "GIT_EXEC_PATH",
        "GIT_PROXY_COMMAND",
        "GIT_SSL_NO_VERIFY",
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
        "XDG_CONFIG_HOME",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "SSH_ASKPASS",
        "EDITOR",
        "PAGER",
    ];
    assert_eq!(inherited(Child::Git, "", &names), ["PATH", "SystemRoot", "TEMP"]);
}

#[test]
fn pass_environment_adds_variables_but_none_that_is_withheld() {
    let names = ["IAR_HOME", "QNX_HOST", "QNX_TARGET", "QNXX", "OTHER"];
    let passed = inherited(Child::Engine, "iar_home, QNX_*\n", &names);
    assert_eq!(passed, ["IAR_HOME", "QNX_HOST", "QNX_TARGET"]);
    // A pattern does not cover what is withheld.
    assert_eq!(
        inherited(Child::Engine, "SONAR_*, S*", &["SONAR_TOKEN", "SYSTEM_ACCESSTOKEN", "SONAR_X"]),
        ["SONAR_X"]
    );
    for wrong in ["*", "A B=c", "=x", "$(NAME)", "SYSTEM_ACCESSTOKEN", "secret_x", "SONAR_TOKEN"] {
        assert!(Passed::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn docs_environment_names_every_variable_of_the_lists() {
    let page = include_str!("../../../docs/reference/environment.md");
    for list in [OF_ALL, OF_PROGRAMS, OF_BUILD, OF_ANALYZERS, OF_DOTNET, OF_FEEDS, OF_GIT, SECRETS, WITHHELD]
    {
        for name in list {
            assert!(
                page.contains(&format!("`{name}`")),
                "docs/reference/environment.md does not name {name}"
            );
        }
    }
}
