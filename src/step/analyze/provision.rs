//! What the engine needs to run: its jar, and a Java.

use super::plugins::Prefetch;
use super::{Setting, java_choices};
use crate::error::{Error, Result};
use crate::scanner::{Java, JavaHome, ProvisionError, Provisioned, Provisioning, java_needed};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::SystemTime;

/// All that is needed to start.
pub(super) struct Ready {
    pub(super) jar: Jar,
    pub(super) java: Java,
    /// The server's JRE, if it came to that.
    pub(super) jre: Option<Provisioned>,
    /// When its provisioning began.
    pub(super) started: SystemTime,
    /// Plugins that are still being fetched.
    _plugins: Option<Prefetch>,
}

pub(super) struct Jar {
    pub(super) path: PathBuf,
    /// None for a jar the user brought.
    pub(super) provisioned: Option<Provisioned>,
}

impl Ready {
    /// Whether something of it is in our cache, and can be provisioned afresh.
    pub(super) fn is_ours(&self) -> bool {
        self.jar.provisioned.is_some() || self.jre.is_some()
    }
}

/// Provisions both at the same time. `suspect_since`: see [`Provisioning`].
pub(super) async fn provision(setting: &Setting<'_>, suspect_since: Option<SystemTime>) -> Result<Ready> {
    tokio::select! {
        ready = engine_and_java(setting, suspect_since) => ready,
        () = setting.job.cancellation.requested() => Err(Error::cancelled()),
    }
}

async fn engine_and_java(setting: &Setting<'_>, suspect_since: Option<SystemTime>) -> Result<Ready> {
    let started = SystemTime::now();
    let homes = JavaHome::among(setting.job.environment.iter());
    let choices = java_choices(setting, &homes);
    let jre = async |wanted| server_jre(setting, suspect_since, wanted && !choices.skip_provisioning).await;
    let plugins = OnceCell::new();
    // Who lacks the engine lacks the plugins that it will ask for, too.
    let on_miss = || {
        plugins.get_or_init(|| Prefetch::begin(setting));
    };
    let engine = engine_jar(setting, suspect_since, &on_miss);
    let (jar, mut provisioned) = tokio::try_join!(engine, jre(!choices.is_made()))?;
    // Only a Java that the server does not vouch for need be held against the engine.
    let needed = match &provisioned {
        Some(_) => 0,
        None => java_needed(&jar.path).unwrap_or_else(|| setting.prepared.server.oldest_java()),
    };
    if let Some(java) = choices.made(needed)? {
        return Ok(Ready { jar, java, jre: None, started, _plugins: plugins.into_inner() });
    }
    if choices.is_made() {
        provisioned = jre(true).await?;
    }
    let java = choices.best(provisioned.as_ref().map(|jre| jre.path.clone()), needed)?;
    Ok(Ready { jar, java, jre: provisioned, started, _plugins: plugins.into_inner() })
}

async fn engine_jar(
    setting: &Setting<'_>,
    suspect_since: Option<SystemTime>,
    on_miss: &dyn Fn(),
) -> Result<Jar> {
    if let Some(own) = setting.properties.value("sonar.scanner.engineJarPath") {
        let path = PathBuf::from(own);
        tracing::info!("Scanner engine: {own} (sonar.scanner.engineJarPath)");
        return match path.is_file() {
            true => Ok(Jar { path, provisioned: None }),
            false => Err(Error::new(format!("sonar.scanner.engineJarPath names {own}, which is no file"))),
        };
    }
    let provisioning = provisioning(setting, suspect_since);
    let mut tries = 0;
    loop {
        tries += 1;
        let engine =
            setting.sonarqube.engine().await.map_err(|error| error.explain("ask for the scanner engine"))?;
        match provisioning.file(&engine, on_miss).await {
            Ok(provisioned) => {
                let source = if provisioned.was_cached { "from the cache" } else { "downloaded" };
                tracing::info!("Scanner engine: {} ({source})", engine.file_name);
                return Ok(Jar { path: provisioned.path.clone(), provisioned: Some(provisioned) });
            }
            Err(error) => once_more(error, tries)?,
        }
    }
}

/// The server's JRE for this platform, if it is `wanted` and there is one.
pub(super) async fn server_jre(
    setting: &Setting<'_>,
    suspect_since: Option<SystemTime>,
    wanted: bool,
) -> Result<Option<Provisioned>> {
    if !wanted {
        return Ok(None);
    }
    let (os, arch) = (&setting.platform.os, &setting.platform.arch);
    let provisioning = provisioning(setting, suspect_since);
    let mut tries = 0;
    loop {
        tries += 1;
        let jre = setting.sonarqube.jre(os, arch).await;
        let Some(jre) = jre.map_err(|error| error.explain("ask for a Java runtime"))? else {
            tracing::info!("The server offers no Java runtime for {os} {arch}");
            return Ok(None);
        };
        match provisioning.jre(&jre).await {
            Ok(provisioned) => return Ok(Some(provisioned)),
            Err(error) => once_more(error, tries)?,
        }
    }
}

fn provisioning<'a>(setting: &'a Setting<'_>, suspect_since: Option<SystemTime>) -> Provisioning<'a> {
    Provisioning {
        client: setting.sonarqube.http(),
        credentials: Some(setting.sonarqube.download_credentials()),
        cache: &setting.cache,
        suspect_since,
    }
}

/// Something new may have been put on the server between the two questions: then both are asked once more.
fn once_more(error: ProvisionError, tries: u32) -> Result<()> {
    if !error.is_checksum() || tries > 1 {
        return Err(error.into());
    }
    tracing::info!("{error}; asking once more");
    Ok(())
}
