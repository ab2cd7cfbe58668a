//! The three steps, each as one process, against models of SonarQube and Azure DevOps.

mod analyze;
mod caches;
mod dotnet;
mod dotnet_tool;
mod git;
mod history;
mod hostile;
mod modes;
mod monorepo;
mod own_properties;
mod parallel;
mod prepare;
mod proof;
mod proxies;
mod publish;
mod reports;
mod rounds;
mod scanners;
mod scope;
mod sealed;
mod settings_file;
mod several;
mod standalone;
