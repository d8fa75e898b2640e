//! Programs of this host whose whole output is wanted, and nothing of it in the log.

use crate::action::{ActionError, Context};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Runs a command by `sh -c`, ended with us and after `timeout`; its standard output.
pub(super) async fn output(context: &Context, command: &str, timeout: Duration) -> Result<String, ActionError> {
    let mut child = Command::new("sh");
    child.arg("-c").arg(command).stdin(Stdio::null()).kill_on_drop(true);
    let ran = tokio::time::timeout(timeout, child.output());
    let ran = context.or_stopped(&format!("`{command}`"), async { Ok(ran.await) }).await?;
    let ended = match ran {
        Err(_) => {
            return Err(ActionError::failed(format!(
                "`{command}` had not ended after {} s and was ended",
                timeout.as_secs()
            )));
        }
        Ok(Err(error)) => return Err(ActionError::failed(format!("starting `{command}`: {error}"))),
        Ok(Ok(ended)) => ended,
    };
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        let last: Vec<&str> = said.lines().rev().take(10).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(ActionError::failed(format!(
            "`{command}` ended with {}: {}",
            ended.status,
            context.secrets.mask(&last)
        )));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// An argument as a shell reads it back.
pub(super) fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
