//! What the analyses of one step share.

use super::{Jar, Setting, provision_engine_and_java};
use crate::error::Result;
use crate::scanner::{Java, Provisioned};
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

type Provision = (Jar, Java, Option<Provisioned>);

/// The engine and the Java, fetched and verified once for all analyses that choose alike.
#[derive(Default)]
pub(super) struct Shared(Mutex<Vec<([Option<String>; CHOOSING.len()], Provision)>>);

impl Shared {
    /// Those of this analysis. While one fetches them, the others wait.
    pub(super) async fn engine_and_java(&self, setting: &Setting<'_>) -> Result<Provision> {
        let choice = CHOOSING.map(|key| setting.properties.value(key).map(str::to_owned));
        let mut known = self.0.lock().await;
        if let Some((_, provision)) = known.iter().find(|(of, _)| *of == choice) {
            return Ok(provision.clone());
        }
        let provision = provision_engine_and_java(setting).await?;
        known.push((choice, provision.clone()));
        Ok(provision)
    }
}
