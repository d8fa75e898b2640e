//! `cutover schema`.

use super::print;
use crate::headless::exit;

/// Prints the JSON schema of a runbook.
pub(super) fn run() -> u8 {
    print(&crate::runbook::json_schema());
    exit::DONE
}
