//! The page of several analyses: a line for each, then what there is to say about those that did not simply pass.

use super::analysis_section::{details, narrowed, server_link, warnings, worst};
use super::headline::{NO_RESULT, failed_of, headline, last_known, word};
use super::markdown::{Align, escape, link, table_header, table_row};
use super::page::{BYTES, Page, ROWS};
use super::result::AnalysisResult;
use super::shown_measure::{NEW_CODE, ShownMeasure};
use super::text::{MESSAGE_CHARS, NAME_CHARS};
use crate::quality_gate::Verdict;

/// Bytes up to which lines of projects are written: enough for 200, and room is left for what failed.
const TABLE_BYTES: usize = 44_000;
/// What a line may take, however many there are.
const ROW_BYTES: usize = 200;
/// Skipped analyses whose reason is told.
const REASONS: usize = 20;
/// Failed conditions of each analysis, however many there are.
const LEAST_CONDITIONS: usize = 5;

/// How much of a project its line shows.
struct RowDetail {
    name: usize,
    target: usize,
    linked: bool,
}

/// From all there is to what always has room.
const ROW_DETAILS: [RowDetail; 4] = [
    RowDetail { name: NAME_CHARS, target: NAME_CHARS, linked: true },
    RowDetail { name: 60, target: 40, linked: true },
    RowDetail { name: 60, target: 40, linked: false },
    RowDetail { name: 24, target: 16, linked: false },
];

pub(super) fn several(page: &mut Page, results: &[&AnalysisResult]) {
    page.heading("###", &headline_of_several(results));
    projects(page, results);
    let (skipped, run): (Vec<&AnalysisResult>, Vec<_>) =
        results.iter().partition(|result| result.verdict == Verdict::Skipped);
    let is_explained = |result: &&AnalysisResult| {
        result.verdict != Verdict::Passed
            || !result.warnings.is_empty()
            || !result.notes.is_empty()
            || !result.narrowed.is_empty()
    };
    let explained: Vec<_> = run.into_iter().filter(is_explained).collect();
    page.condition_rows = (ROWS / explained.len().max(1)).max(LEAST_CONDITIONS);
    for (index, result) in explained.iter().enumerate() {
        if page.text.len() >= BYTES {
            let left_out = explained.len() - index;
            let [one, many] =
                ["more project is not shown in detail", "more projects are not shown in detail"];
            page.more(left_out, one, many);
            break;
        }
        section(page, result);
    }
    reasons(page, &skipped);
}

/// A line for each project, as many as there is room for.
fn projects(page: &mut Page, results: &[&AnalysisResult]) {
    let measured = |measure: &ShownMeasure| results.iter().any(|result| measure.value(result).is_some());
    let measures: Vec<_> =
        NEW_CODE.iter().filter(|measure| measure.in_overview && measured(measure)).collect();
    let mut columns =
        vec![("Project", Align::Left), ("Analysed", Align::Left), ("Quality gate", Align::Left)];
    columns.extend(measures.iter().map(|measure| (measure.label, Align::Right)));
    let mut table = table_header(&columns);
    let mut shown = 0;
    for result in results {
        let room = TABLE_BYTES.saturating_sub(page.text.len() + table.len());
        let share = (room / (results.len() - shown)).max(ROW_BYTES);
        let rows = ROW_DETAILS.iter().map(|detail| row(result, &measures, detail));
        let Some(row) = rows.into_iter().find(|row| row.len() <= share).filter(|row| row.len() <= room)
        else {
            break;
        };
        table.push_str(&row);
        shown += 1;
    }
    if shown > 0 {
        page.text.push('\n');
        page.text.push_str(&table);
    }
    page.more(results.len() - shown, "more project", "more projects");
}

fn section(page: &mut Page, result: &AnalysisResult) {
    let (sign, headline) = headline(result);
    let name = escape(result.name(), NAME_CHARS);
    let target = escape(&result.target.full_name(), NAME_CHARS);
    page.heading("####", &format!("{sign} {name} · {target}"));
    if result.reason.is_none() && !matches!(result.verdict, Verdict::Passed | Verdict::Failed) {
        page.paragraph(&headline);
    }
    details(page, result);
    worst(page, result);
    warnings(page, result);
    narrowed(page, result);
    server_link(page, result, "");
}

/// Why these were skipped, a line each.
fn reasons(page: &mut Page, skipped: &[&AnalysisResult]) {
    let mut list = String::new();
    let mut shown = 0;
    for result in skipped.iter().take(REASONS) {
        let reason = result.reason.as_deref().unwrap_or("no reason is known");
        let name = escape(result.name(), NAME_CHARS);
        let item = format!("- {name}: {}\n", escape(reason, MESSAGE_CHARS));
        if page.text.len() + list.len() + item.len() > BYTES {
            break;
        }
        list.push_str(&item);
        shown += 1;
    }
    if shown > 0 {
        page.heading("####", "⏭️ Not analysed");
        page.text.push('\n');
        page.text.push_str(&list);
        page.more(skipped.len() - shown, "more", "more");
    }
}

fn row(result: &AnalysisResult, measures: &[&ShownMeasure], detail: &RowDetail) -> String {
    let name = escape(result.name(), detail.name);
    let known =
        last_known(result, detail.target).map(|known| format!(" (last known: {known})")).unwrap_or_default();
    let (sign, _) = headline(result);
    let mut row = vec![
        if detail.linked { link(&name, result.dashboard_url.as_deref()) } else { name },
        escape(&result.target.name(), detail.target),
        format!("{sign} {}{}{known}", word(result.verdict), failed_of(result)),
    ];
    row.extend(measures.iter().map(|measure| {
        measure.value(result).map_or_else(|| "–".to_owned(), |value| escape(&value, detail.name))
    }));
    table_row(&row)
}

fn headline_of_several(results: &[&AnalysisResult]) -> String {
    let count =
        |verdict: fn(Verdict) -> bool| results.iter().filter(|result| verdict(result.verdict)).count();
    let all = results.len();
    let failed = count(|verdict| verdict == Verdict::Failed);
    let skipped = count(|verdict| verdict == Verdict::Skipped);
    let without_result = all - failed - skipped - count(|verdict| verdict == Verdict::Passed);
    let worst = Verdict::worst(results.iter().map(|result| result.verdict));
    let mut headline = match worst {
        Verdict::Passed if skipped > 0 => {
            format!("✅ Quality gate passed – {} of {all} projects", all - skipped)
        }
        Verdict::Passed => format!("✅ Quality gate passed – all {all} projects"),
        Verdict::Failed => format!("❌ Quality gate failed – {failed} of {all} projects"),
        Verdict::Skipped => return format!("⏭️ Not analysed – {skipped} of {all} projects"),
        _ => format!("{NO_RESULT} No quality gate result – {without_result} of {all} projects"),
    };
    if worst == Verdict::Failed && without_result > 0 {
        headline.push_str(&format!(", {without_result} without a result"));
    }
    if skipped > 0 {
        headline.push_str(&format!(", {skipped} skipped"));
    }
    headline
}
