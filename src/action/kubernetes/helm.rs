//! A Helm release, by the program `helm`: nobody offers its engine to Rust. What a killed `helm` left pending is taken back before it is
//! tried again.

use super::program::{self, quoted};
use super::{manifests, rendered};
use crate::action::failure::{bad, passed};
use crate::action::process::{self, Plan};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, Secrets, failure};
use crate::connect::kubernetes::Permission;
use crate::crash;
use crate::evidence::Finding;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The action.
pub(in crate::action) struct Helm(pub settings::Helm);

const TIMEOUT: u64 = 300;
const ASKING: Duration = Duration::from_secs(60);

/// A revision of the release, as `helm history` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Revision {
    revision: u64,
    status: String,
    #[serde(default)]
    description: String,
}

impl Revision {
    /// Whether a rollback to `goal` made it, in the words of Helm's `action/rollback.go`; one that failed does not say where to.
    fn goes_back_to(&self, goal: u64) -> bool {
        self.description == format!("Rollback to {goal}")
            || (self.status == "failed" && self.description.starts_with("Rollback \""))
    }
}

#[derive(Serialize, Deserialize)]
struct Before {
    /// The revision to go back to; none when there was no release.
    revision: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Left {
    revision: u64,
}

#[async_trait]
impl Action for Helm {
    fn describe(&self, _context: &Context) -> Description {
        let set = self.0.set.iter().map(|(key, value)| format!("{key} = {value}"));
        let secret = self.0.secret.keys().map(|key| format!("{key} = {}", crate::action::MASK));
        let values = self.0.values.iter().map(|file| format!("values of {}", file.display()));
        Description {
            does: format!(
                "Installs or upgrades release {} to chart {}{}.",
                self.0.release,
                self.0.chart,
                self.version()
            ),
            effects: values.chain(set).chain(secret).collect(),
            way_back: "Rolls back to the revision that was there, or uninstalls the release where there was none."
                .to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let check = format!("{}: helm", context.step.id);
        let there = process::check(&check, "helm version").await;
        if there.verdict != crate::evidence::Verdict::Passed {
            return vec![bad(check, "there is no program `helm`", "install Helm 3 or newer, or put it into PATH")];
        }
        let check = format!("{}: release {}", context.step.id, self.0.release);
        vec![match self.difference(context).await {
            Ok(detail) => passed(check, detail),
            Err(error) => bad(check, error.message, "correct the chart, its version or its values"),
        }]
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        // A chart that cannot be rendered is told by `check`.
        rendered::rights(&self.rendered(context).await.unwrap_or_default())
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let revision = match self.newest(context).await? {
            Some(found) if found.status == "deployed" => Some(found.revision),
            None => None,
            Some(found) => return Err(self.unsettled(&found)),
        };
        Checkpoint::of(&Before { revision })
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        self.settle(context, &before).await?;
        let newest = self.newest(context).await?.map(|found| found.revision);
        let hidden = self.hidden_values(context)?;
        let command = format!("{}{} --wait", self.upgrade(context)?, HiddenValues::option(hidden.as_ref()));
        crash::point("action.helm.before");
        let ran = self.run(context, &command).await;
        crash::point("action.helm.after");
        drop(hidden);
        ran?;
        let revision = self.newest(context).await?.map_or(newest.unwrap_or_default(), |found| found.revision);
        Ok(Outcome {
            summary: format!("release {} is at revision {revision}", self.0.release),
            outputs: BTreeMap::from([("revision".to_owned(), revision.to_string())]),
            left: failure::json(&Left { revision })?,
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
        process::end_former(context).await;
        let history = self.history(context).await?;
        if let Some(left) = left.map(failure::read::<Left>).transpose()? {
            self.require_ours(&history, &before, left.revision)?;
        }
        let summary = match (before.revision, history.last()) {
            (_, None) => "there is no release any more".to_owned(),
            (Some(revision), Some(now)) if now.revision == revision => {
                format!("it is at revision {revision}, as before")
            }
            (Some(revision), Some(now)) if now.status == "deployed" && now.goes_back_to(revision) => {
                format!("it is as in revision {revision} already")
            }
            (revision, Some(_)) => self.take_back(context, revision).await?,
        };
        Ok(Outcome { summary: format!("release {}: {summary}", self.0.release), ..Outcome::default() })
    }
}

impl Helm {
    fn timeout(&self) -> u64 {
        self.0.timeout_seconds.unwrap_or(TIMEOUT)
    }

    fn version(&self) -> String {
        self.0.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default()
    }

    /// Helm is told the context and the namespace: never those that happen to be current.
    fn place(&self, context: &Context) -> Result<String, ActionError> {
        let place = context.cluster()?.place();
        Ok(format!(" --kube-context {} --namespace {}", quoted(&place.context), quoted(&place.namespace)))
    }

    fn upgrade(&self, context: &Context) -> Result<String, ActionError> {
        let (release, chart) = (quoted(&self.0.release), quoted(&self.0.chart));
        let (place, timeout) = (self.place(context)?, self.timeout());
        Ok(format!("helm upgrade {release} {chart} --install{place} --timeout {timeout}s{}", self.arguments()))
    }

    /// Which chart, with which values.
    fn arguments(&self) -> String {
        let mut command = String::new();
        for (option, value) in [("--repo", &self.0.repo), ("--version", &self.0.version)] {
            command.push_str(&value.as_ref().map(|value| format!(" {option} {}", quoted(value))).unwrap_or_default());
        }
        for file in &self.0.values {
            command.push_str(&format!(" -f {}", quoted(&file.display().to_string())));
        }
        for (key, value) in &self.0.set {
            command.push_str(&format!(" --set {}", quoted(&format!("{key}={value}"))));
        }
        command
    }

    /// To the revision that was there, or to none where there was none.
    async fn take_back(&self, context: &Context, revision: Option<u64>) -> Result<String, ActionError> {
        let (release, place, timeout) = (quoted(&self.0.release), self.place(context)?, self.timeout());
        let (command, summary) = match revision {
            Some(revision) => {
                (format!("helm rollback {release} {revision}"), format!("it is again as in revision {revision}"))
            }
            None => (format!("helm uninstall {release}"), "it is uninstalled: there was none before".to_owned()),
        };
        crash::point("action.helm.undo.before");
        self.run(context, &format!("{command}{place} --wait --timeout {timeout}s")).await?;
        crash::point("action.helm.undo.after");
        Ok(summary)
    }

    async fn run(&self, context: &Context, command: &str) -> Result<(), ActionError> {
        let env = BTreeMap::new();
        let plan = Plan { command, env: &env, with_target: false, lasting: false };
        context.progress.waiting(format!("`{}`", command.split(" --").next().unwrap_or(command)));
        let done = process::run(context, &plan, Duration::from_secs(self.timeout() + 30)).await;
        context.progress.waiting("");
        done.map(|_| ())
    }

    /// The revisions that helm has kept, the newest last.
    async fn history(&self, context: &Context) -> Result<Vec<Revision>, ActionError> {
        let command = format!("helm history {}{} -o json", quoted(&self.0.release), self.place(context)?);
        let text = match program::output(context, &command, ASKING).await {
            Err(error) if error.message.contains("not found") => return Ok(Vec::new()),
            said => said?,
        };
        let all: Result<Vec<Revision>, _> = serde_json::from_str(&text);
        let mut all = all.map_err(|error| ActionError::failed(format!("reading what `{command}` says: {error}")))?;
        all.sort_by_key(|found| found.revision);
        Ok(all)
    }

    async fn newest(&self, context: &Context) -> Result<Option<Revision>, ActionError> {
        Ok(self.history(context).await?.pop())
    }

    fn unsettled(&self, found: &Revision) -> ActionError {
        ActionError::refused(format!(
            "release {} is {} at revision {}: settle it first, by `helm rollback` or `helm uninstall`",
            self.0.release, found.status, found.revision
        ))
    }

    /// Ends a helm that outlived us, and takes back what it left pending.
    async fn settle(&self, context: &Context, before: &Before) -> Result<(), ActionError> {
        process::end_former(context).await;
        let Some(found) = self.newest(context).await?.filter(|found| found.status.starts_with("pending")) else {
            return Ok(());
        };
        let release = quoted(&self.0.release);
        let place = self.place(context)?;
        let command = match before.revision {
            Some(revision) if found.revision > revision => format!("helm rollback {release} {revision}{place} --wait"),
            None => format!("helm uninstall {release}{place} --wait"),
            Some(_) => return Err(self.unsettled(&found)),
        };
        self.run(context, &command).await
    }

    /// Refuses where there is a newer revision than the one that was left, unless an undo of ours made it before a crash.
    fn require_ours(&self, history: &[Revision], before: &Before, left: u64) -> Result<(), ActionError> {
        let ours = |found: &&Revision| before.revision.is_some_and(|goal| found.goes_back_to(goal));
        let newer = || history.iter().filter(|found| found.revision > left);
        match history.last() {
            Some(now) if now.revision < left || !newer().all(|found| ours(&found)) => {
                Err(ActionError::refused(format!(
                    "release {} was changed by somebody else: revision {left} was left, it is at {} now; look at `helm history {}`, roll back by hand or keep it, then try again",
                    self.0.release, now.revision, self.0.release
                )))
            }
            _ => Ok(()),
        }
    }

    /// The objects that the chart comes to with these values: rendered on this host, so that no right is needed to learn which are.
    async fn rendered(&self, context: &Context) -> Result<Vec<Value>, ActionError> {
        let (release, chart) = (quoted(&self.0.release), quoted(&self.0.chart));
        let hidden = self.hidden_values(context)?;
        let (place, values) = (self.place(context)?, HiddenValues::option(hidden.as_ref()));
        let command = format!("helm template {release} {chart}{place}{}{values}", self.arguments());
        manifests::parse(&program::output(context, &command, ASKING).await?, "what helm renders")
    }

    /// What would change, by a rehearsal on the server.
    async fn difference(&self, context: &Context) -> Result<String, ActionError> {
        let place = self.place(context)?;
        let now = match self.newest(context).await? {
            None => String::new(),
            Some(found) if found.status == "deployed" => {
                program::output(context, &format!("helm get manifest {}{place}", quoted(&self.0.release)), ASKING)
                    .await?
            }
            Some(found) => return Err(self.unsettled(&found)),
        };
        let hidden = self.hidden_values(context)?;
        let values = HiddenValues::option(hidden.as_ref());
        let command = format!("{} --dry-run -o json{values}", self.upgrade(context)?);
        let said = program::output(context, &command, ASKING).await?;
        let answer: Value = serde_json::from_str(&said)
            .map_err(|error| ActionError::failed(format!("reading what `{command}` says: {error}")))?;
        let then = answer["manifest"].as_str().unwrap_or_default();
        let secrets = Secrets::new(self.0.secret.values().map(|value| value.expose().to_owned().into()));
        let difference = rendered::difference(&now, then, &secrets)?;
        Ok(match (now.is_empty(), difference.is_empty()) {
            (true, _) => format!("would be installed:\n{difference}"),
            (false, true) => "nothing of its manifest would change".to_owned(),
            (false, false) => format!("would change:\n{difference}"),
        })
    }

    /// Values that are never shown, in a file that only we read: an argument could be read by others.
    fn hidden_values(&self, context: &Context) -> Result<Option<HiddenValues>, ActionError> {
        if self.0.secret.is_empty() {
            return Ok(None);
        }
        let mut values = Value::Object(Map::new());
        for (key, value) in &self.0.secret {
            let mut place = &mut values;
            for part in key.split('.') {
                place = &mut place[part];
            }
            *place = Value::String(value.expose().to_owned());
        }
        let path = context.run_dir.join(format!("values-{}.json", context.step.id));
        crate::action::replace::write_private(&path, values.to_string().as_bytes())
            .map_err(|error| ActionError::file("writing values for helm to", &path, &error))?;
        Ok(Some(HiddenValues(path)))
    }
}

/// A values file that goes as soon as helm has read it.
struct HiddenValues(PathBuf);

impl HiddenValues {
    fn option(file: Option<&Self>) -> String {
        file.map(|file| format!(" -f {}", quoted(&file.0.display().to_string()))).unwrap_or_default()
    }
}

impl Drop for HiddenValues {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Vec<Revision> {
        let text = r#"[{"revision":3,"updated":"2026-01-01","status":"superseded","chart":"a-1","app_version":"","description":"Upgrade complete"},
            {"revision":4,"status":"deployed","description":"Upgrade complete"}]"#;
        serde_json::from_str(text).unwrap()
    }

    fn newer(status: &str, description: &str) -> Vec<Revision> {
        let [status, description] = [status, description].map(str::to_owned);
        [history(), vec![Revision { revision: 5, status, description }]].concat()
    }

    #[test]
    fn only_a_rollback_of_ours_may_follow_what_was_left() {
        let helm = Helm(settings::Helm::default());
        let ours = |history: &[Revision], left| helm.require_ours(history, &Before { revision: Some(3) }, left).is_ok();
        assert!(ours(&[], 4) && ours(&history(), 4));
        assert!(ours(&newer("deployed", "Rollback to 3"), 4) && ours(&newer("pending-rollback", "Rollback to 3"), 4));
        assert!(ours(&newer("failed", "Rollback \"a\" failed: timed out"), 4));
        assert!(!ours(&newer("deployed", "Upgrade complete"), 4) && !ours(&newer("deployed", "Rollback to 2"), 4));
        assert!(!ours(&newer("failed", "Upgrade \"a\" failed: timed out"), 4));
        assert!(!ours(&history(), 7), "it was installed anew");
        assert!(helm.require_ours(&newer("deployed", "Rollback to 3"), &Before { revision: None }, 4).is_err());
    }
}
