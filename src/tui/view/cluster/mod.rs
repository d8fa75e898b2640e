//! The Cluster view: workloads and pods above, below them what the cluster said lately or the log of the chosen pod.

use super::{Limits, List, Theme, empty, heading, panel, put};
use crate::engine::snapshot::{ClusterEvent, ClusterView, PodView};
use crate::tui::app::App;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let Some(view) = &app.snapshot.cluster else { return };
    let title = text::visible(&format!("{} · {}", view.context, view.namespace));
    if let Some(error) = &view.error {
        let inner = panel(buffer, area, &title, true, &app.theme);
        return empty(buffer, inner, error, "it is asked again every second while this view is open", &app.theme);
    }
    let wanted = u16::try_from(view.workloads.len() + view.pods.len() + 4).unwrap_or(u16::MAX);
    let height = wanted.min(area.height / 2).max(4).min(area.height);
    let inner = panel(buffer, Rect { height, ..area }, &title, !app.cluster.inside, &app.theme);
    objects(app, view, buffer, inner);
    let below = Rect { y: area.y + height, height: area.height - height, ..area };
    if below.height > 2 {
        story(app, view, buffer, below, limits);
    }
}

/// Workloads, then pods, of which one is chosen.
fn objects(app: &App, view: &ClusterView, buffer: &mut Buffer, inner: Rect) {
    if view.workloads.is_empty() && view.pods.is_empty() {
        return empty(buffer, inner, "Nothing of the service or of this run stands here yet.", "", &app.theme);
    }
    let columns = usize::from(inner.width);
    let mut lines = workload_lines(view, columns, &app.theme);
    lines.push(heading("pods", columns, &app.theme));
    let chosen = lines.len() + app.cluster.pod.min(view.pods.len().saturating_sub(1));
    lines.extend(view.pods.iter().map(|pod| pod_line(pod, columns, &app.theme)));
    let list =
        List { count: lines.len(), chosen, focused: !app.cluster.inside, line: |index: usize| lines[index].clone() };
    list.draw(buffer, inner, &app.theme);
}

fn workload_lines(view: &ClusterView, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let line = |workload: &crate::engine::snapshot::WorkloadView| {
        let well = workload.ready >= workload.wanted && workload.updated >= workload.wanted;
        let (sign, style) = if well { ("✓ ", theme.good) } else { ("● ", theme.accent) };
        let left = vec![Span::styled(sign, style), Span::raw(text::visible(&workload.name))];
        let words = format!("{}  {} of {} ready", text::visible(&workload.message), workload.ready, workload.wanted);
        text::spread(left, vec![Span::styled(words, theme.dim)], columns)
    };
    std::iter::once(heading("workloads", columns, theme)).chain(view.workloads.iter().map(line)).collect()
}

fn pod_line(pod: &PodView, columns: usize, theme: &Theme) -> Line<'static> {
    let (sign, style) = if pod.healthy { ("✓ ", theme.good) } else { ("▲ ", theme.warn) };
    let left = vec![Span::styled(sign, style), Span::raw(text::visible(&pod.name))];
    let restarts = match pod.restarts {
        0 => String::new(),
        many => format!("  {}", format::plural(u64::from(many), "restart", "restarts")),
    };
    let words = format!(
        "{} {}/{}{restarts}  {}",
        text::visible(&pod.state),
        pod.ready,
        pod.containers,
        format::duration(pod.age_seconds)
    );
    text::spread(left, vec![Span::styled(words, theme.dim)], columns)
}

/// The log of the chosen pod where it is open, else the events.
fn story(app: &App, view: &ClusterView, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let (title, lines) = match app.cluster_log() {
        Some((pod, container)) => {
            let shown = log_lines(app, view, &pod, &container);
            (format!("log of {pod} · {container}"), shown)
        }
        None => ("events".to_owned(), event_lines(app, view)),
    };
    let filter = &app.filters[crate::tui::app::View::Cluster.index()];
    let title = if filter.is_empty() { title } else { format!("{title} · /{}", text::visible(filter)) };
    let inner = panel(buffer, area, &title, app.cluster.inside, &app.theme);
    let height = usize::from(inner.height);
    limits.cluster = lines.len().saturating_sub(height);
    if lines.is_empty() {
        let what = if app.cluster.inside { "No line of the log is shown." } else { "No event is shown." };
        return empty(buffer, inner, what, if filter.is_empty() { "" } else { "/ changes the filter" }, &app.theme);
    }
    let back = app.cluster.back.min(limits.cluster);
    let from = lines.len().saturating_sub(height + back);
    for (row, line) in lines.into_iter().skip(from).take(height).enumerate() {
        put(buffer, inner.x, inner.y + u16::try_from(row).unwrap_or(0), inner.width, line);
    }
    super::more(buffer, inner, limits.cluster - back, limits.cluster, &app.theme);
}

fn log_lines(app: &App, view: &ClusterView, pod: &str, container: &str) -> Vec<Line<'static>> {
    let log = view.log.as_ref().filter(|log| log.pod == pod && log.container == container);
    let lines = log.into_iter().flat_map(|log| &log.lines);
    lines.filter(|line| matches(app, line)).map(|line| Line::raw(text::visible(line))).collect()
}

fn event_lines(app: &App, view: &ClusterView) -> Vec<Line<'static>> {
    view.events
        .iter()
        .filter(|event| matches(app, &event_text(app, event)))
        .map(|event| event_line(app, event))
        .collect()
}

fn matches(app: &App, line: &str) -> bool {
    let words = &app.filters[crate::tui::app::View::Cluster.index()];
    words.is_empty() || line.to_lowercase().contains(&words.to_lowercase())
}

fn event_text(app: &App, event: &ClusterEvent) -> String {
    let at = event.at.map_or_else(String::new, |at| at.to_zoned(app.zone.clone()).strftime("%H:%M:%S").to_string());
    let times = if event.count > 1 { format!(" ×{}", event.count) } else { String::new() };
    text::visible(&format!("{at} {} {}{times}: {}", event.object, event.reason, event.message))
}

fn event_line(app: &App, event: &ClusterEvent) -> Line<'static> {
    let (sign, style) = if event.warning { ("▲ ", app.theme.warn) } else { ("· ", app.theme.dim) };
    Line::from(vec![Span::styled(sign, style), Span::raw(event_text(app, event))])
}

/// What the view shows, as plain text.
pub(in crate::tui) fn cluster_text(app: &App) -> Option<String> {
    let view = app.snapshot.cluster.as_ref()?;
    let mut lines = workload_lines(view, 100, &app.theme);
    lines.extend(view.pods.iter().map(|pod| pod_line(pod, 100, &app.theme)));
    lines.extend(match app.cluster_log() {
        Some((pod, container)) => log_lines(app, view, &pod, &container),
        None => event_lines(app, view),
    });
    Some(lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
}
