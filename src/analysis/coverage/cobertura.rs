//! Cobertura reports, as coverlet and Microsoft's own collector write them.

use crate::analysis::xml::{Part, Parts, StartTag};

/// A report.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cobertura {
    /// Folders that paths may be relative to.
    pub sources: Vec<String>,
    /// What it says, class by class.
    pub classes: Vec<Class>,
}

/// A class, or the part of it that is in one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Its full name.
    pub name: String,
    /// The file as the report writes it.
    pub file: String,
    /// Number of a line, whether it was run, and its branches.
    pub lines: Vec<(u32, bool, BranchCoverage)>,
}

/// The branches of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BranchCoverage {
    /// So many were taken.
    pub covered: u32,
    /// Of so many.
    pub all: u32,
}

impl Cobertura {
    /// Reads as much as can be read.
    pub fn read(text: &str) -> Self {
        let mut report = Self::default();
        // Lines stand twice: in their methods, and in the class itself.
        let (mut in_source, mut in_methods) = (false, false);
        let mut path: Vec<String> = Vec::new();
        for part in Parts::of(text) {
            match part {
                Part::Start(tag) => {
                    match tag.name() {
                        "source" => {
                            in_source = true;
                            report.sources.push(String::new());
                        }
                        "methods" => in_methods = true,
                        "class" => report.classes.push(Class {
                            name: tag.attribute("name").unwrap_or_default(),
                            file: tag.attribute("filename").unwrap_or_default(),
                            lines: Vec::new(),
                        }),
                        "line" if !in_methods => {
                            let line = line(&tag);
                            report.classes.last_mut().zip(line).into_iter().for_each(|(class, line)| {
                                class.lines.push(line);
                            });
                        }
                        _ => {}
                    }
                    path.push(tag.name().to_owned());
                }
                Part::End => match path.pop().as_deref() {
                    Some("source") => in_source = false,
                    Some("methods") => in_methods = false,
                    _ => {}
                },
                Part::Text(text) if in_source => {
                    report.sources.iter_mut().last().into_iter().for_each(|source| source.push_str(&text));
                }
                _ => {}
            }
        }
        for source in &mut report.sources {
            *source = source.trim().to_owned();
        }
        report
    }
}

fn line(tag: &StartTag<'_>) -> Option<(u32, bool, BranchCoverage)> {
    let number = tag.attribute("number")?.parse().ok().filter(|&number| number > 0)?;
    let hits = tag.attribute("hits")?;
    let branches = tag.attribute("condition-coverage").and_then(|text| branches(&text));
    Some((number, hits.bytes().any(|digit| (b'1'..=b'9').contains(&digit)), branches.unwrap_or_default()))
}

/// `50% (1/2)`.
fn branches(text: &str) -> Option<BranchCoverage> {
    let (covered, all) = text.split_once('(')?.1.split_once(')')?.0.split_once('/')?;
    Some(BranchCoverage { covered: covered.trim().parse().ok()?, all: all.trim().parse().ok()? })
}
