//! What the engine needs to run: its jar, and a Java.

use super::RuntimeRequest;
use super::plugin_prefetch::Prefetch;
use crate::analysis::{Artifact, Begun, Jre};
use crate::error::{Error, Result};
use crate::http::Retry;
use crate::process::is_executable;
use crate::scanner::{
    Cache, Check, ChosenJava, Java, Provisioned, Provisioning, again_if_replaced, java_needed,
};
use crate::sonarqube::SonarQube;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// All that is needed to start.
pub(crate) struct Ready {
    pub(crate) jar: Jar,
    pub(crate) java: Java,
    /// The server's JRE, if it came to that.
    pub(crate) jre: Option<Offered<Jre>>,
    /// When its provisioning began.
    pub(crate) started: SystemTime,
    /// Plugins that are still being fetched.
    _plugins: Option<Prefetch>,
}

pub(crate) struct Jar {
    pub(crate) path: PathBuf,
    /// None for a jar the user brought.
    pub(crate) offered: Option<Offered<Artifact>>,
}

/// What the server offers, in the cache.
pub(crate) struct Offered<T> {
    pub(crate) offer: T,
    pub(crate) provisioned: Provisioned,
}

/// The java executable.
impl AsRef<Path> for Offered<Jre> {
    fn as_ref(&self) -> &Path {
        &self.provisioned.path
    }
}

impl Ready {
    /// Whether both were in the cache already: then more runs may follow on this machine. A Java or a jar of somebody else's
    /// is in no cache.
    pub(crate) fn was_cached(&self) -> bool {
        let jar = self.jar.offered.as_ref().map(|engine| &engine.provisioned);
        let jre = self.jre.as_ref().map(|jre| &jre.provisioned);
        [jar, jre]
            .into_iter()
            .all(|provisioned| provisioned.is_some_and(|provisioned| provisioned.was_cached))
    }

    /// Whether something of it is in our cache, and can be provisioned afresh.
    pub(crate) fn is_ours(&self) -> bool {
        self.jar.offered.is_some() || self.jre.is_some()
    }
}

/// Provisions both at the same time.
pub(crate) async fn provision(request: &RuntimeRequest<'_>, check: Check) -> Result<Ready> {
    request.job.cancellation.unless_requested(engine_and_java(request, check)).await?
}

async fn engine_and_java(request: &RuntimeRequest<'_>, check: Check) -> Result<Ready> {
    let started = SystemTime::now();
    let plugins = OnceCell::new();
    // A machine that lacks the engine also lacks the plugins that it will ask for.
    let on_miss = || {
        plugins.get_or_init(|| Prefetch::begin(request));
    };
    let choices = request.java_choices();
    let chosen = choices.choose(
        engine_jar(request, check, &on_miss),
        |jar: &Jar| java_needed(&jar.path).unwrap_or_else(|| request.facts.oldest_java()),
        async || server_jre(request, check).await,
    );
    let ChosenJava { program: jar, java, server_jre: jre } = chosen.await?;
    Ok(Ready { jar, java, jre, started, _plugins: plugins.into_inner() })
}

async fn engine_jar(request: &RuntimeRequest<'_>, check: Check, on_miss: &dyn Fn()) -> Result<Jar> {
    if let Some(own) = request.properties.value("sonar.scanner.engineJarPath") {
        let path = PathBuf::from(own);
        tracing::info!("Scanner engine: {own} (sonar.scanner.engineJarPath)");
        return match path.is_file() {
            true => Ok(Jar { path, offered: None }),
            false => Err(Error::new(format!("sonar.scanner.engineJarPath names {own}, which is not a file"))),
        };
    }
    let provisioning = provisioning(request, check);
    let ask_and_provision = async || {
        let offer = request.sonarqube.engine().await;
        let offer = offer.map_err(|error| error.explain("ask for the scanner engine"))?;
        let provisioned = provisioning.file(&offer, on_miss).await?;
        Ok(Offered { offer, provisioned })
    };
    let offered = again_if_replaced(Retry::replaced_download(), ask_and_provision).await?;
    let source = if offered.provisioned.was_cached { "from the cache" } else { "downloaded" };
    tracing::info!("Scanner engine: {} ({source})", offered.offer.file_name);
    Ok(Jar { path: offered.provisioned.path.clone(), offered: Some(offered) })
}

/// The server's Java runtime for this platform, if it offers one.
pub(crate) async fn server_jre(request: &RuntimeRequest<'_>, check: Check) -> Result<Option<Offered<Jre>>> {
    let (os, arch) = (&request.platform.os, &request.platform.arch);
    let provisioning = provisioning(request, check);
    let ask_and_provision = async || {
        let offer = request.sonarqube.jre(os, arch).await;
        let Some(offer) = offer.map_err(|error| error.explain("ask for a Java runtime"))? else {
            tracing::info!("The server offers no Java runtime for {os} {arch}");
            return Ok(None);
        };
        let provisioned = provisioning.jre(&offer).await?;
        Ok(Some(Offered { offer, provisioned }))
    };
    Ok(again_if_replaced(Retry::replaced_download(), ask_and_provision).await?)
}

/// Makes sure that the engine and the Java that were handed to a scanner are still what was verified then. What was changed is
/// provisioned anew, both at the same time.
///
/// # Errors
/// One of them does not exist any more, and cannot be provisioned.
pub(crate) async fn verify(begun: &Begun, sonarqube: &SonarQube, cache: &Cache) -> Result<()> {
    let provisioning = Provisioning {
        client: sonarqube.http(),
        credentials: Some(sonarqube.download_credentials()),
        cache,
        check: Check::Usual,
    };
    let engine = async {
        let Some(offer) = &begun.engine_offer else { return Ok(()) };
        is_still(&provisioning.file(offer, &|| {}).await?, begun.engine.as_deref())
    };
    let java = async {
        let Some(offer) = &begun.jre else { return Ok(()) };
        is_still(&provisioning.jre(offer).await?, Some(&begun.java))
    };
    tokio::try_join!(engine, java)?;
    if begun.engine.as_ref().is_some_and(|engine| !Path::new(engine).is_file()) {
        let engine = begun.engine.as_deref().unwrap_or_default();
        return Err(Error::new(format!(
            "the scanner engine that SonarPrepare chose does not exist any more: {engine}"
        ))
        .hint("Make sure that no step between SonarPrepare and SonarAnalyze removes it."));
    }
    if !is_executable(Path::new(&begun.java)) {
        return Err(Error::new(format!(
            "the Java that SonarPrepare chose does not exist any more: {}",
            begun.java
        ))
        .hint("Make sure that no step between SonarPrepare and SonarAnalyze removes it."));
    }
    Ok(())
}

/// The scanner's configuration has the path that was chosen, so that one has to be what it should be.
fn is_still(provisioned: &Provisioned, chosen: Option<&str>) -> Result<()> {
    match chosen {
        Some(chosen) if provisioned.path != Path::new(chosen) => Err(Error::new(format!(
            "{chosen}, which SonarPrepare chose, was damaged or altered since then, and cannot be replaced"
        ))
        .hint(
            "The line above says why. Set `cache: private` on SonarPrepare, or change who can write to that folder.",
        )),
        _ => Ok(()),
    }
}

fn provisioning<'a>(request: &'a RuntimeRequest<'_>, check: Check) -> Provisioning<'a> {
    Provisioning {
        client: request.sonarqube.http(),
        credentials: Some(request.sonarqube.download_credentials()),
        cache: &request.cache,
        check,
    }
}
