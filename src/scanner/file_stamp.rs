//! What changes with each change of a file, so that a large file need not be read to know that it is the same.

use std::fs::Metadata;
use std::path::Path;

/// Size, inode, and the times of the last change of the content and of anything.
///
/// An earlier build of the same user can write a file and set the first of the two times back (`utimensat`). The second
/// one (ctime) is set by the kernel alone, to now, at each write, rename, change of mode or change of the first. To forge
/// it takes root, who can set the clock or write to the disk past the kernel; or a file system that the user brings along.
/// So only file systems are believed that keep this promise and that only root mounts. None of this holds against a
/// process of an earlier build that still runs: agents end those, and such a process could change the running Java as well.
///
/// `None` elsewhere. On Windows any owner of a file can set the time that is nearest to ctime, so each file is hashed on
/// each run there.
#[cfg(target_os = "linux")]
pub(super) fn stamp(path: &Path, metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    has_honest_times(path).then(|| {
        format!(
            "{} {} {}.{} {}.{}",
            metadata.len(),
            metadata.ino(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec()
        )
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stamp(_path: &Path, _metadata: &Metadata) -> Option<String> {
    None
}

/// Whether the file system is one of Linux's own: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs, or overlays of these.
#[cfg(target_os = "linux")]
fn has_honest_times(path: &Path) -> bool {
    const KINDS: [u64; 7] =
        [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];
    rustix::fs::statfs(path).is_ok_and(|system| {
        u64::try_from(system.f_type).is_ok_and(|kind| KINDS.contains(&(kind & 0xffff_ffff)))
    })
}
