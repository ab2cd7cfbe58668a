//! Coverage of source files, read from Cobertura and written as SonarQube's generic coverage.
//!
//! SonarQube's analyzer of C# and VB.NET does not read Cobertura; its engine reads the generic format for every language.
//! Source: SonarQube's page "Generic test data"; that lines and branches count as those of OpenCover do was observed
//! of the engine of 10.7.

mod cobertura;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use cobertura::{BranchCoverage, Class, Cobertura};

/// What is covered, of any number of reports.
#[derive(Debug, Default)]
pub struct Coverage {
    files: BTreeMap<String, BTreeMap<u32, Line>>,
    classes: BTreeMap<String, u32>,
}

/// A line that could be run.
#[derive(Debug, Default)]
struct Line {
    is_covered: bool,
    /// Of each class that has branches there.
    branches: BTreeMap<u32, BranchCoverage>,
}

impl Coverage {
    /// Adds what a report says of a class in `file`. Of a class that several reports speak of, or one report several
    /// times, a line is covered if one says so, and the most branches count.
    pub fn add(&mut self, file: &str, class: &Class) {
        let next = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        let id = *self.classes.entry(class.name.clone()).or_insert(next);
        let lines = self.files.entry(file.to_owned()).or_default();
        for &(number, is_covered, branches) in &class.lines {
            let line = lines.entry(number).or_default();
            line.is_covered |= is_covered;
            if branches.all > 0 {
                let known = line.branches.entry(id).or_default();
                known.all = known.all.max(branches.all);
                known.covered = known.covered.max(branches.covered.min(branches.all));
            }
        }
    }

    /// How many files it speaks of.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// The generic format.
    pub fn to_generic(&self) -> String {
        let mut text = String::from("<coverage version=\"1\">\n");
        for (file, lines) in &self.files {
            let _ = writeln!(text, "<file path=\"{}\">", quick_xml::escape::escape(file.as_str()));
            for (number, line) in lines {
                let _ = write!(text, "<lineToCover lineNumber=\"{number}\" covered=\"{}\"", line.is_covered);
                let sum = |part: fn(&BranchCoverage) -> u32| {
                    line.branches.values().map(part).fold(0, u32::saturating_add)
                };
                let (all, covered) = (sum(|branches| branches.all), sum(|branches| branches.covered));
                if all > 0 {
                    let _ = write!(text, " branchesToCover=\"{all}\" coveredBranches=\"{covered}\"");
                }
                text.push_str("/>\n");
            }
            text.push_str("</file>\n");
        }
        text.push_str("</coverage>\n");
        text
    }
}

#[cfg(test)]
mod tests;
