//! A page of Markdown that is written from top to bottom and never gets too long.

use super::markdown::{Align, table_header, table_row};

/// Rows of conditions shown at most.
pub(super) const ROWS: usize = 50;
/// Lines about the worst files and issues on a page, of all analyses together.
const WORST: usize = 10;
/// Server warnings shown at most for each analysis, and notes likewise.
pub(super) const WARNINGS: usize = 10;
/// Bytes up to which tables, lists and further projects are written. What a project's section holds beside these
/// is at most 10 kB, so the page stays below 64 kB.
pub(super) const BYTES: usize = 52_000;

pub(super) struct Page {
    pub(super) text: String,
    /// Failed conditions shown of an analysis.
    pub(super) condition_rows: usize,
    /// Lines about the worst files and issues that may still be written.
    pub(super) worst_lines_left: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { text: String::new(), condition_rows: ROWS, worst_lines_left: WORST }
    }
}

impl Page {
    pub(super) fn heading(&mut self, level: &str, text: &str) {
        self.paragraph(&format!("{level} {text}"));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes as many rows as there is room for and tells how many.
    pub(super) fn table(&mut self, columns: &[(&str, Align)], rows: &[Vec<String>]) -> usize {
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
    pub(super) fn more(&mut self, count: usize, one: &str, many: &str) {
        match count {
            0 => {}
            1 => self.paragraph(&format!("… and 1 {one}")),
            count => self.paragraph(&format!("… and {count} {many}")),
        }
    }

    /// A heading and a line for each item, as many as there is room for.
    pub(super) fn list(
        &mut self,
        heading: &str,
        items: impl ExactSizeIterator<Item = String>,
        [one, many]: [&str; 2],
    ) {
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
}
