//! The plugins that the engine will ask for, fetched beside it.

use super::RuntimeRequest;
use crate::analysis::{ServerKind, languages_of};
use crate::http;
use crate::scanner::{Cache, Check, Provisioning};
use crate::sonarqube::SonarQube;
use crate::step::folder_walk::{WalkPurpose, walk};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::task::JoinHandle;

/// A task that fetches plugins, and ends when this is dropped. A failure is not an error, because the engine fetches the
/// plugins that it does not find.
pub(super) struct Prefetch(JoinHandle<()>);

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Prefetch {
    pub(super) fn begin(request: &RuntimeRequest<'_>) -> Self {
        let directory = PathBuf::from(request.properties.value("sonar.projectBaseDir").unwrap_or("."));
        let prefetch = prefetch(request.sonarqube.clone(), request.cache.clone(), directory);
        // Boxed it is a task of the same type as those of the HTTP client.
        Self(tokio::spawn(Box::pin(prefetch) as Pin<Box<dyn Future<Output = ()> + Send>>))
    }
}

/// One after the other, so that they leave the network to the engine and the Java runtime, without which nothing starts.
async fn prefetch(sonarqube: SonarQube, cache: Cache, directory: PathBuf) {
    // What SonarQube Cloud's engine does has not been observed.
    if sonarqube.kind() == ServerKind::Cloud {
        return;
    }
    let found = http::blocking(Box::new(move || Ok(languages_below(&directory).join(" "))));
    let asked = async { tokio::try_join!(sonarqube.plugins(), sonarqube.languages()) };
    let (found, asked) = tokio::join!(found, asked);
    let (plugins, known) = match asked {
        Ok(both) => both,
        Err(error) => return tracing::debug!("No plugins are fetched in advance: {error}"),
    };
    let found = found.unwrap_or_default();
    let languages: Vec<_> = found.split(' ').filter(|key| known.iter().any(|known| known == key)).collect();
    let provisioning = Provisioning {
        client: sonarqube.http(),
        credentials: Some(sonarqube.credentials()),
        cache: &cache,
        check: Check::Usual,
    };
    // The engine asks first for those that each analysis needs.
    let always = plugins.iter().filter(|plugin| plugin.languages.is_empty());
    let now =
        plugins.iter().filter(|plugin| !plugin.languages.is_empty() && plugin.is_needed_for(&languages));
    for plugin in always.chain(now) {
        match provisioning.plugin(plugin).await {
            Ok(()) => tracing::debug!("The plugin {} is in the cache", plugin.key),
            Err(error) => tracing::debug!("The plugin {} is left to the engine: {error}", plugin.key),
        }
    }
}

/// Entries looked at: what is found by then is likely to be all there is.
const MOST_ENTRIES: usize = 20_000;

/// Keys of the languages of the files, by their names. Hidden files are not analysed.
fn languages_below(directory: &Path) -> Vec<&'static str> {
    let mut languages: Vec<&'static str> = Vec::new();
    walk(directory, WalkPurpose::Languages, MOST_ENTRIES, &mut |entry| {
        if entry.kind.is_file() && !entry.name.starts_with('.') {
            for language in languages_of(entry.name) {
                if !languages.contains(&language) {
                    languages.push(language);
                }
            }
        }
        true
    });
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["src/deep/a.py", "web/b.ts", "c.PY", ".git/d.java", "node_modules/x/e.php", "README"] {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let mut languages = languages_below(folder.path());
        languages.sort_unstable();
        assert_eq!(languages, ["py", "ts"]);
        assert!(languages_below(&folder.path().join("nowhere")).is_empty());
    }
}
