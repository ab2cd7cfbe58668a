//! One file of a record: JSON, and its seal beside it.
//!
//! `<temp>/sonar-azdo/<analysis id>/prepared.json`, `analyzed.json`, `report-task.txt`. Any step of the job can write there,
//! so each file of ours is sealed with what scripts do not get: `<file>.seal`. A file without the right seal counts for
//! nothing.

use super::seal::Seal;
use crate::analysis::RECORD_VERSION;
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

pub(super) const PREPARED: &str = "prepared.json";
pub(super) const ANALYZED: &str = "analyzed.json";
/// The seal of the secret properties is over a variable of the job, not over a file.
pub(super) const SECRETS: &str = "secrets";

/// Far above any record: a larger file is not ours.
const LARGEST: u64 = 1 << 20;

/// The text of a file, up to a length far above any of ours; `None` when there is none.
///
/// # Errors
/// It cannot be read, or it is not a regular file: opening a pipe would wait for ever.
pub(crate) fn read_text(file: &Path) -> Result<Option<String>> {
    let opened = match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => std::fs::File::open(file),
        Ok(_) => return Err(unreadable(file, &"it is not a regular file")),
        Err(error) => Err(error),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(file, &error)),
    };
    let mut text = String::new();
    opened.take(LARGEST).read_to_string(&mut text).map_err(|error| unreadable(file, &error))?;
    Ok(Some(text))
}

/// Whether there is this file of a record.
///
/// # Errors
/// Another version of the extension wrote it.
pub(super) fn check_version(folder: &Path, name: &str) -> Result<bool> {
    let file = folder.join(name);
    match read_text(&file)? {
        Some(text) => refuse_other_version(&file, &text).map(|()| true),
        None => Ok(false),
    }
}

fn refuse_other_version(file: &Path, text: &str) -> Result<()> {
    let Version { version } = serde_json::from_str(text).map_err(|error| unreadable(file, &error))?;
    if version == RECORD_VERSION {
        return Ok(());
    }
    Err(Error::new(format!("{} was written by another version of this extension", file.display()))
        .hint("Use the same version of SonarPrepare, SonarAnalyze and SonarPublish in one pipeline."))
}

/// Reads a file of a record, which must bear its seal.
pub(super) fn read_sealed<T: DeserializeOwned>(folder: &Path, name: &str, seal: &Seal) -> Result<Option<T>> {
    let file = folder.join(name);
    let Some(text) = read_text(&file)? else { return Ok(None) };
    refuse_other_version(&file, &text)?;
    let written = read_text(&folder.join(seal_file(name)))?.unwrap_or_default();
    // A step that could get past this could turn a failed quality gate green: the record says which server is asked.
    if !seal.fits(name, text.as_bytes(), &written) {
        return Err(Error::new(format!("the record in {} was changed by another step", folder.display()))
            .hint(
                "The record is not used. Find the step that writes to that folder, and run the job again.",
            ));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| unreadable(&file, &error))
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

pub(super) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{} could not be read: {error}", path.display()))
}

/// Name of the file that seals the file `name`.
pub(super) fn seal_file(name: &str) -> String {
    format!("{name}.seal")
}

pub(super) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{} could not be written: {error}", path.display()))
}

/// Writes a value as JSON.
pub(crate) fn write(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    write_sealed(folder, name, value, None)
}

/// Likewise, and its seal before it: the file is what makes the record.
pub(super) fn write_sealed(
    folder: &Path,
    name: &str,
    value: &impl Serialize,
    seal: Option<&Seal>,
) -> Result<()> {
    let mut json = serde_json::to_vec(value).map_err(|error| unwritable(&folder.join(name), &error))?;
    json.push(b'\n');
    if let Some(seal) = seal {
        write_bytes(folder, &seal_file(name), seal.of(name, &json).as_bytes())?;
    }
    write_bytes(folder, name, &json)
}

/// Writes aside and renames, so that a reader sees all of it or nothing.
pub(super) fn write_bytes(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    let file = folder.join(name);
    let aside = folder.join(format!("{name}.new"));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&aside, content))
        .and_then(|()| std::fs::rename(&aside, &file))
        .map_err(|error| unwritable(&file, &error))
}
