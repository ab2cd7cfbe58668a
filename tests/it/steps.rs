//! The three steps, each as one process, against models of SonarQube and Azure DevOps.

mod analyze;
mod history;
mod hostile;
mod monorepo;
mod prepare;
mod publish;
mod scanners;
mod scope;
mod several;
mod standalone;
