//! A pull request of Azure Repos: what it changes.

use super::client::AzureDevOps;
use super::error::Error;
use serde_json::Value;

/// What a page holds at most.
const PAGE: &str = "2000";

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
        loop {
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
                _ => return Err(unreadable("pages that do not end")),
            }
        }
    }
}
