//! Which variables each kind of child inherits. A list of what is passed on: keys of a cloud and other secrets that a job
//! or an agent has in its environment are on no list.
//!
//! docs/reference/environment.md shows the lists to users; `scripts/docs` writes it from here.

use crate::error::{Error, Result};

/// A kind of program that we start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    /// The scanner engine of the server, in Java.
    Engine,
    /// The SonarScanner CLI, in Java, with the engine inside of it or beside it.
    ScannerCli,
    /// The SonarScanner for .NET, the `dotnet` that runs it, and its tool `dotnet-coverage`.
    Dotnet,
    /// The commands of `dotnet` that install and verify packages.
    Packages,
    /// git.
    Git,
}

/// What every program needs that starts others and writes temporary files.
const OF_ALL: &[&str] = &[
    "PATH",
    "PATHEXT",
    "COMSPEC",
    "OS",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "PROGRAMDATA",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
];

/// Who runs, where, and in which language.
const OF_PROGRAMS: &[&str] = &[
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "USERPROFILE",
    "USER",
    "USERNAME",
    "USERDOMAIN",
    "LOGNAME",
    "SHELL",
    "TERM",
    "HOSTNAME",
    "COMPUTERNAME",
    "APPDATA",
    "LOCALAPPDATA",
    "ALLUSERSPROFILE",
    "PUBLIC",
    "PROGRAMFILES*",
    "PROGRAMW6432",
    "COMMONPROGRAMFILES*",
    "COMMONPROGRAMW6432",
    "PROCESSOR_*",
    "NUMBER_OF_PROCESSORS",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// What a scanner reads of the build: the revision, the provider.
const OF_BUILD: &[&str] = &[
    "TF_BUILD",
    "BUILD_*",
    "SYSTEM_PULLREQUEST_*",
    "SYSTEM_COLLECTIONID",
    "SYSTEM_COLLECTIONURI",
    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
    "SYSTEM_TEAMFOUNDATIONSERVERURI",
    "SYSTEM_TEAMPROJECT",
    "SYSTEM_TEAMPROJECTID",
    "SYSTEM_DEFAULTWORKINGDIRECTORY",
    "SYSTEM_ARTIFACTSDIRECTORY",
    "SYSTEM_DEFINITIONID",
    "SYSTEM_HOSTTYPE",
    "SYSTEM_CULTURE",
    "AGENT_NAME",
    "AGENT_OS",
    "AGENT_OSARCHITECTURE",
    "AGENT_BUILDDIRECTORY",
    "AGENT_TEMPDIRECTORY",
    "AGENT_TOOLSDIRECTORY",
    "AGENT_WORKFOLDER",
];

/// Java, and what analyzers start: Node.js, C and C++ compilers, Cargo, Dart, the Android SDK.
const OF_ANALYZERS: &[&str] = &[
    "JAVA_HOME",
    "JAVA_HOME_*",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "SONAR_USER_HOME",
    "NODE_PATH",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "INCLUDE",
    "EXTERNAL_INCLUDE",
    "LIB",
    "LIBPATH",
    "VCINSTALLDIR",
    "VCTOOLSINSTALLDIR",
    "VSINSTALLDIR",
    "VS*COMNTOOLS",
    "WINDOWSSDKDIR",
    "WINDOWSSDKVERSION",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "SDKROOT",
    "DEVELOPER_DIR",
    "MACOSX_DEPLOYMENT_TARGET",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOROOT",
    "GOPATH",
    "FLUTTER_ROOT",
    "PUB_CACHE",
    "ANDROID_HOME",
    "ANDROID_SDK_ROOT",
];

/// .NET, MSBuild and NuGet, but for the credentials of feeds.
const OF_DOTNET: &[&str] = &[
    "DOTNET_*",
    "COMPLUS_*",
    "MSBUILD*",
    "VISUALSTUDIO*",
    "VSINSTALLDIR",
    "VS*COMNTOOLS",
    "NUGET_PACKAGES",
    "NUGET_HTTP_CACHE_PATH",
    "NUGET_PLUGIN*",
    "NUGET_NETCORE_PLUGIN_PATHS",
    "NUGET_NETFX_PLUGIN_PATHS",
    "NUGET_CREDENTIALPROVIDER*",
    "NUGET_CERT_REVOCATION_MODE",
    "SONAR_SCANNER_*",
    // Where the task VisualStudioTestPlatformInstaller puts what reads binary coverage.
    "VSTESTTOOLSINSTALLERINSTALLEDTOOLLOCATION",
];

/// Credentials for NuGet feeds, as the task NuGetAuthenticate@1 and Microsoft's credential provider have them. They reach
/// nothing but the commands that install packages; a secret variable of the name is meant for them, too.
pub(super) const OF_FEEDS: &[&str] = &[
    "VSS_NUGET_ACCESSTOKEN",
    "VSS_NUGET_URI_PREFIXES",
    "VSS_NUGET_EXTERNAL_FEED_ENDPOINTS",
    "ARTIFACTS_CREDENTIALPROVIDER_ACCESSTOKEN",
    "ARTIFACTS_CREDENTIALPROVIDER_URI_PREFIXES",
    "ARTIFACTS_CREDENTIALPROVIDER_EXTERNAL_FEED_ENDPOINTS",
    "ARTIFACTS_CREDENTIALPROVIDER_FEED_ENDPOINTS",
];

/// We set everything else for git: its home, language, proxy and certificates. On Windows the agent brings a git.
const OF_GIT: &[&str] = &["AGENT_HOMEDIRECTORY"];

/// Variables whose values are secrets: endpoint authorizations, secret variables, tickets and tokens. No child inherits
/// them, and nothing shows their values.
pub(super) const SECRETS: &[&str] = &[
    "ENDPOINT_AUTH_*",
    "SECRET_*",
    "SECUREFILE_TICKET_*",
    "SYSTEM_ACCESSTOKEN",
    "SONAR_TOKEN",
    "SONAR_LOGIN",
    "SONAR_PASSWORD",
    "SONARQUBE_SCANNER_PARAMS",
    "SONAR_SCANNER_JSON_PARAMS",
];

/// What no child inherits beside [`SECRETS`], whatever the user passes on: task inputs, the agent's own bookkeeping, and what
/// would lead a scanner that holds the token to another server. All prefixes here and there but our own `SONAR_AZDO_` are
/// those that Microsoft's task library takes out of its own environment.
const WITHHELD: &[&str] = &[
    "INPUT_*",
    "VSTS_TASKVARIABLE_*",
    "SONAR_AZDO_*",
    "VSTS_PUBLIC_VARIABLES",
    "VSTS_SECRET_VARIABLES",
    "COMMAND_CORRELATION_ID",
    "TASK_SDK_COMMAND_TOKEN",
    "SONAR_HOST_URL",
    "SONAR_REGION",
    "SONAR_SCANNER_API_BASE_URL",
    "SONAR_SCANNER_SONARCLOUD_URL",
];

/// What git is told where a scanner runs it: not to take files of the repository for a git directory, and to start no
/// program that watches files. `GIT_CONFIG_COUNT` and the like, by the manual of git.
const GIT_OF_SCANNERS: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "safe.bareRepository"),
    ("GIT_CONFIG_VALUE_0", "explicit"),
    ("GIT_CONFIG_KEY_1", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_1", "false"),
];

impl Child {
    /// What we set for it. What it inherits does not replace this.
    pub(super) fn given(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Engine | Self::ScannerCli | Self::Dotnet => GIT_OF_SCANNERS,
            Self::Packages | Self::Git => &[],
        }
    }

    /// Patterns of the names that it inherits, upper case; `*` is any text.
    fn lists(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Engine | Self::ScannerCli => &[OF_ALL, OF_PROGRAMS, OF_BUILD, OF_ANALYZERS],
            Self::Dotnet => &[OF_ALL, OF_PROGRAMS, OF_BUILD, OF_ANALYZERS, OF_DOTNET],
            Self::Packages => &[OF_ALL, OF_PROGRAMS, OF_BUILD, OF_DOTNET, OF_FEEDS],
            Self::Git => &[OF_ALL, OF_GIT],
        }
    }

    /// Whether it inherits the variable of this name, which is in upper case.
    pub(super) fn inherits(self, name: &str) -> bool {
        self.lists().iter().any(|list| is_on(list, name))
    }
}

/// Whether no child inherits the variable of this name, which is in upper case.
pub(super) fn is_withheld(name: &str) -> bool {
    is_secret(name) || is_on(WITHHELD, name)
}

/// Whether the variable of this name, which is in upper case, holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    is_on(SECRETS, name)
}

fn is_on(list: &[&str], name: &str) -> bool {
    list.iter().any(|pattern| fits(pattern, name))
}

/// Whether a name fits a pattern with at most one `*`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// The input `passEnvironment`: further variables that children inherit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Passed(Vec<String>);

impl Passed {
    /// Reads names, separated by commas or white space; `*` at the end of one stands for any text.
    ///
    /// # Errors
    /// A text that is not a name, or the name of a variable that no child inherits.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let names = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
        names.map(|name| checked(&name.to_uppercase())).collect::<Result<_>>().map(Self)
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| fits(pattern, name))
    }
}

fn checked(name: &str) -> Result<String> {
    let wrong =
        |why: &str, hint: &str| Err(Error::new(format!("passEnvironment names {name}, {why}")).hint(hint));
    let plain = name.strip_suffix('*').unwrap_or(name);
    let is_name = plain.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && plain.chars().all(|c| c.is_ascii_alphanumeric() || "_.-()".contains(c));
    if !is_name {
        return wrong(
            "which is not the name of a variable",
            "Use names such as MY_TOOL_HOME, one per line. MY_TOOL_* stands for every name that begins with MY_TOOL_.",
        );
    }
    if is_withheld(name) {
        return wrong(
            "which scanners must not inherit",
            "It holds a token, or it would lead the scanner to another server. Remove it from passEnvironment.",
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests;
