//! Replaces a file in one step: the new bytes stand complete beside it before they take its place, with its mode, owner and
//! extended attributes.

use crate::crash;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Error, Result, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Writes `bytes` in place of `real`, which is no symbolic link (`fs::canonicalize` leads to the file behind one). A crash
/// leaves the old file or the new one; `tag` names the file beside it that a crash may leave and the next call removes.
pub(super) fn replace(real: &Path, bytes: &[u8], mode: u32, tag: &str) -> Result<()> {
    let former = File::open(real)?;
    let metadata = former.metadata()?;
    let beside = beside(real, tag)?;
    let _ = fs::remove_file(&beside);
    crash::point("action.replace.before");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = (|| {
        file.write_all(bytes)?;
        let mine = file.metadata()?;
        if (mine.uid(), mine.gid()) != (metadata.uid(), metadata.gid()) {
            fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
        }
        copy_attributes(&former, &file)?;
        // After the owner: changing it clears bits of the mode.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        crash::point("action.replace.written");
        fs::rename(&beside, real)
    })();
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    crash::point("action.replace.after");
    sync_directory(real)
}

/// Writes a new file that only its owner may read, and makes it durable.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    crash::point("action.private-file.before");
    let partial = beside(path, "partial")?;
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    crash::point("action.private-file.after");
    sync_directory(path)
}

fn beside(path: &Path, tag: &str) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| Error::other("it has no file name"))?;
    Ok(path.with_file_name(format!(".{}.{tag}", name.to_string_lossy())))
}

fn sync_directory(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Access lists and security labels are extended attributes. A file system without them has none to copy; those that only the
/// system may set come by themselves.
fn copy_attributes(from: &File, to: &File) -> Result<()> {
    let mut names = vec![0_u8; 64 << 10];
    let Ok(length) = rustix::fs::flistxattr(from, names.as_mut_slice()) else { return Ok(()) };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = CString::new(name).map_err(Error::other)?;
        let mut value = vec![0_u8; 64 << 10];
        let length = rustix::fs::fgetxattr(from, &name, value.as_mut_slice())?;
        let set = rustix::fs::fsetxattr(to, &name, &value[..length], rustix::fs::XattrFlags::empty());
        if let Err(error) = set
            && !name.to_bytes().starts_with(b"security.")
        {
            return Err(error.into());
        }
    }
    Ok(())
}
