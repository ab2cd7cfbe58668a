//! `api/measures/component_tree`: files and their measures.

use super::client::{SonarQube, of_target};
use super::error::{Error, Fault};
use crate::analysis::Target;
use crate::quality_gate::{FileQuery, Worst, WorstFile};
use serde::Deserialize;

#[derive(Deserialize)]
struct ComponentTree {
    #[serde(default)]
    components: Vec<FileComponent>,
}

#[derive(Deserialize)]
struct FileComponent {
    path: Option<String>,
    #[serde(default)]
    measures: Vec<FileMeasure>,
}

/// A measure of new code is in `period`.
#[derive(Deserialize)]
struct FileMeasure {
    value: Option<String>,
    period: Option<Period>,
}

#[derive(Deserialize)]
struct Period {
    value: Option<String>,
}

impl SonarQube {
    /// The worst files by a measure, at most `count` of them. Those whose value is 0 are left out where a larger value is
    /// worse.
    ///
    /// # Errors
    /// As [`Error`]; a token that may not read measures is [`Worst::Hidden`].
    pub async fn worst_files(
        &self,
        project: &str,
        target: &Target,
        query: &FileQuery,
        count: usize,
    ) -> Result<Worst, Error> {
        let count = count.to_string();
        let metric = query.metric.as_str();
        let mut parameters = vec![("component", project), ("strategy", "leaves")];
        parameters.extend([("metricKeys", metric), ("metricSort", metric), ("ps", count.as_str())]);
        parameters.push(("metricSortFilter", "withMeasuresOnly"));
        parameters.push(("qualifiers", if query.of_tests { "UTS" } else { "FIL" }));
        parameters.push(("asc", if query.descending { "false" } else { "true" }));
        match metric.starts_with("new_") {
            true => parameters.extend([("s", "metricPeriod"), ("metricPeriodSort", "1")]),
            false => parameters.push(("s", "metric")),
        }
        parameters.extend(of_target(target));
        let found: ComponentTree = match self
            .json::<ComponentTree>(self.url("api/measures/component_tree", &parameters))
            .await
        {
            Ok(found) => found.value,
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_), .. }) => return Ok(Worst::Hidden),
            Err(error) => return Err(error),
        };
        let file = |component: FileComponent| {
            let measure = component.measures.into_iter().next()?;
            let value = measure.value.or_else(|| measure.period?.value)?;
            let is_worst = !query.descending || value.parse() != Ok(0.0);
            is_worst.then_some(WorstFile { path: component.path?, value })
        };
        let files = found.components.into_iter().filter_map(file).collect();
        Ok(Worst::Files { metric: query.metric.clone(), files })
    }
}
