//! The file `report-task.txt` that every scanner leaves behind.

use super::java_properties;

/// What a scanner's report says. Keys as in SonarSource's scanner engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisReport {
    /// `ceTaskId`: the compute engine task that processes the report.
    pub ce_task_id: String,
    /// `projectKey`.
    pub project_key: String,
    /// `serverUrl`.
    pub server_url: String,
    /// `dashboardUrl`: the project's page.
    pub dashboard_url: Option<String>,
}

impl AnalysisReport {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The name of the key that is missing.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let properties = java_properties::parse(text);
        let required = |key: &'static str| properties.get(key).filter(|v| !v.is_empty()).cloned().ok_or(key);
        Ok(Self {
            ce_task_id: required("ceTaskId")?,
            project_key: required("projectKey")?,
            server_url: required("serverUrl")?,
            dashboard_url: properties.get("dashboardUrl").filter(|url| !url.is_empty()).cloned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_engine() {
        let text = "projectKey=demo\nserverUrl=http://127.0.0.1:9000\nserverVersion=26.9.0.129388\n\
                    dashboardUrl=http://127.0.0.1:9000/dashboard?id=demo\nceTaskId=AZ-1\n\
                    ceTaskUrl=http://127.0.0.1:9000/api/ce/task?id=AZ-1\n";
        let report = AnalysisReport::parse(text).unwrap();
        assert_eq!(report.ce_task_id, "AZ-1");
        assert_eq!(report.dashboard_url.as_deref(), Some("http://127.0.0.1:9000/dashboard?id=demo"));
        assert_eq!(AnalysisReport::parse("projectKey=demo\nserverUrl=x\n"), Err("ceTaskId"));
    }
}
