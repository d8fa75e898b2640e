//! YAML text as a tree that knows where everything stands.
//!
//! Built from the events of serde-saphyr's own parser instead of by `Deserialize`: serde stops at the first mistake, and an operator wants
//! all of them. Scalars keep their text as written (`1.10` stays `1.10`); what they mean is decided by the shape they are read into.

use super::problem::{Place, Problems};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Deeper documents are refused, so that whoever walks a tree may recurse.
const MAX_DEPTH: usize = 48;
/// Larger documents are refused, so that a few aliases cannot fill the memory.
const MAX_NODES: usize = 50_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that cannot be meant, and that has been said.
    Broken,
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub text: String,
    /// Written without quotes: only such a scalar can be null, a number or a boolean where the shape does not say.
    pub plain: bool,
    /// Written as a literal block whose lines are indented this far; then lines of the text are lines of the file.
    pub block: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Node,
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) if !self.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(Scalar { text, plain: true, .. }) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Null, empty text, empty list, empty map: as good as not written.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => self.is_null() || scalar.text.is_empty(),
            Kind::List(items) => items.is_empty(),
            Kind::Map(entries) => entries.is_empty(),
            Kind::Broken => false,
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under `key`; none where there is no such key or nothing behind it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// Where the byte `offset` of this scalar's text stands: exact in literal blocks, else the scalar's beginning.
    pub(crate) fn place_of(&self, offset: usize) -> Place {
        let Kind::Scalar(Scalar { text, block: Some(indent), .. }) = &self.kind else {
            return self.place;
        };
        let before = text.get(..offset).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        Place { line: self.place.line + 1 + before.matches('\n').count(), column: indent + column + 1 }
    }

    /// What this is, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(_) if self.is_null() => "nothing",
            Kind::Scalar(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) | Kind::Broken => "a map",
        }
    }

    fn height(&self) -> usize {
        let below = match &self.kind {
            Kind::Scalar(_) | Kind::Broken => 0,
            Kind::List(items) => items.iter().map(Self::height).max().unwrap_or(0),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.height()).max().unwrap_or(0),
        };
        below + 1
    }

    fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar(_) | Kind::Broken => 0,
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }
}

/// The tree of a text; none when the text is no YAML, with the reason in `problems`.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let events = Parser::new_from_str(text);
    let mut builder = Builder { events, problems, lines: text.lines().collect(), anchors: HashMap::new(), nodes: 0 };
    let root = builder.document();
    match root {
        Ok(root) => root,
        Err(Stop { place, message, suggestion }) => {
            problems.add(place, message, suggestion);
            None
        }
    }
}

struct Builder<'t, 'p, I> {
    events: I,
    problems: &'p mut Problems,
    lines: Vec<&'t str>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// What makes the rest of the text unreadable.
struct Stop {
    place: Place,
    message: String,
    suggestion: String,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> Builder<'t, '_, I> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    self.problems.add(
                        place(span),
                        "a second YAML document begins here",
                        "keep one runbook in one file",
                    );
                    break;
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root)
    }

    /// The next event that means something.
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Stop> {
        loop {
            match self.events.next() {
                None => return Ok(None),
                Some(Err(error)) => return Err(unreadable(&error)),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(pair)) => return Ok(Some(pair)),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        let place = place(span);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(too_large(place));
        }
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, Kind::Scalar(self.scalar(text, style, tag.as_deref(), place)))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), place);
                (anchor, Kind::List(self.list(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), place);
                (anchor, self.map(depth)?)
            }
            Event::Alias(anchor) => return self.alias(anchor, place, depth),
            _ => return Err(unexpected_end(place)),
        };
        let node = Node { place, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: Place, depth: usize) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Stop {
                place,
                message: "an alias stands inside the value that it names".to_owned(),
                suggestion: "write the value out".to_owned(),
            });
        };
        self.nodes += node.count();
        if depth + node.height() > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(too_large(place));
        }
        Ok(node.clone())
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Scalar {
        let text_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if !text_tag {
            self.refuse_tag(tag, place);
        }
        let block = (style == ScalarStyle::Literal).then(|| self.block_indent(place));
        Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain && !text_tag, block }
    }

    /// How far the lines of the literal block that begins at `place` are indented.
    fn block_indent(&self, place: Place) -> usize {
        let first = self.lines.iter().skip(place.line).find(|line| !line.trim().is_empty());
        first.map_or(0, |line| line.len() - line.trim_start().len())
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut broken = false;
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span, depth + 1)?;
            match key.kind {
                Kind::Scalar(Scalar { text, .. }) => {
                    let entry = Entry { key: text, place: key.place, value };
                    self.entry(entry, &mut entries);
                }
                _ => {
                    let advice = "put a template in quotes: \"{{ … }}\"";
                    self.problems.add(key.place, "a key must be text, not a list or a map", advice);
                    broken = true;
                }
            }
        }
        Ok(if broken { Kind::Broken } else { Kind::Map(entries) })
    }

    fn entry(&mut self, entry: Entry, entries: &mut Vec<Entry>) {
        let Entry { key, place, .. } = &entry;
        if let Some(first) = entries.iter().find(|earlier| earlier.key == *key) {
            let message = format!("`{key}` is written twice; the first is in line {}", first.place.line);
            self.problems.add(*place, message, "remove one of them");
            return;
        }
        if key.contains("{{") {
            let advice = "write the key out; templates stand in values";
            self.problems.add(*place, format!("the key `{key}` is a template"), advice);
        }
        entries.push(entry);
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag.filter(|tag| tag.is_custom()) {
            self.problems.add(place, format!("the tag `{}` means nothing here", tag.original()), "remove it");
        }
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn unreadable(error: &ScanError) -> Stop {
    let marker = error.marker();
    Stop {
        place: Place { line: marker.line().max(1), column: marker.col() + 1 },
        message: format!("this is no YAML: {}", error.info()),
        suggestion: "look at the indentation, quotes and brackets here and in the line above".to_owned(),
    }
}

fn unexpected_end(place: Place) -> Stop {
    Stop { place, message: "the text ends in the middle of a value".to_owned(), suggestion: String::new() }
}

fn too_large(place: Place) -> Stop {
    Stop {
        place,
        message: format!("the document is nested deeper than {MAX_DEPTH} levels or has more than {MAX_NODES} values"),
        suggestion: "write less, or fewer aliases".to_owned(),
    }
}
