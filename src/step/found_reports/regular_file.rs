//! Reads files of any step: regular ones only, and no more than asked for.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A larger report is left alone.
pub(super) const LARGEST: u64 = 256 << 20;

/// The first `most` bytes of a regular file.
pub(super) fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Opens a regular file: a pipe of a report's name would never answer, a link might lead to a device without an end.
pub(super) fn open_regular(path: &Path) -> Option<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}
