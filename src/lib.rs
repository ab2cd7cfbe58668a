//! SonarQube analysis and a quality gate you can trust, for Azure Pipelines.
//!
//! Data flows one way, each arrow is one type:
//!
//! ```text
//! Host -> Inputs + predefined variables + ServiceConnection -> PipelineContext
//!   -> (+ ServerFacts) Scope + Properties -> Prepared                        SonarPrepare
//!   -> Invocation -> exit status + AnalysisReport -> Analyzed                SonarAnalyze
//!   -> CeTask (polled) -> QualityGate -> Verdict -> BuildSummary             SonarPublish
//! ```
//!
//! Two programs stand on it: `sonar-azdo-task` runs a step ([`task`]), `sonar-azdo` what people run themselves (`command`).
//!
//! `task -> step` and `command`, both `-> edges (agent, sonarqube, azure_devops, scanner, git) -> http, process`; all but `http` may use
//! the pure core (context, analysis, quality_gate, summary), which uses nothing but [`secret`]. The map is docs/architecture.md.

pub mod bug;
pub mod cancel;
pub mod error;
mod keyed_hash;
pub mod secret;

#[cfg(feature = "cli")]
pub mod command;
pub mod step;
pub mod task;

pub mod analysis;
pub mod context;
pub mod quality_gate;
pub mod summary;

pub mod agent;
pub mod azure_devops;
pub mod git;
pub mod http;
pub mod process;
pub mod scanner;
pub mod sonarqube;
