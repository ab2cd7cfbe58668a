//! The Build Summary: one page for all analyses of a step.

use super::headline::{NO_RESULT, word};
use super::page::Page;
use super::result::AnalysisResult;
use super::text::one_line;
use super::{analysis_section, overview_page};
use crate::quality_gate::Verdict;
use std::cmp::Reverse;

/// The page shown on the build's Extensions tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSummary {
    /// Title of the page and name of its attachment: `SonarQube – <project> – passed`. Holds no character that
    /// a file name may not have on Windows and none that ends a property of a logging command.
    pub title: String,
    /// The page: Markdown of at most 64 kB, without HTML.
    pub markdown: String,
}

/// Writes the page about these analyses: the worst first, those as bad as each other by name.
pub fn build_summary(results: &[AnalysisResult]) -> BuildSummary {
    let mut results: Vec<&AnalysisResult> = results.iter().collect();
    let order = |result: &AnalysisResult| {
        let name = result.name().to_lowercase();
        (Reverse(result.verdict), name, result.project_key.clone(), result.target.full_name())
    };
    results.sort_by_cached_key(|result| order(result));
    let mut page = Page::default();
    match results.as_slice() {
        [] => {
            page.heading(
                "###",
                &format!("{NO_RESULT} No quality gate result – no analysis report was found"),
            );
        }
        [result] => analysis_section::one(&mut page, result),
        results => overview_page::several(&mut page, results),
    }
    BuildSummary { title: title(&results), markdown: page.text }
}

fn title(results: &[&AnalysisResult]) -> String {
    let subject = match results {
        [] => String::new(),
        [result] => file_name(result.name(), 80),
        results => format!("{} projects", results.len()),
    };
    let verdict = word(Verdict::worst(results.iter().map(|result| result.verdict)));
    if subject.is_empty() {
        format!("SonarQube – {verdict}")
    } else {
        format!("SonarQube – {subject} – {verdict}")
    }
}

/// `text` without the characters that .NET's `Path.GetInvalidFileNameChars` lists on Windows, those that end
/// a property of a logging command, and those a web server refuses in a path.
fn file_name(text: &str, max_chars: usize) -> String {
    let safe: String = one_line(text, max_chars)
        .chars()
        .map(|character| match character {
            '"' | '<' | '>' | '|' | ':' | '*' | '?' | '\\' | '/' | ';' | '[' | ']' | '%' | '&' | '#' => '-',
            _ => character,
        })
        .collect();
    safe.trim_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests;
