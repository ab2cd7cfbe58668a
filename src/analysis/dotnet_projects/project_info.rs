//! The ProjectInfo.xml that the scanner's targets leave for each build of a project.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// The language of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// C#.
    CSharp,
    /// Visual Basic.
    VisualBasic,
    /// Any other, which SonarSource's analyzers of the compiler have nothing to do with: F#, C++, databases.
    Other,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CSharp => "C#",
            Self::VisualBasic => "VB.NET",
            Self::Other => "other",
        }
    }

    /// Name of the folder beside ProjectInfo.xml that holds what the analyzer found; none without an analyzer.
    pub fn output_folder(self) -> Option<&'static str> {
        match self {
            Self::CSharp => Some("output-cs"),
            Self::VisualBasic => Some("output-vbnet"),
            Self::Other => None,
        }
    }

    fn suffix(self) -> Option<&'static str> {
        match self {
            Self::CSharp => Some(".cs"),
            Self::VisualBasic => Some(".vb"),
            Self::Other => None,
        }
    }
}

/// A ProjectInfo.xml: one build of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectInfo {
    /// Name of the project.
    pub name: String,
    /// Its language.
    pub language: Language,
    /// The scanner takes it for a test project.
    pub is_test: bool,
    /// `SonarQubeExclude` is true.
    pub is_excluded: bool,
    /// The project file.
    pub path: String,
    /// Its GUID, as it is written there.
    pub guid: String,
    /// Configuration and platform, as `Debug|AnyCPU`.
    pub settings: String,
    /// Target framework.
    pub framework: String,
    /// The file that lists the files to analyse.
    pub list: Option<String>,
}

impl ProjectInfo {
    /// Reads it; `None` for a text that is no such file.
    pub fn parse(xml: &str) -> Option<Self> {
        let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
        let mut names: Vec<String> = Vec::new();
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut list = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => names.push(text_of(start.local_name().as_ref())),
                Event::End(_) => {
                    names.pop()?;
                }
                Event::Empty(tag) if text_of(tag.local_name().as_ref()) == "AnalysisResultFile" => {
                    let attribute = |name: &str| {
                        let found = tag.try_get_attribute(name).ok()??;
                        found
                            .normalized_value(quick_xml::XmlVersion::default())
                            .ok()
                            .map(|value| value.into_owned())
                    };
                    if attribute("Id").as_deref() == Some("FilesToAnalyze") {
                        list = attribute("Location");
                    }
                }
                // Only what stands directly in the root element.
                Event::Text(text) if names.len() == 2 => {
                    let value = values.entry(names.last()?.clone()).or_default();
                    value.push_str(&text.xml10_content());
                }
                Event::GeneralRef(reference) if names.len() == 2 => {
                    let value = values.entry(names.last()?.clone()).or_default();
                    match reference.resolve_char_ref().ok()? {
                        Some(character) => value.push(character),
                        None => value.push_str(resolve_predefined_entity(&reference)?),
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let value = |name: &str| values.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let path = Some(value("FullPath")).filter(|path| !path.is_empty())?;
        let language = match value("ProjectLanguage").as_str() {
            "C#" => Language::CSharp,
            "VB" => Language::VisualBasic,
            _ => Language::Other,
        };
        Some(Self {
            name: value("ProjectName"),
            language,
            is_test: value("ProjectType") == "Test",
            is_excluded: value("IsExcluded").eq_ignore_ascii_case("true"),
            path,
            guid: value("ProjectGuid").to_ascii_lowercase(),
            settings: format!("{}|{}", value("Configuration"), value("Platform")),
            framework: value("TargetFramework"),
            list,
        })
    }

    /// Whether a list of files to analyse names one that the compiler takes.
    pub fn compiles(&self, list: &str) -> bool {
        let is_source = |line: &str| {
            self.language.suffix().is_some_and(|suffix| line.trim().to_ascii_lowercase().ends_with(suffix))
        };
        list.lines().any(is_source)
    }
}

fn text_of(name: &(impl AsRef<str> + ?Sized)) -> String {
    name.as_ref().to_owned()
}
