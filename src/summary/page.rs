//! The Build Summary: one page for all analyses of a step.

use super::html;
use super::markdown::{Align, escape, link, table_header, table_row};
use super::result::AnalysisResult;
use super::shown_measure::{FIXED_ISSUES, NEW_CODE, OVERALL_CODE, ShownMeasure};
use super::text::{MESSAGE_CHARS, NAME_CHARS, one_line};
use crate::analysis::Narrowing;
use crate::quality_gate::{QualityGate, Verdict};
use std::cmp::Reverse;

mod several;

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
        [result] => page.one(result),
        results => page.several(results),
    }
    BuildSummary { title: title(&results), markdown: page.text }
}

/// The sign of a verdict that is neither a pass nor a failed gate.
const NO_RESULT: &str = "⚠️";

/// Sign and text that say what came of an analysis.
pub(super) fn headline(result: &AnalysisResult) -> (&'static str, String) {
    let no_result = |why: &str| (NO_RESULT, format!("No quality gate result – {why}"));
    match result.verdict {
        Verdict::Passed => ("✅", "Quality gate passed".into()),
        Verdict::Failed => ("❌", format!("Quality gate failed{}", failed_of(result))),
        Verdict::Skipped => ("⏭️", "Not analysed – the analysis was skipped".into()),
        Verdict::None => no_result("SonarQube computed none for this analysis"),
        Verdict::Cancelled => no_result("the run was cancelled"),
        Verdict::Timeout => no_result("SonarQube did not finish in time"),
        Verdict::NoReport if result.nothing_analysed => no_result("nothing was analysed"),
        Verdict::NoReport if result.gate.is_some() => no_result("what SonarQube says proves nothing"),
        Verdict::NoReport => no_result("no analysis report was found"),
        Verdict::Unknown => no_result("the quality gate could not be read"),
        Verdict::AnalysisFailed => no_result("the analysis failed"),
    }
}

/// A verdict in as few words as a title or a table has room for.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
        Verdict::None => "no quality gate",
        Verdict::Cancelled => "cancelled",
        Verdict::Timeout => "timed out",
        Verdict::NoReport => "no report",
        Verdict::Unknown => "unknown result",
        Verdict::AnalysisFailed => "analysis failed",
    }
}

/// `branch main, failed`: the gate of an earlier analysis, for one that was skipped.
fn last_known(result: &AnalysisResult, max_chars: usize) -> Option<String> {
    let known = result.last_known.as_ref().filter(|_| result.verdict == Verdict::Skipped)?;
    let word = word(Verdict::of_gate(&known.status));
    Some(format!("{}, {word}", escape(&known.target.name(), max_chars)))
}

/// ` – 2 of 6 conditions`; nothing when no condition is known to have failed.
fn failed_of(result: &AnalysisResult) -> String {
    let Some(gate) = &result.gate else { return String::new() };
    match (gate.failed_conditions().count(), gate.conditions.len()) {
        (0, _) => String::new(),
        (_, 1) => " – 1 of 1 condition".into(),
        (failed, all) => format!(" – {failed} of {all} conditions"),
    }
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

/// Rows of conditions shown at most.
const ROWS: usize = 50;
/// Server warnings shown at most for each analysis, and notes likewise.
const WARNINGS: usize = 10;
/// Bytes up to which tables, lists and further projects are written. What a project's section holds beside these
/// is at most 10 kB, so the page stays below 64 kB.
const BYTES: usize = 52_000;

struct Page {
    text: String,
    /// Failed conditions shown of an analysis.
    condition_rows: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { text: String::new(), condition_rows: ROWS }
    }
}

impl Page {
    fn one(&mut self, result: &AnalysisResult) {
        let (sign, headline) = headline(result);
        self.heading("###", &format!("{sign} {headline}"));
        let project = escape(result.name(), NAME_CHARS);
        self.paragraph(&format!("**{project}** · {}", escape(&result.target.full_name(), NAME_CHARS)));
        self.details(result);
        self.measures(result);
        self.warnings(result);
        self.narrowed(result);
        let version =
            result.server_version.as_ref().map(|version| format!(" · version {}", escape(version, 64)));
        self.server_link(result, version.as_deref().unwrap_or_default());
    }

    /// Why it is no pass, or what a pass does not cover.
    fn details(&mut self, result: &AnalysisResult) {
        if let Some(reason) = &result.reason {
            self.paragraph(&escape(reason, MESSAGE_CHARS));
        }
        if let Some(known) = last_known(result, NAME_CHARS) {
            self.paragraph(&format!(
                "The last known quality gate, of the {known}. It counts for nothing here."
            ));
        }
        // A gate that does not count is not shown.
        let Some(gate) = result.gate.as_ref().filter(|_| result.verdict != Verdict::NoReport) else { return };
        if result.verdict == Verdict::Failed {
            self.failed_conditions(result, gate);
        }
        if gate.ignored_conditions {
            self.paragraph(
                "SonarQube skipped the conditions on coverage and duplications because little code is new.",
            );
        } else if result.verdict == Verdict::Passed && gate.conditions.is_empty() {
            self.paragraph(
                "No condition was checked. That is usual for a first analysis: no code counts as new yet.",
            );
        }
    }

    fn failed_conditions(&mut self, result: &AnalysisResult, gate: &QualityGate) {
        let rows: Vec<_> = gate
            .failed_conditions()
            .take(self.condition_rows)
            .map(|condition| {
                let metric = result.metrics.by_key(&condition.metric);
                vec![
                    escape(metric.label(), NAME_CHARS),
                    escape(&condition.actual_text(&metric), NAME_CHARS),
                    escape(&condition.required_text(&metric), NAME_CHARS),
                ]
            })
            .collect();
        let columns =
            [("Failed condition", Align::Left), ("Actual", Align::Right), ("Required", Align::Left)];
        let shown = self.table(&columns, &rows);
        let left_out = gate.failed_conditions().count() - shown;
        self.more(left_out, "more failed condition", "more failed conditions");
    }

    fn measures(&mut self, result: &AnalysisResult) {
        // Those of an analysis without a result would be of an earlier one.
        if !matches!(result.verdict, Verdict::Passed | Verdict::Failed | Verdict::None) {
            return;
        }
        let is_pull_request = result.target.is_pull_request();
        let rows = |shown: &[ShownMeasure]| -> Vec<Vec<String>> {
            let shown = shown.iter().filter(|measure| is_pull_request || measure.key != FIXED_ISSUES);
            shown
                .filter_map(|measure| {
                    Some(vec![measure.label.to_owned(), escape(&measure.value(result)?, NAME_CHARS)])
                })
                .collect()
        };
        let (heading, rows) = match rows(&NEW_CODE) {
            new_code if new_code.is_empty() => ("Overall code", rows(&OVERALL_CODE)),
            new_code => ("New code", new_code),
        };
        if !rows.is_empty() {
            self.table(&[(heading, Align::Left), ("Value", Align::Right)], &rows);
        }
    }

    fn warnings(&mut self, result: &AnalysisResult) {
        let notes = result.notes.iter().map(|note| escape(note, MESSAGE_CHARS));
        self.list("About what was analysed", notes, ["more", "more"]);
        let base = result.dashboard_url.as_deref();
        let warnings = result.warnings.iter().map(|warning| html::to_markdown(warning, base));
        self.list("Warnings from SonarQube", warnings, ["more warning", "more warnings"]);
    }

    /// A heading and a line for each item, as many as there is room for.
    fn list(&mut self, heading: &str, items: impl ExactSizeIterator<Item = String>, [one, many]: [&str; 2]) {
        let all = items.len();
        if all == 0 {
            return;
        }
        self.paragraph(&format!("**{heading}**"));
        self.text.push('\n');
        let mut shown = 0;
        for item in items.take(WARNINGS) {
            let item = format!("- {item}\n");
            if self.text.len() + item.len() > BYTES {
                break;
            }
            self.text.push_str(&item);
            shown += 1;
        }
        self.more(all - shown, one, many);
    }

    /// What the author of the change chose to leave out.
    fn narrowed(&mut self, result: &AnalysisResult) {
        if result.narrowed.is_empty() || result.verdict == Verdict::Skipped {
            return;
        }
        self.paragraph("**Settings of the repository that say what is judged**");
        self.text.push('\n');
        let mut shown = 0;
        for Narrowing { key, value, at, files } in result.narrowed.iter().take(WARNINGS) {
            let count = match files {
                None => String::new(),
                Some(1) => " · leaves out 1 file".to_owned(),
                Some(count) => format!(" · leaves out {count} files"),
            };
            let setting = escape(&format!("{key}={value}"), NAME_CHARS);
            let item = format!("- {setting} · {}, line {}{count}\n", escape(&at.file, NAME_CHARS), at.line);
            if self.text.len() + item.len() > BYTES {
                break;
            }
            self.text.push_str(&item);
            shown += 1;
        }
        self.more(result.narrowed.len() - shown, "more setting", "more settings");
    }

    fn server_link(&mut self, result: &AnalysisResult, version: &str) {
        let name = escape(&result.server_name, NAME_CHARS);
        let text = format!("Open in {name}");
        let link = link(&text, result.dashboard_url.as_deref());
        if link != text {
            self.paragraph(&format!("{link}{version}"));
        }
    }

    fn heading(&mut self, level: &str, text: &str) {
        self.paragraph(&format!("{level} {text}"));
    }

    fn paragraph(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes as many rows as there is room for and tells how many.
    fn table(&mut self, columns: &[(&str, Align)], rows: &[Vec<String>]) -> usize {
        let mut table = String::new();
        let mut shown = 0;
        for row in rows {
            let row = table_row(row);
            if self.text.len() + table.len() + row.len() > BYTES {
                break;
            }
            table.push_str(&row);
            shown += 1;
        }
        if shown > 0 {
            self.text.push('\n');
            self.text.push_str(&table_header(columns));
            self.text.push_str(&table);
        }
        shown
    }

    /// Says how many are left out, if any.
    fn more(&mut self, count: usize, one: &str, many: &str) {
        match count {
            0 => {}
            1 => self.paragraph(&format!("… and 1 {one}")),
            count => self.paragraph(&format!("… and {count} {many}")),
        }
    }
}

#[cfg(test)]
mod tests;
