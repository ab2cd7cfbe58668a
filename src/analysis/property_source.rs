//! Where the value of a property comes from.

use super::property_origin::Setter;

/// Where values come from, the weakest first: the derived order is the precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertySource {
    /// The value if no other source sets one.
    Default,
    /// A report that was found.
    FoundReport,
    /// The settings file of the project.
    SettingsFile,
    /// The settings file of a module.
    ModuleFile,
    /// A variable of the job.
    Variable,
    /// An input of SonarPrepare.
    Input,
    /// The decision which branch or pull request is analysed.
    Scope,
    /// `extraProperties`, over it the properties of an entry of `monorepo`.
    ExtraProperties,
    /// The service connection, and what a step derives from all others.
    Connection,
}

impl PropertySource {
    /// Whether it lies in the repository.
    pub fn is_of_repository(self) -> bool {
        matches!(self, Self::SettingsFile | Self::ModuleFile)
    }

    pub(super) fn setter(self) -> Setter {
        match self {
            Self::SettingsFile | Self::ModuleFile => Setter::Repository,
            Self::Variable => Setter::Job,
            Self::Default | Self::FoundReport | Self::Input | Self::Scope | Self::ExtraProperties => {
                Setter::Pipeline
            }
            Self::Connection => Setter::Connection,
        }
    }
}
