//! The names of metrics, which each server is asked for once, beside what counts.

use super::in_flight::{GetOn, InFlight};
use crate::quality_gate::Metrics;
use crate::sonarqube::{Error, SonarQube};
use std::collections::HashMap;
use std::task::Context;
use url::Url;

/// The answers of each server.
#[derive(Debug, Default)]
pub(super) struct MetricNames(HashMap<Url, Names>);

#[derive(Debug)]
enum Names {
    InFlight(InFlight<Result<Metrics, Error>>),
    Known(Metrics),
}

impl GetOn for Names {
    fn get_on(&mut self, context: &mut Context<'_>) {
        if let Self::InFlight(names) = self {
            names.get_on(context);
        }
    }
}

impl MetricNames {
    /// Asks the server, unless it was asked before.
    pub(super) fn ask(&mut self, sonarqube: &SonarQube) -> &mut dyn GetOn {
        self.0.entry(sonarqube.base_url().clone()).or_insert_with(|| {
            let sonarqube = sonarqube.clone();
            Names::InFlight(InFlight::new(async move { sonarqube.metrics().await }))
        })
    }

    /// Waits for the names of this server. Without them conditions are named by their keys.
    pub(super) async fn read(&mut self, server: &Url) {
        let Some(names) = self.0.get_mut(server) else { return };
        if let Names::InFlight(_) = names
            && let Names::InFlight(asked) = std::mem::replace(names, Names::Known(Metrics::default()))
        {
            match asked.answer().await {
                Ok(known) => *names = Names::Known(known),
                Err(error) => tracing::info!("The names of the metrics could not be read: {error}"),
            }
        }
    }

    /// The names of this server, as far as they were read.
    pub(super) fn of(&self, server: &Url) -> Metrics {
        match self.0.get(server) {
            Some(Names::Known(metrics)) => metrics.clone(),
            Some(Names::InFlight(_)) | None => Metrics::default(),
        }
    }
}
