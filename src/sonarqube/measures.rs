//! Measures of a project, its branch or pull request.

use super::client::{SonarQube, list, of_target, text};
use super::error::{Error, Fault};
use crate::analysis::Target;
use crate::quality_gate::{Measure, MeasureSet, SourceFile};

impl SonarQube {
    /// The measures of these metrics; `None` when the token may not read them: analysis tokens may on
    /// 26.9 and may not on 9.9 and 10.7 (observed).
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn measures(
        &self,
        project: &str,
        target: &Target,
        metrics: &[&str],
    ) -> Result<Option<MeasureSet>, Error> {
        let keys = metrics.join(",");
        let mut query = vec![("component", project), ("metricKeys", keys.as_str())];
        query.extend(of_target(target));
        let answer = match self.value(self.url("api/measures/component", &query)).await {
            Ok(answer) => answer,
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        // An answer without the list tells nothing, which is not the same as that there are none.
        let Some(measures) = list(&answer.value["component"], "measures") else { return Ok(None) };
        let measures = measures.iter().filter_map(|measure| {
            // Of new code, in the form of newer or of older servers.
            let of_new_code =
                || text(&measure["period"], "value").or_else(|| text(&measure["periods"][0], "value"));
            let value = text(measure, "value").or_else(of_new_code)?;
            Some(Measure { metric: text(measure, "metric")?.to_owned(), value: value.to_owned() })
        });
        Ok(Some(MeasureSet(measures.collect())))
    }

    /// The source files of a branch or pull request, tests left out; of a pull request those that it changes. At most
    /// 10,000, because the server tells no more. `None` when the token may not read them.
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn source_files(
        &self,
        project: &str,
        target: &Target,
    ) -> Result<Option<Vec<SourceFile>>, Error> {
        const PAGES: usize = 20;
        let mut files = Vec::new();
        for page in 1..=PAGES {
            let page = page.to_string();
            let mut query = vec![("component", project), ("qualifiers", "FIL"), ("metricKeys", "ncloc")];
            query.extend([("ps", "500"), ("p", page.as_str())]);
            query.extend(of_target(target));
            let answer = match self.value(self.url("api/measures/component_tree", &query)).await {
                Ok(answer) => answer,
                Err(Error {
                    fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), ..
                }) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let found = answer.list("components")?;
            files.extend(found.iter().filter_map(|component| {
                let language = text(component, "language").map(str::to_owned);
                Some(SourceFile { path: text(component, "path")?.to_owned(), language })
            }));
            let total = answer.value["paging"]["total"].as_u64().unwrap_or_default();
            if found.is_empty() || u64::try_from(files.len()).is_ok_and(|count| count >= total) {
                break;
            }
        }
        Ok(Some(files))
    }
}
