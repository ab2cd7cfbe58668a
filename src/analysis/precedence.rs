//! Which of several values of a property counts: that of the strongest source, whatever the order in which they are read.

use super::java_properties::trimmed;
use super::placeholder::{Budget, Meaning, Unexpandable, expand};
use super::property::Properties;
use super::property_origin::{self, Setter, may_set, narrows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where values come from, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertySource {
    /// What holds when nobody says anything.
    Default,
    /// A report that was found.
    FoundReport,
    /// The settings file of the project.
    SettingsFile,
    /// The settings file of a module.
    ModuleFile,
    /// A variable of the job.
    Variable,
    /// An input of SonarPrepare.
    Input,
    /// The decision which branch or pull request is analysed.
    Scope,
    /// `extraProperties`, over it the properties of an entry of `monorepo`.
    ExtraProperties,
    /// The service connection, and what a step derives from all others.
    Connection,
}

impl PropertySource {
    /// Whether it lies in the repository.
    pub fn is_of_repository(self) -> bool {
        matches!(self, Self::SettingsFile | Self::ModuleFile)
    }

    fn setter(self) -> Setter {
        match self {
            Self::SettingsFile | Self::ModuleFile => Setter::Repository,
            Self::Variable => Setter::Job,
            Self::Default | Self::FoundReport | Self::Input | Self::Scope | Self::ExtraProperties => {
                Setter::Pipeline
            }
            Self::Connection => Setter::Connection,
        }
    }
}

/// What the pipeline says of the settings files of its repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// The input `trustSettingsFile`.
    pub trust_settings_file: bool,
    /// The input `scopeFrom` is `pipeline`.
    pub scope_from_pipeline: bool,
}

impl Rules {
    /// Whether these are those that hold when the pipeline says nothing.
    pub fn are_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a file of the repository may set `key`.
    pub fn allow_repository(self, key: &str) -> bool {
        self.allow(Setter::Repository, key)
    }

    /// Whether `setter` may set `key`.
    fn allow(self, setter: Setter, key: &str) -> bool {
        may_set(setter, key, self.trust_settings_file)
            && !(setter == Setter::Repository && self.scope_from_pipeline && narrows(key))
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// The file, relative to the sources where it lies in them.
    pub file: String,
    /// Its number, from 1.
    pub line: usize,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file)
    }
}

/// A value that does not count, because its source may not set the property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The property.
    pub key: String,
    /// Where it is set.
    pub source: PropertySource,
    /// Where that is, of a file.
    pub at: Option<FileLine>,
    /// What to do instead, as the end of a sentence.
    pub instead: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, at, instead, .. } = self;
        match at {
            Some(at) => write!(f, "{key} in {at} is ignored: {instead}"),
            None => write!(f, "{key} in a variable of the job is ignored: {instead}"),
        }
    }
}

#[derive(Clone)]
struct Standing {
    source: PropertySource,
    value: String,
    at: Option<FileLine>,
}

/// The values of properties, each with its source.
#[derive(Clone, Default)]
pub struct Precedence {
    rules: Rules,
    standing: BTreeMap<String, Standing>,
    refused: Vec<Refused>,
}

impl Precedence {
    /// Nothing is set.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// What the pipeline says of settings files.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Has `source` set a property, which counts if no stronger one sets it. Of one source the last value counts.
    pub fn set(&mut self, source: PropertySource, key: &str, value: &str, at: Option<FileLine>) {
        // The engine trims keys, those of modules behind the name of the module, too: else `sonar.branch.name\ =x` of a
        // settings file would be another property here, and this one there.
        let key = trimmed(key);
        if source.is_of_repository() && key.contains(|c: char| c <= ' ') {
            let instead = "no property has a blank in its name".to_owned();
            self.refused.push(Refused { key: key.to_owned(), source, at, instead });
            return;
        }
        if !self.rules.allow(source.setter(), key) {
            let instead = match may_set(source.setter(), key, self.rules.trust_settings_file) {
                true => "the input scopeFrom of SonarPrepare is pipeline",
                false => property_origin::instead(key),
            };
            self.refused.push(Refused { key: key.to_owned(), source, at, instead: instead.to_owned() });
            return;
        }
        if self.standing.get(key).is_none_or(|standing| standing.source <= source) {
            self.standing.insert(key.to_owned(), Standing { source, value: value.to_owned(), at });
        }
    }

    /// Has `source` set all of these.
    pub fn set_all(&mut self, source: PropertySource, properties: &Properties) {
        for (key, value) in properties.iter() {
            self.set(source, key, value, None);
        }
    }

    /// Takes out the value of a property that turned out to be unfit: `why`, as the end of a sentence.
    pub fn refuse(&mut self, key: &str, why: &str) {
        if let Some(Standing { source, at, .. }) = self.standing.remove(key) {
            self.refused.push(Refused { key: key.to_owned(), source, at, instead: why.to_owned() });
        }
    }

    /// Takes out all properties that are so, whoever set them.
    pub fn unset(&mut self, is_so: impl Fn(&str, &str) -> bool) {
        self.standing.retain(|key, standing| !is_so(key, &standing.value));
    }

    /// The value that counts, as it was set.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.standing.get(key).map(|standing| standing.value.as_str())
    }

    /// Who set it.
    pub fn source(&self, key: &str) -> Option<PropertySource> {
        self.standing.get(key).map(|standing| standing.source)
    }

    /// Where a file set it.
    pub fn line(&self, key: &str) -> Option<&FileLine> {
        self.standing.get(key)?.at.as_ref()
    }

    /// All values that count, and that the repository set.
    pub fn of_repository(&self) -> impl Iterator<Item = (&str, &str, Option<&FileLine>)> {
        let of_files = self.standing.iter().filter(|(_, standing)| standing.source.is_of_repository());
        of_files.map(|(key, standing)| (key.as_str(), standing.value.as_str(), standing.at.as_ref()))
    }

    /// What was refused, in the order in which it was.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The text of a settings file with what its names stand for: `${name}` for the value of a property, `${env.NAME}` for
    /// what `environment` says.
    ///
    /// # Errors
    /// A name leads back to itself, or names stand for too much.
    pub fn expanded<'a>(
        &'a self,
        text: &str,
        environment: &dyn Fn(&str) -> Option<&'a str>,
        budget: &mut Budget,
    ) -> Result<String, Unexpandable> {
        let look_up = |name: &str| match name.strip_prefix("env.") {
            Some(variable) => environment(variable).map_or(Meaning::Unknown, Meaning::Text),
            None => match self.standing.get(name) {
                Some(Standing { source, value, .. }) if source.is_of_repository() => Meaning::Template(value),
                Some(Standing { value, .. }) => Meaning::Text(value),
                None => Meaning::Unknown,
            },
        };
        expand(text, &look_up, budget)
    }

    /// Expands all that the repository set.
    ///
    /// # Errors
    /// Names can't be replaced: the property where that was met, and why.
    pub fn expand<'a>(
        &'a self,
        environment: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, (String, Unexpandable)> {
        let (mut expanded, mut budget) = (self.clone(), Budget::default());
        for (key, value, _) in self.of_repository().filter(|(_, value, _)| value.contains("${")) {
            let text = self.expanded(value, environment, &mut budget).map_err(|why| (key.to_owned(), why))?;
            if let Some(standing) = expanded.standing.get_mut(key) {
                standing.value = text;
            }
        }
        Ok(expanded)
    }

    /// The values that count.
    pub fn properties(&self) -> Properties {
        self.standing.iter().map(|(key, standing)| (key.clone(), standing.value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_blank_makes_no_other_property_of_a_key() {
        let mut precedence = Precedence::new(Rules::default());
        for key in
            ["sonar.branch.name ", "\tsonar.userHome", "sonar.exclusions\u{1}", "web. sonar.exclusions"]
        {
            precedence.set(PropertySource::SettingsFile, key, "x", None);
        }
        let all: Vec<_> = precedence.properties().iter().map(|(key, _)| key.to_owned()).collect();
        assert_eq!(all, ["sonar.exclusions"]);
        let refused: Vec<_> = precedence.refused().iter().map(|refused| refused.key.as_str()).collect();
        assert_eq!(refused, ["sonar.branch.name", "sonar.userHome", "web. sonar.exclusions"]);
    }

    const SOURCES: [PropertySource; 9] = [
        PropertySource::Default,
        PropertySource::FoundReport,
        PropertySource::SettingsFile,
        PropertySource::ModuleFile,
        PropertySource::Variable,
        PropertySource::Input,
        PropertySource::Scope,
        PropertySource::ExtraProperties,
        PropertySource::Connection,
    ];

    const KEYS: [&str; 12] = [
        "sonar.host.url",
        "sonar.token",
        "sonar.scanner.skip",
        "sonar.scanner.javaExePath",
        "sonar.scanner.proxyHost",
        "sonar.userHome",
        "sonar.branch.name",
        "sonar.pullrequest.key",
        "sonar.projectDate",
        "sonar.exclusions",
        "sonar.projectKey",
        "web.sonar.scanner.skip",
    ];

    fn rules() -> impl Strategy<Value = Rules> {
        any::<(bool, bool)>().prop_map(|(trust_settings_file, scope_from_pipeline)| Rules {
            trust_settings_file,
            scope_from_pipeline,
        })
    }

    /// What each source sets each key to: `<source> sets <key>`.
    fn sets() -> impl Strategy<Value = Vec<(PropertySource, &'static str)>> {
        let all: Vec<_> = SOURCES.iter().flat_map(|source| KEYS.map(|key| (*source, key))).collect();
        let count = all.len();
        proptest::sample::subsequence(all, 0..=count)
    }

    fn of(rules: Rules, sets: &[(PropertySource, &str)]) -> Precedence {
        let mut precedence = Precedence::new(rules);
        for (source, key) in sets {
            precedence.set(*source, key, &format!("by {source:?}"), None);
        }
        precedence
    }

    proptest! {
        #[test]
        fn no_order_of_sources_changes_a_property(
            rules in rules(),
            (sets, shuffled) in sets().prop_flat_map(|sets| (Just(sets.clone()), Just(sets).prop_shuffle())),
        ) {
            prop_assert_eq!(of(rules, &sets).properties(), of(rules, &shuffled).properties());
        }

        #[test]
        fn the_strongest_source_that_may_decides(rules in rules(), sets in sets().prop_shuffle()) {
            let precedence = of(rules, &sets);
            for key in KEYS {
                let strongest = sets
                    .iter()
                    .filter(|(source, set)| *set == key && rules.allow(source.setter(), key))
                    .map(|(source, _)| *source)
                    .max();
                prop_assert_eq!(precedence.source(key), strongest);
            }
        }

        #[test]
        fn no_repository_leads_the_token_or_skips(
            rules in rules(),
            sets in sets().prop_shuffle(),
        ) {
            let precedence = of(rules, &sets);
            for (key, _, _) in precedence.of_repository() {
                prop_assert!(!["sonar.host.url", "sonar.token", "sonar.scanner.skip", "sonar.scanner.javaExePath",
                    "sonar.scanner.proxyHost", "sonar.userHome", "web.sonar.scanner.skip"].contains(&key));
                prop_assert!(rules.trust_settings_file
                    || !["sonar.branch.name", "sonar.pullrequest.key", "sonar.projectDate"].contains(&key));
                prop_assert!(!(rules.scope_from_pipeline && key == "sonar.exclusions"));
            }
        }
    }

    #[test]
    fn names_in_files_stand_for_what_counts() {
        let mut precedence = Precedence::new(Rules::default());
        precedence.set(
            PropertySource::SettingsFile,
            "sonar.projectVersion",
            "${sonar.projectKey}-${env.N}",
            None,
        );
        precedence.set(PropertySource::SettingsFile, "sonar.projectKey", "of the file", None);
        precedence.set(PropertySource::Input, "sonar.projectKey", "${env.N}", None);
        precedence.set(
            PropertySource::SettingsFile,
            "sonar.links.ci",
            "${sonar.token}|${sonar.branch.name}",
            None,
        );
        precedence.set(PropertySource::SettingsFile, "sonar.branch.name", "${env.N}", None);
        let expanded = precedence.expand(&|name| (name == "N").then_some("7")).unwrap();
        assert_eq!(expanded.value("sonar.projectVersion"), Some("${env.N}-7"));
        assert_eq!(expanded.value("sonar.links.ci"), Some("|"), "what is refused is unknown");
        precedence.set(PropertySource::SettingsFile, "a", "${b}", None);
        precedence.set(PropertySource::SettingsFile, "b", "${a}", None);
        let (key, names) = precedence.expand(&|_| None).map(|_| ()).unwrap_err();
        assert_eq!((key.as_str(), names.to_string().as_str()), ("a", "leads back to itself: b -> a -> b"));
    }

    #[test]
    fn what_is_refused_is_told() {
        let mut precedence = Precedence::new(Rules { scope_from_pipeline: true, ..Rules::default() });
        let at = |line| Some(FileLine { file: "web/sonar-project.properties".into(), line });
        precedence.set(PropertySource::ModuleFile, "web.sonar.projectDate", "2020-01-01", at(3));
        precedence.set(PropertySource::ModuleFile, "web.sonar.exclusions", "**", at(4));
        precedence.set(PropertySource::Variable, "sonar.branch.name", "other", None);
        precedence.set(PropertySource::SettingsFile, "sonar.working.directory", "/", at(5));
        precedence.refuse("sonar.working.directory", "it leads out of the sources");
        let told: Vec<_> = precedence.refused().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        web.sonar.projectDate in line 3 of web/sonar-project.properties is ignored: set it in extraProperties of SonarPrepare
        web.sonar.exclusions in line 4 of web/sonar-project.properties is ignored: the input scopeFrom of SonarPrepare is pipeline
        sonar.branch.name in a variable of the job is ignored: use the input branch of SonarPrepare, or set it in extraProperties
        sonar.working.directory in line 5 of web/sonar-project.properties is ignored: it leads out of the sources
        ");
        assert!(precedence.properties().is_empty());
    }
}
