//! The thin binary: arguments, one match, exit code.

use clap::Parser as _;

fn main() {
    let _ = cutover::cli::Cli::parse();
}
