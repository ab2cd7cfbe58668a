//! A pull request of Azure Repos: what it changes.

use super::client::AzureDevOps;
use super::error::Error;
use serde_json::Value;

/// What a page holds at most.
const PAGE: &str = "2000";
/// So many pages are read at most, a million changes: pages that go on for ever must not take the time and memory of a
/// step.
const PAGES: usize = 500;

impl AzureDevOps {
    /// Paths of all files that a pull request changes, by its last iteration against where its source left its
    /// target: what was added, edited or deleted, both names of what was renamed. They start at the repository's root.
    ///
    /// # Errors
    /// As [`Error`]; and a change whose file is not told, because something would be missing then.
    pub async fn changed_paths(
        &self,
        project: &str,
        repository: &str,
        number: &str,
    ) -> Result<Vec<String>, Error> {
        let iterations =
            [project, "_apis", "git", "repositories", repository, "pullRequests", number, "iterations"];
        let url = self.url(&iterations, "5.0");
        let unreadable = |what: &str| {
            let mut shown = url.clone();
            shown.set_query(None);
            Error::Unreadable(shown.to_string(), what.to_owned())
        };
        let answer = self.json(url.clone()).await?;
        let ids = answer["value"].as_array().into_iter().flatten().filter_map(|each| each["id"].as_u64());
        let last = ids.max().ok_or_else(|| unreadable("no iteration"))?.to_string();
        let mut path = iterations.to_vec();
        path.extend([last.as_str(), "changes"]);
        let mut paths = Vec::new();
        let mut skip = 0;
        for _ in 0..PAGES {
            let mut url = self.url(&path, "5.0");
            url.query_pairs_mut()
                .append_pair("$top", PAGE)
                .append_pair("$skip", &skip.to_string())
                .append_pair("$compareTo", "0");
            let page = self.json(url).await?;
            let changes = page["changeEntries"].as_array().ok_or_else(|| unreadable("no changeEntries"))?;
            for change in changes {
                let names = [&change["item"]["path"], &change["originalPath"], &change["sourceServerItem"]];
                let names: Vec<_> = names.into_iter().filter_map(Value::as_str).collect();
                if names.is_empty() {
                    return Err(unreadable("a change without a path"));
                }
                paths.extend(names.into_iter().map(str::to_owned));
            }
            // Zero, or not there, on the last page.
            match page["nextSkip"].as_u64().unwrap_or(0) {
                0 => return Ok(paths),
                next if next > skip => skip = next,
                _ => break,
            }
        }
        Err(unreadable("pages that do not end"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Client, NetworkSettings};
    use crate::secret::Secret;
    use serde_json::json;
    use url::Url;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, Request, ResponseTemplate};

    /// The page that follows a page is said to begin so many changes later.
    async fn ask(step: u64) -> Result<Vec<String>, Error> {
        let server = MockServer::start().await;
        let answer = move |request: &Request| {
            let skip = request.url.query_pairs().find(|(name, _)| name == "$skip");
            let skip: u64 = skip.map_or(0, |(_, value)| value.parse().unwrap());
            let page = json!({ "value": [{ "id": 1 }], "changeEntries": [], "nextSkip": skip + step });
            ResponseTemplate::new(200).set_body_json(page)
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let url = Url::parse(&server.uri()).unwrap();
        let azure = AzureDevOps::new(Client::new(NetworkSettings::default()), url, Secret::new("t"));
        azure.changed_paths("p", "r", "7").await
    }

    #[tokio::test]
    async fn pages_for_ever_come_to_an_end() {
        assert_eq!(ask(0).await.ok(), Some(Vec::new()));
        let error = ask(1).await.unwrap_err().to_string();
        assert!(error.ends_with("pages that do not end"), "{error}");
    }
}
