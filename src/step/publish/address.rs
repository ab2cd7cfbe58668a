//! Links to the pages of what was analysed.

use super::evidence::Description;
use crate::sonarqube::SonarQube;
use url::Url;

/// The page of what was analysed on the server at `base`.
pub(super) fn dashboard(base: &Url, description: &Description) -> String {
    SonarQube::dashboard_at(base, &description.project_key, &description.target)
}

/// The address that people know the server by: the service connection may hold another one, which people do not reach.
pub(super) async fn public_address(sonarqube: SonarQube) -> Url {
    let told = sonarqube.public_url().await.ok().flatten();
    told.and_then(|url| Url::parse(&url).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .unwrap_or_else(|| sonarqube.base_url().clone())
}
