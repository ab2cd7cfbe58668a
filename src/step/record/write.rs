//! Writes records: SonarPrepare each one, SonarAnalyze what it adds.

use super::list::Records;
use super::read::Record;
use super::seal::Seal;
use super::sealed_file::{ANALYZED, PREPARED, SECRETS, seal_file, write_bytes, write_sealed};
use super::tokens::secrets_text;
use crate::analysis::{AnalysisSecrets, Analyzed, Extent, Outcome, Prepared, RECORD_VERSION};
use crate::error::Result;

impl Records {
    /// Writes the record of a prepared analysis, and the seal of its secret properties, which are in a variable.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn write_prepared(
        &self,
        prepared: &Prepared,
        secrets: &AnalysisSecrets,
        seal: &Seal,
    ) -> Result<()> {
        if !secrets.is_empty() {
            let folder = self.folder().join(prepared.id.as_str());
            let sealed = seal.of(SECRETS, secrets_text(secrets).expose().as_bytes());
            write_bytes(&folder, &seal_file(SECRETS), sealed.as_bytes())?;
        }
        write_sealed(&self.folder().join(prepared.id.as_str()), PREPARED, prepared, Some(seal))
    }
}

impl Record {
    /// Adds how the analysis ended and what it covered.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn write_analyzed(&self, outcome: Outcome, extent: Extent) -> Result<()> {
        let analyzed = Analyzed { version: RECORD_VERSION, id: self.prepared.id.clone(), outcome, extent };
        write_sealed(&self.folder, ANALYZED, &analyzed, Some(&self.seal))
    }
}
