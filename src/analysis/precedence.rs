//! Which of several values of a property counts: that of the strongest source that may set it, in whatever order they are
//! read. A value that its source may not set is never stored, so that nothing after this module can let it count.

use super::java_properties::trimmed;
use super::placeholder::{Budget, Meaning, Unexpandable, expand};
use super::property::Properties;
use super::property_origin::{Setter, is_ambiguous, may_set, narrows, remedy};
use super::property_source::PropertySource;
use super::refused_value::{FileLine, RefusalReason, Refused};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The pipeline's inputs about the settings files of its repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// The input `trustSettingsFile`.
    pub trust_settings_file: bool,
    /// The input `scopeFrom` is `pipeline`.
    pub scope_from_pipeline: bool,
}

impl Rules {
    /// Whether the pipeline sets neither input.
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

/// The strongest value so far.
#[derive(Clone)]
struct Standing {
    source: PropertySource,
    value: String,
    at: Option<FileLine>,
    /// Whether names in the value were replaced: they are not replaced a second time.
    is_expanded: bool,
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

    /// Sets a property. The value counts if `source` may set it and no stronger source sets it. Of one source the last value
    /// counts.
    pub fn set(&mut self, source: PropertySource, key: &str, value: &str, at: Option<FileLine>) {
        // The engine trims keys, also behind the name of a module. Without this, `sonar.branch.name\ =x` in a settings file
        // would pass the table as an unknown property, and choose the branch in the engine.
        let key = trimmed(key);
        let malformed = match key {
            _ if !source.is_of_repository() => None,
            key if key.contains(|c: char| c <= ' ') => Some(RefusalReason::BlankInName),
            key if is_ambiguous(key) => Some(RefusalReason::AmbiguousName),
            _ => None,
        };
        if let Some(reason) = malformed {
            self.refused.push(Refused { key: key.to_owned(), source, at, reason });
            return;
        }
        if !self.rules.allow(source.setter(), key) {
            let reason = match may_set(source.setter(), key, self.rules.trust_settings_file) {
                true => RefusalReason::ScopeFromPipeline,
                false => RefusalReason::NotAllowed(remedy(key)),
            };
            self.refused.push(Refused { key: key.to_owned(), source, at, reason });
            return;
        }
        if self.standing.get(key).is_none_or(|standing| standing.source <= source) {
            self.standing
                .insert(key.to_owned(), Standing { source, value: value.to_owned(), at, is_expanded: false });
        }
    }

    /// Has `source` set all of these.
    pub fn set_all(&mut self, source: PropertySource, properties: &Properties) {
        for (key, value) in properties.iter() {
            self.set(source, key, value, None);
        }
    }

    /// Removes the value of a property that turned out to be unfit.
    pub fn refuse(&mut self, key: &str, reason: RefusalReason) {
        if let Some(Standing { source, at, .. }) = self.standing.remove(key) {
            self.refused.push(Refused { key: key.to_owned(), source, at, reason });
        }
    }

    /// Removes the properties for which `is_unset` holds, whoever set them.
    pub fn unset(&mut self, is_unset: impl Fn(&str, &str) -> bool) {
        self.standing.retain(|key, standing| !is_unset(key, &standing.value));
    }

    /// The value that counts.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.standing.get(key).map(|standing| standing.value.as_str())
    }

    /// The source of the value that counts.
    pub fn source(&self, key: &str) -> Option<PropertySource> {
        self.standing.get(key).map(|standing| standing.source)
    }

    /// The line of the value that counts, if a file set it.
    pub fn line(&self, key: &str) -> Option<&FileLine> {
        self.standing.get(key)?.at.as_ref()
    }

    /// The values of the repository that count.
    pub fn of_repository(&self) -> impl Iterator<Item = (&str, &str, Option<&FileLine>)> {
        let of_files = self.standing.iter().filter(|(_, standing)| standing.source.is_of_repository());
        of_files.map(|(key, standing)| (key.as_str(), standing.value.as_str(), standing.at.as_ref()))
    }

    /// The values that do not count, in the order in which they were refused.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// `text` of a settings file with each `${name}` replaced by the value of that property, and each `${env.NAME}` by that
    /// of `environment`. Only values of the repository are searched for names in turn: a pipeline's value is taken literally.
    ///
    /// # Errors
    /// A name leads back to itself, or `budget` is used up.
    pub fn expanded<'a>(
        &'a self,
        text: &str,
        environment: &dyn Fn(&str) -> Option<&'a str>,
        budget: &mut Budget,
    ) -> Result<String, Unexpandable> {
        let look_up = |name: &str| match name.strip_prefix("env.") {
            Some(variable) => environment(variable).map_or(Meaning::Unknown, Meaning::Text),
            None => match self.standing.get(name) {
                Some(Standing { source, value, is_expanded: false, .. }) if source.is_of_repository() => {
                    Meaning::Template(value)
                }
                Some(Standing { value, .. }) => Meaning::Text(value),
                None => Meaning::Unknown,
            },
        };
        expand(text, &look_up, budget)
    }

    /// Expands one value of the repository now. [`Self::expand`] then leaves it as it is: what is decided by this value,
    /// such as which modules there are, must not change when other files give the names in it another value.
    ///
    /// # Errors
    /// A name could not be replaced.
    pub fn expand_one<'e>(
        &mut self,
        key: &str,
        environment: &dyn Fn(&str) -> Option<&'e str>,
    ) -> Result<(), Unexpandable> {
        let Some(Standing { value, is_expanded: false, source, .. }) = self.standing.get(key) else {
            return Ok(());
        };
        if !source.is_of_repository() {
            return Ok(());
        }
        let text = self.expanded(value, &|name| environment(name), &mut Budget::default())?;
        if let Some(standing) = self.standing.get_mut(key) {
            (standing.value, standing.is_expanded) = (text, true);
        }
        Ok(())
    }

    /// Expands the values of the repository.
    ///
    /// # Errors
    /// The property in which a name could not be replaced, and why.
    pub fn expand<'a>(
        &'a self,
        environment: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, (String, Unexpandable)> {
        let (mut expanded, mut budget) = (self.clone(), Budget::default());
        let templates = self
            .standing
            .iter()
            .filter(|(_, standing)| standing.source.is_of_repository() && !standing.is_expanded);
        for (key, Standing { value, .. }) in templates.filter(|(_, standing)| standing.value.contains("${")) {
            let text = self.expanded(value, environment, &mut budget).map_err(|why| (key.clone(), why))?;
            if let Some(standing) = expanded.standing.get_mut(key) {
                standing.value = text;
            }
        }
        Ok(expanded)
    }

    /// All values that count.
    pub fn properties(&self) -> Properties {
        self.standing.iter().map(|(key, standing)| (key.clone(), standing.value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blanks_do_not_hide_a_protected_key() {
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
        fn the_repository_never_redirects_the_token_nor_skips(
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
    fn names_in_files_stand_for_the_value_that_counts() {
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
        assert_eq!((key.as_str(), names.to_string().as_str()), ("a", "refers to itself: b -> a -> b"));
    }

    #[test]
    fn each_refusal_says_where_why_and_what_to_do() {
        let mut precedence = Precedence::new(Rules { scope_from_pipeline: true, ..Rules::default() });
        let at = |line| Some(FileLine { file: "web/sonar-project.properties".into(), line });
        precedence.set(PropertySource::ModuleFile, "web.sonar.projectDate", "2020-01-01", at(3));
        precedence.set(PropertySource::ModuleFile, "web.sonar.exclusions", "**", at(4));
        precedence.set(PropertySource::Variable, "sonar.branch.name", "other", None);
        precedence.set(PropertySource::SettingsFile, "sonar.working.directory", "/", at(5));
        precedence.refuse("sonar.working.directory", RefusalReason::OutsideSources);
        let told: Vec<_> = precedence.refused().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        web.sonar.projectDate in line 3 of web/sonar-project.properties is ignored, because it may not be set there. Set it in extraProperties of SonarPrepare.
        web.sonar.exclusions in line 4 of web/sonar-project.properties is ignored, because the input scopeFrom of SonarPrepare is pipeline. Set it in extraProperties of SonarPrepare.
        sonar.branch.name in a variable of the job is ignored, because it may not be set there. Use the input branch of SonarPrepare, or set it in extraProperties.
        sonar.working.directory in line 5 of web/sonar-project.properties is ignored, because it leads out of the sources. Set it in extraProperties of SonarPrepare.
        ");
        assert!(precedence.properties().is_empty());
    }
}
