//! Measures of a project, its branch or pull request.

use super::client::{Answer, SonarQube, if_allowed, of_target};
use super::error::Error;
use crate::analysis::Target;
use crate::quality_gate::{Measure, MeasureSet, SourceFile};
use serde::Deserialize;

#[derive(Deserialize)]
struct MeasuresJson {
    component: Option<ComponentJson>,
}

#[derive(Deserialize)]
struct ComponentJson {
    measures: Option<Vec<MeasureJson>>,
}

#[derive(Deserialize)]
struct MeasureJson {
    metric: Option<String>,
    value: Option<String>,
    /// Of new code, on newer servers.
    period: Option<PeriodJson>,
    /// Of new code, on older servers.
    periods: Option<Vec<PeriodJson>>,
}

#[derive(Deserialize)]
struct PeriodJson {
    value: Option<String>,
}

#[derive(Deserialize)]
struct TreeJson {
    components: Vec<FileJson>,
    paging: Option<PagingJson>,
}

#[derive(Deserialize)]
struct FileJson {
    path: Option<String>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct PagingJson {
    total: Option<u64>,
}

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
        let answer = self.json::<MeasuresJson>(self.url("api/measures/component", &query)).await;
        let component = if_allowed(answer)?.and_then(|answer| answer.value.component);
        // An answer without the list does not mean that there are no measures.
        let Some(measures) = component.and_then(|component| component.measures) else { return Ok(None) };
        let measures = measures.into_iter().filter_map(|measure| {
            let period = measure.period.or_else(|| measure.periods.into_iter().flatten().next());
            let of_new_code = period.and_then(|period| period.value);
            Some(Measure { metric: measure.metric?, value: measure.value.or(of_new_code)? })
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
            let answer = self.json::<TreeJson>(self.url("api/measures/component_tree", &query)).await;
            let Some(Answer { value: TreeJson { components, paging }, .. }) = if_allowed(answer)? else {
                return Ok(None);
            };
            let is_empty = components.is_empty();
            files.extend(components.into_iter().filter_map(|component| {
                Some(SourceFile { path: component.path?, language: component.language })
            }));
            let total = paging.and_then(|paging| paging.total).unwrap_or_default();
            if is_empty || u64::try_from(files.len()).is_ok_and(|count| count >= total) {
                break;
            }
        }
        Ok(Some(files))
    }
}
