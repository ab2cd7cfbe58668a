//! What the analyses of one step share.

use crate::error::Result;
use crate::scanner::{Cache, Check, Marks};
use crate::step::runtime::RuntimeRequest;
use crate::step::runtime::engine_and_java::{Ready, provision};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;
use tokio::sync::Mutex;

/// The properties that choose the engine and the Java.
const CHOOSING: [&str; 6] = [
    "sonar.scanner.engineJarPath",
    "sonar.scanner.javaExePath",
    "sonar.scanner.skipJreProvisioning",
    "sonar.scanner.os",
    "sonar.scanner.arch",
    "sonar.userHome",
];

type RuntimeChoice = [Option<String>; CHOOSING.len()];

/// The engine and the Java, fetched and verified once for all analyses that choose alike, and the machine.
pub(super) struct SharedRuntime {
    known: Mutex<Vec<(RuntimeChoice, Rc<Ready>)>>,
    /// Caches by the user homes that were asked for.
    caches: Mutex<Vec<(PathBuf, Cache)>>,
    /// Analyses that run at a time.
    pub(super) parallel: usize,
    pub(super) marks: Marks,
}

impl SharedRuntime {
    pub(super) fn among(parallel: usize) -> Self {
        Self { known: Mutex::default(), caches: Mutex::default(), parallel, marks: Marks::default() }
    }

    /// The cache in this user home, chosen and checked once for all analyses, so that it is spoken of once.
    pub(super) async fn cache(
        &self,
        user_home: &Path,
        choose: impl Future<Output = Result<Cache>>,
    ) -> Result<Cache> {
        let mut known = self.caches.lock().await;
        if let Some((_, cache)) = known.iter().find(|(of, _)| of == user_home) {
            return Ok(cache.clone());
        }
        let cache = choose.await?;
        known.push((user_home.to_owned(), cache.clone()));
        Ok(cache)
    }

    /// Those of this analysis. While one fetches them, the others wait. `suspect` did not work: what was not checked
    /// since then is provisioned again.
    pub(super) async fn engine_and_java(
        &self,
        request: &RuntimeRequest<'_>,
        suspect: Option<(&Rc<Ready>, SystemTime)>,
    ) -> Result<Rc<Ready>> {
        let choice = CHOOSING.map(|key| request.properties.value(key).map(str::to_owned));
        let mut known = self.known.lock().await;
        let trusted = |ready: &Rc<Ready>| suspect.is_none_or(|(suspect, _)| !Rc::ptr_eq(ready, suspect));
        if let Some((_, ready)) = known.iter().find(|(of, ready)| *of == choice && trusted(ready)) {
            return Ok(Rc::clone(ready));
        }
        let ready = Rc::new(
            provision(request, suspect.map_or(Check::Usual, |(_, since)| Check::Suspect(since))).await?,
        );
        known.retain(|(of, _)| *of != choice);
        known.push((choice, Rc::clone(&ready)));
        Ok(ready)
    }
}
