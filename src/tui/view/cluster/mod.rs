//! The Cluster view: what stands on the cluster of the service and of this run: workloads, pods, events, a pod's log.

use super::{Limits, Theme, empty, heading, lines, panel};
use crate::engine::snapshot::ClusterView;
use crate::tui::app::App;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let Some(view) = &app.snapshot.cluster else { return };
    let title = format!("{} · {}", view.context, view.namespace);
    let inner = panel(buffer, area, &text::visible(&title), true, &app.theme);
    if let Some(error) = &view.error {
        empty(buffer, inner, error, "", &app.theme);
        return;
    }
    let text = text_of(view, usize::from(inner.width), &app.theme);
    limits.cluster = lines(buffer, inner, text, app.cluster.scroll, &app.theme);
}

/// What the view shows, as plain text.
pub(in crate::tui) fn cluster_text(app: &App) -> Option<String> {
    let view = app.snapshot.cluster.as_ref()?;
    let lines = text_of(view, 100, &app.theme);
    Some(lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
}

fn text_of(view: &ClusterView, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![heading("workloads", columns, theme)];
    lines.extend(view.workloads.iter().map(|workload| {
        let left = vec![Span::raw(text::visible(&workload.name))];
        let words = format!("{} of {} ready  {}", workload.ready, workload.wanted, text::visible(&workload.message));
        text::spread(left, vec![Span::styled(words, theme.dim)], columns)
    }));
    lines.push(heading("pods", columns, theme));
    lines.extend(view.pods.iter().map(|pod| {
        let (sign, style) = if pod.healthy { ("✓ ", theme.good) } else { ("▲ ", theme.warn) };
        let left = vec![Span::styled(sign, style), Span::raw(text::visible(&pod.name))];
        let words = format!("{} {}/{}  {}", pod.state, pod.ready, pod.containers, format::duration(pod.age_seconds));
        text::spread(left, vec![Span::styled(words, theme.dim)], columns)
    }));
    lines
}
