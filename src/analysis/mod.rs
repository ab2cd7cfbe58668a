//! What is analysed and how, as values: properties, facts about the server, the invocation of a
//! scanner, the record handed from step to step, and the scanner's report. Pure: no I/O.

mod artifact;
mod begun;
pub mod coverage;
pub mod dotnet_projects;
pub mod dotnet_scanner;
mod exported;
mod extra_properties;
mod handoff;
mod invocation;
pub mod java_properties;
pub mod jvm_profile;
mod language;
pub mod monorepo;
mod narrowing;
pub mod placeholder;
pub mod precedence;
pub mod project_key;
mod property;
pub mod property_origin;
mod release;
mod report_task;
pub mod reports;
pub mod scanner_environment;
mod server_facts;
pub mod target;
mod timestamp;
pub mod trust_store;
pub mod xml;
mod yaml;

pub use artifact::{Artifact, Jre, Plugin};
pub use begun::Begun;
pub use dotnet_scanner::DotnetScanner;
pub use exported::{Build, Exported, Unconnected};
pub use extra_properties::{ExtraProperties, UnreadableLine};
pub use handoff::{AnalysisId, Analyzed, Extent, Member, Outcome, Prepared, RECORD_VERSION, ScannerMode};
pub use invocation::Invocation;
pub use language::languages_of;
pub use narrowing::Narrowing;
pub use precedence::{FileLine, Rules};
pub use property::{Properties, is_secret, suggestion};
pub use release::{ARCHIVE, ReleaseError, ReleaseWish, ScannerRelease};
pub use report_task::AnalysisReport;
pub use server_facts::{Edition, ServerFacts, ServerKind, ServerVersion};
pub use target::Target;
pub use timestamp::seconds_since_1970;
