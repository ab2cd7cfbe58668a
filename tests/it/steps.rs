//! The three steps, each as one process, against models of SonarQube and Azure DevOps.

mod analyze;
mod history;
mod hostile;
mod prepare;
mod publish;
mod scanners;
mod scope;
