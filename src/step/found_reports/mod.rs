//! Finds the coverage and test reports that the build left behind, and has them imported.

mod binary_coverage;
mod dotnet_reports;
mod import_reports;
mod regular_file;
mod report_age;
mod report_places;
mod report_search;
mod shown_paths;
mod source_files;

pub(super) use dotnet_reports::{DotnetProjects, for_dotnet};
pub(super) use import_reports::import;
pub(super) use report_places::ReportPlaces;
