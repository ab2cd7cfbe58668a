//! What the Build Summary says of one analysis: the page of a single one, and the parts of it that the page of several shows.

use super::failed_condition::FailedCondition;
use super::headline::{headline, last_known};
use super::html;
use super::markdown::{Align, escape, link};
use super::page::{BYTES, Page};
use super::result::AnalysisResult;
use super::shown_measure::{FIXED_ISSUES, NEW_CODE, OVERALL_CODE, ShownMeasure};
use super::text::{MESSAGE_CHARS, NAME_CHARS};
use super::worst_items::worst_section;
use crate::analysis::Narrowing;
use crate::quality_gate::{QualityGate, Verdict};

pub(super) fn one(page: &mut Page, result: &AnalysisResult) {
    let (sign, headline) = headline(result);
    page.heading("###", &format!("{sign} {headline}"));
    let project = escape(result.name(), NAME_CHARS);
    page.paragraph(&format!("**{project}** · {}", escape(&result.target.full_name(), NAME_CHARS)));
    details(page, result);
    worst(page, result);
    measures(page, result);
    warnings(page, result);
    narrowed(page, result);
    let version = result.server_version.as_ref().map(|version| format!(" · version {}", escape(version, 64)));
    server_link(page, result, version.as_deref().unwrap_or_default());
}

/// Why it is no pass, or what a pass does not cover.
pub(super) fn details(page: &mut Page, result: &AnalysisResult) {
    if let Some(reason) = &result.reason {
        page.paragraph(&escape(reason, MESSAGE_CHARS));
    }
    if let Some(known) = last_known(result, NAME_CHARS) {
        page.paragraph(&format!("Last known quality gate: {known}. It does not count for this run."));
    }
    // A gate that does not count is not shown.
    let Some(gate) = result.gate.as_ref().filter(|_| result.verdict != Verdict::NoReport) else { return };
    if result.verdict == Verdict::Failed {
        failed_conditions(page, result, gate);
    }
    if gate.ignored_conditions {
        page.paragraph(
            "SonarQube skipped the conditions on coverage and duplications because little code is new.",
        );
    } else if result.verdict == Verdict::Passed && gate.conditions.is_empty() {
        page.paragraph(
            "No condition was checked. That is usual for a first analysis: no code counts as new yet.",
        );
    }
}

fn failed_conditions(page: &mut Page, result: &AnalysisResult, gate: &QualityGate) {
    let rows: Vec<_> = gate
        .failed_conditions()
        .take(page.condition_rows)
        .map(|condition| {
            let FailedCondition { metric, actual, required } = FailedCondition::of(result, condition);
            [metric, actual, required].map(|text| escape(&text, NAME_CHARS)).to_vec()
        })
        .collect();
    let columns = [("Failed condition", Align::Left), ("Actual", Align::Right), ("Required", Align::Left)];
    let shown = page.table(&columns, &rows);
    let left_out = gate.failed_conditions().count() - shown;
    page.more(left_out, "more failed condition", "more failed conditions");
}

pub(super) fn worst(page: &mut Page, result: &AnalysisResult) {
    let section = worst_section(&result.worst, &result.metrics, page.worst_lines_left);
    if page.text.len() + section.len() <= BYTES {
        page.worst_lines_left -= section.lines().filter(|line| line.starts_with("- ")).count();
        page.text.push_str(&section);
    }
}

fn measures(page: &mut Page, result: &AnalysisResult) {
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
        page.table(&[(heading, Align::Left), ("Value", Align::Right)], &rows);
    }
}

pub(super) fn warnings(page: &mut Page, result: &AnalysisResult) {
    let notes = result.notes.iter().map(|note| escape(note, MESSAGE_CHARS));
    page.list("About what was analysed", notes, ["more", "more"]);
    let base = result.dashboard_url.as_deref();
    let warnings = result.warnings.iter().map(|warning| html::to_markdown(warning, base));
    page.list("Warnings from SonarQube", warnings, ["more warning", "more warnings"]);
}

/// What the author of the change chose to leave out.
pub(super) fn narrowed(page: &mut Page, result: &AnalysisResult) {
    if result.narrowed.is_empty() || result.verdict == Verdict::Skipped {
        return;
    }
    let item = |Narrowing { key, value, at, files }: &Narrowing| {
        let count = match files {
            None => String::new(),
            Some(1) => " · leaves out 1 file".to_owned(),
            Some(count) => format!(" · leaves out {count} files"),
        };
        let setting = escape(&format!("{key}={value}"), NAME_CHARS);
        format!("{setting} · {}, line {}{count}", escape(&at.file, NAME_CHARS), at.line)
    };
    let heading = "Repository settings that change what is judged";
    page.list(heading, result.narrowed.iter().map(item), ["more setting", "more settings"]);
}

pub(super) fn server_link(page: &mut Page, result: &AnalysisResult, version: &str) {
    let name = escape(&result.server_name, NAME_CHARS);
    let text = format!("Open in {name}");
    let link = link(&text, result.dashboard_url.as_deref());
    if link != text {
        page.paragraph(&format!("{link}{version}"));
    }
}
