//! The three steps, each as one process, against models of SonarQube and Azure DevOps.

mod analyze;
mod history;
mod hostile;
mod parallel;
mod prepare;
mod publish;
mod reports;
mod scanners;
mod scope;
