//! Questions about this host.

use super::super::failure::{bad, passed};
use super::super::{Context, failure};
use crate::evidence::Finding;
use crate::figures;
use std::os::unix::fs::PermissionsExt as _;

/// Room for the copies, and a directory that nobody else reads.
pub(super) fn check(context: &Context, bytes: u64) -> Vec<Finding> {
    vec![space(context, 2 * bytes), private(context)]
}

/// The snapshot and the copy that is only looked at may stand side by side.
fn space(context: &Context, needed: u64) -> Finding {
    let name = "room for the snapshot";
    let directory = context.run_dir.display();
    match nix::sys::statvfs::statvfs(&context.run_dir) {
        Err(error) => failure::unknown(
            name,
            format!("needs {} in {directory}, which does not say what is free: {error}", figures::bytes(needed)),
            "make sure that there is room",
        ),
        Ok(statistics) => {
            let free = statistics.blocks_available().saturating_mul(statistics.fragment_size());
            let detail = format!("needs {} in {directory}, {} are free", figures::bytes(needed), figures::bytes(free));
            match free >= needed {
                true => passed(name, detail),
                false => bad(name, detail, "free some, or set CUTOVER_STATE_DIR to a larger disk"),
            }
        }
    }
}

fn private(context: &Context) -> Finding {
    let name = "run directory";
    match std::fs::metadata(&context.run_dir) {
        Err(error) => bad(name, format!("{}: {error}", context.run_dir.display()), "make it, or set CUTOVER_STATE_DIR"),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => bad(
            name,
            format!(
                "{} can be read by others (mode {:o})",
                context.run_dir.display(),
                metadata.permissions().mode() & 0o777
            ),
            "chmod 0700: the snapshot holds every row of the application",
        ),
        Ok(_) => passed(name, format!("{} is for its owner only", context.run_dir.display())),
    }
}
