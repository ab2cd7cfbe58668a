//! One snapshot of the host: environment and arguments. Nothing else reads them.

use super::children::{Child, OF_FEEDS, Passed, is_secret, is_withheld};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What this process was started with.
#[derive(Debug, Clone)]
pub struct Host {
    /// The environment.
    pub environment: Environment,
    /// The command line, the program's name first.
    pub arguments: Vec<OsString>,
}

impl Host {
    /// Takes the snapshot.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn capture() -> Self {
        Self { environment: Environment::new(std::env::vars_os()), arguments: std::env::args_os().collect() }
    }
}

/// Environment variables: names in any case, an empty value counts as unset, and what is not Unicode
/// is replaced when read but passed on to children untouched.
///
/// Azure Pipelines maps a variable `System.PullRequest.PullRequestId` to
/// `SYSTEM_PULLREQUEST_PULLREQUESTID`: `.` and space become `_`, letters upper case.
#[derive(Clone, Default)]
pub struct Environment {
    by_name: BTreeMap<String, String>,
    raw: Vec<(OsString, OsString)>,
}

impl Environment {
    /// A snapshot of these variables.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let raw: Vec<_> = variables.into_iter().collect();
        let mut by_name = BTreeMap::new();
        // Of names that differ in case alone the upper-case one counts, even if it is empty: the agent sets it, and any
        // step may set a job variable `input_x` that keeps its case.
        let (upper, other): (Vec<_>, Vec<_>) = raw.iter().partition(|(name, _)| is_upper_case(name));
        for (name, value) in upper.into_iter().chain(other) {
            by_name.entry(fold(name)).or_insert_with(|| value.to_string_lossy().into_owned());
        }
        by_name.retain(|_, value| !value.is_empty());
        Self { by_name, raw }
    }

    /// The value of the environment variable `name`; `None` when it is empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.by_name.get(&name.to_uppercase()).map(String::as_str)
    }

    /// The same for a name that the agent writes in exactly this case; a job variable may have the name in another case.
    pub(crate) fn exact_value(&self, name: &str) -> Option<&str> {
        match self.raw.iter().find(|(found, _)| found == name) {
            Some((_, value)) => value.to_str().filter(|value| !value.is_empty()),
            None => self.value(name),
        }
    }

    /// The value of the pipeline variable `name`, such as `System.Debug`; `None` when it is empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.value(&name.replace(['.', ' '], "_"))
    }

    /// The value of the secret pipeline variable `name`, which only tasks see.
    pub(crate) fn secret_variable(&self, name: &str) -> Option<&str> {
        self.variable(&format!("SECRET_{name}"))
    }

    /// Names of the secret pipeline variables, in upper case, including those that are empty.
    pub(crate) fn secret_variables(&self) -> impl Iterator<Item = String> {
        self.raw.iter().filter_map(|(name, _)| fold(name).strip_prefix("SECRET_").map(str::to_owned))
    }

    /// The value of a task input, without surrounding white space; `None` when it is blank.
    pub(crate) fn input(&self, name: &str) -> Option<&str> {
        self.variable(&format!("INPUT_{name}")).map(str::trim).filter(|value| !value.is_empty())
    }

    /// All variables, names in upper case.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of the variable of exactly this name, if it may be shown: `None` for a variable that holds a secret, whether
    /// by its name or because a secret of the job was mapped to it.
    pub(crate) fn public_value(&self, name: &str) -> Option<&str> {
        let is_it = |found: &OsStr| match cfg!(windows) {
            true => fold(found) == name.to_uppercase(),
            false => found == name,
        };
        let (_, value) = self.raw.iter().find(|(found, _)| is_it(found))?;
        let value = value.to_str()?;
        let is_public = !is_withheld(&name.to_uppercase())
            && !OF_FEEDS.contains(&name.to_uppercase().as_str())
            && !self.secrets().any(|secret| is_of(value, &secret));
        is_public.then_some(value)
    }

    fn secrets(&self) -> impl Iterator<Item = String> {
        self.raw
            .iter()
            .filter(|(name, _)| is_secret(&fold(name)))
            .map(|(_, value)| value.to_string_lossy().into_owned())
    }

    /// The value of a variable that programs write in either case, such as `https_proxy`: the first that is not empty,
    /// the upper case first.
    pub(crate) fn value_in_any_case(&self, name: &str) -> Option<&str> {
        let values = self.raw.iter().filter(|(found, _)| fold(found) == name.to_uppercase());
        let values = values.filter_map(|(_, value)| value.to_str()).filter(|value| !value.is_empty());
        self.value(name).or_else(|| values.into_iter().next())
    }

    /// The environment of `child`: what we set, the variables on its list, and those that the user passes on.
    pub(crate) fn for_child(&self, child: Child, passed: &Passed) -> Vec<(OsString, OsString)> {
        let inherits = |name: &str| !is_withheld(name) && (child.inherits(name) || passed.holds(name));
        let given = child.given().iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut variables: Vec<_> =
            given.chain(self.raw.iter().filter(|(name, _)| inherits(&fold(name))).cloned()).collect();
        if child == Child::Packages {
            for name in OF_FEEDS.iter().filter(|name| self.value(name).is_none()) {
                variables.extend(self.secret_variable(name).map(|value| (name.into(), value.into())));
            }
        }
        variables
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

fn fold(name: &OsStr) -> String {
    name.to_string_lossy().to_uppercase()
}

fn is_upper_case(name: &OsStr) -> bool {
    fold(name) == name.to_string_lossy()
}

/// Whether a value is a secret, holds one, or is a part of one: a whole authorization is JSON.
fn is_of(value: &str, secret: &str) -> bool {
    let secret = secret.trim();
    !secret.is_empty()
        && (value == secret
            || (secret.len() >= 4 && value.contains(secret))
            || (value.len() >= 8 && secret.contains(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn a_variable_with_a_secret_has_no_public_value() {
        let env = environment(&[
            ("SECRET_PASSWORD", "hush-hush"),
            ("SECRET_EMPTY", ""),
            ("ENDPOINT_AUTH_SYSTEMVSSCONNECTION", r#"{"parameters":{"AccessToken":"eyJ0eXAi"}}"#),
            ("MAPPED", "hush-hush"),
            ("WITHIN", "joe:hush-hush@host"),
            ("JOB_TOKEN", "eyJ0eXAi"),
            ("BUILD_BUILDNUMBER", "7"),
            ("MY_Version", "1.0"),
            ("INPUT_X", "x"),
            ("SYSTEM_ACCESSTOKEN", "y"),
        ]);
        for name in
            ["SECRET_PASSWORD", "MAPPED", "WITHIN", "JOB_TOKEN", "INPUT_X", "SYSTEM_ACCESSTOKEN", "NONE"]
        {
            assert_eq!(env.public_value(name), None, "{name}");
        }
        assert_eq!(env.public_value("BUILD_BUILDNUMBER"), Some("7"));
        assert_eq!(env.public_value("MY_Version"), Some("1.0"));
        if !cfg!(windows) {
            assert_eq!(env.public_value("my_version"), None, "as SonarScanner CLI reads them");
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_empty_counts_as_unset() {
        let env = environment(&[
            ("Build_SourceBranch", "refs/heads/x"),
            ("AGENT_OS", ""),
            ("agent_os", "Linux"),
            ("ENDPOINT_URL_AB", "of a job variable"),
            ("ENDPOINT_URL_ab", "own"),
            ("https_proxy", "low"),
            ("HTTPS_PROXY", "up"),
        ]);
        assert_eq!(env.variable("build.sourceBranch"), Some("refs/heads/x"));
        assert_eq!(env.variable("Agent.OS"), None, "the one in upper case is empty");
        assert_eq!(env.exact_value("ENDPOINT_URL_ab"), Some("own"));
        assert_eq!(env.exact_value("Build_sourcebranch"), Some("refs/heads/x"));
        assert_eq!(env.value("https_proxy"), Some("up"));
    }

    #[test]
    fn inputs_are_trimmed() {
        let env = environment(&[("INPUT_CLIPROJECTKEY", " demo \n"), ("INPUT_EXTRAPROPERTIES", "  ")]);
        assert_eq!(env.input("cliProjectKey"), Some("demo"));
        assert_eq!(env.input("extraProperties"), None);
    }

    #[test]
    fn an_empty_variable_does_not_hide_one_in_another_case() {
        let env = environment(&[("HTTPS_PROXY", ""), ("https_proxy", "low")]);
        assert_eq!(env.value("HTTPS_PROXY"), None);
        assert_eq!(env.value_in_any_case("HTTPS_PROXY"), Some("low"));
        let env = environment(&[("https_proxy", "low"), ("HTTPS_PROXY", "up")]);
        assert_eq!(env.value_in_any_case("HTTPS_PROXY"), Some("up"));
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_replaced_when_read_and_passed_on_unchanged() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = OsString::from_vec(vec![b'a', 0xff]);
        let env = Environment::new([("HOME".into(), odd.clone())]);
        assert_eq!(env.value("HOME"), Some("a\u{fffd}"));
        let last = env.for_child(Child::Engine, &Passed::default()).pop();
        assert_eq!(last, Some(("HOME".into(), odd)));
    }

    #[test]
    fn every_variable_that_holds_a_secret_is_withheld_from_children_and_not_public() {
        for pattern in super::super::children::SECRETS {
            let name = pattern.replace('*', "X");
            let env = environment(&[(&name, "hush-hush"), ("MAPPED", "hush-hush")]);
            assert_eq!((env.public_value(&name), env.public_value("MAPPED")), (None, None), "{name}");
            for child in [Child::Engine, Child::ScannerCli, Child::Dotnet, Child::Packages, Child::Git] {
                let variables = env.for_child(child, &Passed::default());
                assert!(variables.iter().all(|(given, _)| given != name.as_str()), "{name} {child:?}");
            }
            assert!(Passed::parse(&name).is_err(), "{name}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", environment(&[("SECRET_X", "hush")])), r#"{"SECRET_X"}"#);
    }
}
