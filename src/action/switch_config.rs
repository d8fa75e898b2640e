//! Edits the application's configuration file: the moment after which it writes to the target.

use super::config_file;
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen, late_writes, replace};
use crate::evidence::Finding;
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The action.
pub(super) struct SwitchConfig(pub settings::SwitchConfig);

/// The file as it stood. Its bytes may hold passwords and never go into the journal.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The file itself, behind symbolic links.
    real: PathBuf,
    sha256: String,
    mode: u32,
    /// Name of the file in the run's directory that holds the bytes.
    kept_as: String,
}

#[derive(Serialize, Deserialize)]
struct Left {
    sha256: String,
}

#[async_trait]
impl Action for SwitchConfig {
    fn describe(&self, _context: &Context) -> Description {
        let file = self.file().display();
        Description {
            does: format!("Edits {file}, leaving every other line as it is."),
            effects: self.0.effects(),
            way_back: "Puts the former bytes back, unless somebody edited the file since. What the application wrote to PostgreSQL by then stays there.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let name = format!("{}: {}", context.step.id, self.file().display());
        vec![match self.rehearse() {
            Ok(lines) => failure::passed(name, format!("writable; {} would change", figures::counted(lines, "line"))),
            Err(reason) => failure::bad(name, reason, "correct the path, its permissions or the keys in the runbook"),
        }]
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let (real, bytes) = self.read()?;
        let metadata = fs::metadata(&real).map_err(|error| ActionError::file("looking at", &real, &error))?;
        let kept_as = format!("config-{}.original", context.step.id);
        let kept = context.run_dir.join(&kept_as);
        replace::write_private(&kept, &bytes)
            .map_err(|error| ActionError::file("keeping the configuration as", &kept, &error))?;
        let mode = metadata.permissions().mode() & 0o7777;
        Checkpoint::of(&Before { real, sha256: hash(&bytes), mode, kept_as })
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        frozen::require_quiet(context).await?;
        let before: Before = checkpoint.read()?;
        let former = kept(context, &before)?;
        let wanted = self.edited(&former).map_err(|reason| ActionError::refused(self.about(&reason)))?;
        let now = fs::read(&before.real).map_err(|error| ActionError::file("reading", &before.real, &error))?;
        if hash(&now) != before.sha256 && now != wanted {
            return Err(self.edited_by_another(context, "since this step began", &former, &now));
        }
        if now != wanted {
            replace::replace(&before.real, &wanted, before.mode, &tag(context))
                .map_err(|error| ActionError::file("writing", &before.real, &error))?;
        }
        let lines = changed_lines(&former, &wanted);
        Ok(Outcome {
            summary: format!("{} of {} changed", figures::counted(lines, "line"), before.real.display()),
            left: failure::json(&Left { sha256: hash(&wanted) })?,
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        let former = kept(context, &before)?;
        let left = match left {
            Some(left) => failure::read::<Left>(left)?.sha256,
            None => self.edited(&former).map_or_else(|_| before.sha256.clone(), |bytes| hash(&bytes)),
        };
        let now = fs::read(&before.real).map_err(|error| ActionError::file("reading", &before.real, &error))?;
        let stands = hash(&now);
        if stands == before.sha256 {
            let summary = format!("{} stands as it stood", before.real.display());
            return Ok(Outcome { summary, ..Outcome::default() });
        }
        if stands != left {
            let wanted = self.edited(&former).unwrap_or(former);
            return Err(self.edited_by_another(context, "since the switch", &wanted, &now));
        }
        replace::replace(&before.real, &former, before.mode, &tag(context))
            .map_err(|error| ActionError::file("writing", &before.real, &error))?;
        let summary = format!("{} is again as it was, to the byte", before.real.display());
        Ok(Outcome { summary, left: json!({ "sha256": before.sha256 }), ..Outcome::default() })
    }

    async fn late_writes(&self, context: &Context) -> Result<u64, ActionError> {
        late_writes::count(context).await
    }

    async fn export_writes(&self, context: &Context, file: &Path) -> Result<u64, ActionError> {
        late_writes::export(context, file).await
    }
}

impl SwitchConfig {
    fn read(&self) -> Result<(PathBuf, Vec<u8>), ActionError> {
        let refused = |error: std::io::Error| ActionError::refused(self.about(&error.to_string()));
        let real = fs::canonicalize(self.file()).map_err(refused)?;
        let bytes = fs::read(&real).map_err(refused)?;
        Ok((real, bytes))
    }

    fn file(&self) -> &Path {
        self.0.file.as_deref().unwrap_or(Path::new(""))
    }

    fn about(&self, reason: &str) -> String {
        format!("editing {}: {reason}", self.file().display())
    }

    fn edited(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        self.0.edited(&self.file().to_string_lossy(), bytes)
    }

    /// How many lines would change; changes nothing.
    fn rehearse(&self) -> Result<u64, String> {
        let (real, bytes) = self.read().map_err(|error| error.message)?;
        let directory = real.parent().unwrap_or(Path::new("/"));
        nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK)
            .map_err(|error| format!("its directory {} cannot be written: {error}", directory.display()))?;
        Ok(changed_lines(&bytes, &self.edited(&bytes)?))
    }

    fn edited_by_another(&self, context: &Context, since: &str, expected: &[u8], now: &[u8]) -> ActionError {
        ActionError::refused(format!(
            "{} was edited by somebody else {since}: sha256 {} was expected, {} stands there; {}\nmake it as expected, or keep that change by hand, then try again",
            self.file().display(),
            hash(expected),
            hash(now),
            config_file::difference(expected, now, &context.secrets)
        ))
    }
}

fn kept(context: &Context, before: &Before) -> Result<Vec<u8>, ActionError> {
    let path = context.run_dir.join(&before.kept_as);
    let bytes = fs::read(&path).map_err(|error| ActionError::file("reading the kept configuration", &path, &error))?;
    if hash(&bytes) == before.sha256 {
        return Ok(bytes);
    }
    Err(ActionError::failed(format!(
        "the kept configuration {} is not what was kept (sha256 {} in the journal, {} in the file); nothing was touched",
        path.display(),
        before.sha256,
        hash(&bytes)
    )))
}

fn tag(context: &Context) -> String {
    format!("cutover-{}", context.run)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn changed_lines(before: &[u8], after: &[u8]) -> u64 {
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let (before, after) = (lines(before), lines(after));
    let kept = after.iter().filter(|line| before.contains(line)).count();
    (after.len() - kept) as u64
}
