//! A pull request of Azure Repos: its branches, and what it changes.

use super::client::AzureDevOps;
use super::error::Error;
use crate::context::PullRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a page holds at most.
const PAGE: &str = "2000";
/// So many pages are read at most, a million changes: pages without end must not take the time and memory of a step.
const PAGES: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestJson {
    source_ref_name: Option<String>,
    target_ref_name: Option<String>,
    fork_source: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct IterationsJson {
    value: Vec<IterationJson>,
}

#[derive(Deserialize)]
struct IterationJson {
    id: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangesJson {
    change_entries: Vec<ChangeJson>,
    /// Zero, or not there, on the last page.
    next_skip: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeJson {
    item: Option<ItemJson>,
    original_path: Option<String>,
    source_server_item: Option<String>,
}

#[derive(Deserialize)]
struct ItemJson {
    path: Option<String>,
}

impl AzureDevOps {
    /// A pull request of the repository; `None` when the answer names no branches.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn pull_request(
        &self,
        project: &str,
        repository: &str,
        number: &str,
    ) -> Result<Option<PullRequest>, Error> {
        let path = [project, "_apis", "git", "repositories", repository, "pullRequests", number];
        let answer: PullRequestJson = self.json(self.url(&path, "5.0")).await?;
        let is_fork = answer.fork_source.is_some();
        let branches = answer.source_ref_name.zip(answer.target_ref_name);
        Ok(branches.map(|(source_branch, target_branch)| PullRequest {
            id: number.to_owned(),
            number: None,
            source_branch,
            target_branch,
            is_fork,
        }))
    }

    /// Paths of all files that a pull request changes, by its last iteration against where its source left its
    /// target: what was added, edited or deleted, both names of what was renamed. They start at the repository's root.
    ///
    /// # Errors
    /// As [`Error`]; and a change without a path, because the list would miss a file.
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
        let answer: IterationsJson = self.json(url.clone()).await?;
        let last = answer
            .value
            .iter()
            .map(|iteration| iteration.id)
            .max()
            .ok_or_else(|| unreadable("no iteration"))?
            .to_string();
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
            let page: ChangesJson = self.json(url).await?;
            for change in page.change_entries {
                let path = change.item.and_then(|item| item.path);
                let before = paths.len();
                paths.extend([path, change.original_path, change.source_server_item].into_iter().flatten());
                if paths.len() == before {
                    return Err(unreadable("a change without a path"));
                }
            }
            match page.next_skip.unwrap_or(0) {
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
    async fn pages_without_end_are_an_error() {
        assert_eq!(ask(0).await.ok(), Some(Vec::new()));
        let error = ask(1).await.unwrap_err().to_string();
        assert!(error.ends_with("pages that do not end"), "{error}");
    }
}
