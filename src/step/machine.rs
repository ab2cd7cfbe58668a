//! What the steps ask of the machine they run on.

use super::cache_choice;
use crate::analysis::jvm_profile::JavaResources;
use crate::error::Result;
use crate::scanner::{Platform, ToolCache, WindowsProcessor};
use crate::step::job::Job;
use std::path::{Path, PathBuf};

/// The variable with the user's home.
pub(super) const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

pub(super) fn platform(job: &Job) -> Platform {
    Platform::detect(WindowsProcessor {
        machine: job.environment.value("PROCESSOR_ARCHITEW6432"),
        process: job.environment.value("PROCESSOR_ARCHITECTURE"),
    })
}

/// `.sonar` in the user's home: the place all scanners share. A service account or a container may have no home: then it is
/// below `Agent.ToolsDirectory`, which outlives the job.
pub(super) fn user_home(job: &Job) -> Result<PathBuf> {
    if let Some(chosen) = job.environment.value("SONAR_USER_HOME") {
        return Ok(PathBuf::from(chosen));
    }
    match job.environment.value(HOME).map(Path::new).filter(|home| home.is_dir()) {
        Some(home) => Ok(home.join(".sonar")),
        None => Ok(tools_directory(job)?.join("sonar-user-home")),
    }
}

/// What this process may use of the machine: of its container's, where it is in one.
pub(super) fn resources() -> JavaResources {
    let number_in = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let installed = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    // Of control groups, versions 2 and 1. Without a limit there is no number, or one beyond all memory.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map(number_in);
    JavaResources {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: limits.into_iter().flatten().chain(installed()).min(),
    }
}

/// `Agent.ToolsDirectory`; outside of agents a folder that goes with the job.
fn tools_directory(job: &Job) -> Result<PathBuf> {
    match job.environment.variable("Agent.ToolsDirectory") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Ok(job.predefined.temp_directory()?.join("sonar-azdo-tools")),
    }
}

/// The agent's tool cache, in that folder, or the job's own: where that is wanted, or the other cannot be used.
pub(super) fn tool_cache(job: &Job, is_private: bool) -> Result<ToolCache> {
    let private = cache_choice::private_home(job)?.join("tools");
    let root = if is_private { private.clone() } else { tools_directory(job)? };
    Ok(ToolCache::new(root, &platform(job).arch).or_private(private))
}
