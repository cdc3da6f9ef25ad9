//! From the parser's events to trees. No recursion: the depth of a document never becomes ours.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::scalar::{self, Unreadable};
use super::{Document, Key, Limits, Node, NodeValue, Origin, Stream};
use crate::diagnostic::{Code, Diagnostic, Place};

/// Faults of one document beyond which the rest of it is not said: nobody reads a thousand.
const FAULTS: usize = 100;

/// The trees of a text.
pub(super) fn compose(text: &str, path: &str, limits: &Limits) -> Stream {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut composer = Composer {
        text,
        path,
        limits,
        stream: Stream { documents: Vec::new(), diagnostics: Vec::new(), complete: true },
        nodes: 0,
        text_bytes: 0,
        count: 0,
        building: Building::default(),
    };
    composer.run(&mut parser);
    composer.stream
}

/// A position or length as a diagnostic holds it.
pub(super) fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What is known of the document that is being read.
#[derive(Default)]
struct Building {
    start: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    faults: usize,
}

/// A collection whose end has not come.
struct Open {
    line: u32,
    column: u32,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        fields: Vec<(Key, Node)>,
        seen: HashMap<String, (u32, u32)>,
        key: Option<PendingKey>,
        merges: Vec<Node>,
    },
}

/// A key that waits for its value.
enum PendingKey {
    Key(Key),
    Merge,
    /// A fault that has been reported; the value is dropped.
    Refused,
}

/// Over a limit: reading stops. The diagnostic is boxed because it is seldom made.
struct OverLimit(Box<Diagnostic>);

struct Composer<'a> {
    text: &'a str,
    path: &'a str,
    limits: &'a Limits,
    stream: Stream,
    nodes: usize,
    text_bytes: usize,
    count: usize,
    building: Building,
}

impl<'a> Composer<'a> {
    fn run(&mut self, parser: &mut Parser<'a, StrInput<'a>>) {
        loop {
            match parser.next_event() {
                None => break,
                Some(Ok((event, span))) => {
                    if let Err(OverLimit(diagnostic)) = self.event(event, span) {
                        self.stream.diagnostics.push(*diagnostic);
                        self.stream.complete = false;
                        break;
                    }
                }
                Some(Err(error)) => {
                    self.stream.diagnostics.push(self.scan_fault(&error));
                    self.stream.complete = false;
                    self.building = Building::default();
                    if !matches!(parser.proceed_next_document(), Ok(true)) {
                        break;
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event<'a>, span: Span) -> Result<(), OverLimit> {
        let (line, column) = (clamp(span.start.line()), clamp(span.start.col() + 1));
        match event {
            Event::DocumentStart(..) => {
                self.count += 1;
                if self.count > self.limits.documents {
                    let most = self.limits.documents;
                    return Err(self.over(line, column, format!("the file has more than {most} documents")));
                }
                self.building = Building { start: self.offset(&span.start), ..Building::default() };
            }
            Event::DocumentEnd => self.finish(&span.end),
            Event::Scalar(text, style, anchor, tag) => {
                self.count_text(text.len(), line, column)?;
                let node = self.scalar(&text, style, tag.as_deref(), line, column);
                self.place(node, anchor, line, column)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", line, column);
                self.open(Content::Sequence(Vec::new()), anchor, line, column)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", line, column);
                let content = Content::Mapping {
                    fields: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                    merges: Vec::new(),
                };
                self.open(content, anchor, line, column)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(anchor) => self.alias(anchor, line, column)?,
            Event::UnresolvedAlias(name) => {
                let message = format!("there is no anchor `&{name}` before this alias");
                self.fault(Code::S0201, line, column, message, None);
                self.place(Node::new(NodeValue::Null, line, column), 0, line, column)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a document that came to its end among the others, unless it is empty.
    fn finish(&mut self, end: &Marker) {
        let building = std::mem::take(&mut self.building);
        let Some(root) = building.root else { return };
        let empty = root.value == NodeValue::Null;
        if empty && building.faults == 0 {
            return;
        }
        let raw = self.text.get(building.start..self.offset(end)).unwrap_or_default().to_owned();
        self.stream.documents.push(Document { root, raw, sound: building.faults == 0 });
    }

    fn offset(&self, marker: &Marker) -> usize {
        marker.byte_offset().unwrap_or_default().min(self.text.len())
    }

    fn open(&mut self, content: Content, anchor: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        self.count_nodes(1, line, column)?;
        if self.building.open.len() >= self.limits.depth {
            return Err(self.over(line, column, self.too_deep()));
        }
        self.building.open.push(Open { line, column, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), OverLimit> {
        let Some(open) = self.building.open.pop() else { return Ok(()) };
        let (line, column) = (open.line, open.column);
        let value = match open.content {
            Content::Sequence(items) => NodeValue::Sequence(items),
            Content::Mapping { mut fields, merges, .. } => {
                self.merge(&mut fields, merges);
                NodeValue::Mapping(fields)
            }
        };
        // The node was counted when it was opened.
        self.nodes -= 1;
        self.place(Node::new(value, line, column), open.anchor, line, column)
    }

    /// Adds what merge keys bring; a key that is written stays, and an earlier mapping wins.
    fn merge(&mut self, fields: &mut Vec<(Key, Node)>, merges: Vec<Node>) {
        if merges.is_empty() {
            return;
        }
        let mut seen: HashSet<String> = fields.iter().map(|(key, _)| key.text.clone()).collect();
        for source in merges {
            let sources = match source.value {
                NodeValue::Sequence(items) => items,
                _ => vec![source],
            };
            for source in sources {
                let (line, column) = (source.line, source.column);
                let NodeValue::Mapping(more) = source.value else {
                    let message = "`<<` merges a mapping or a list of mappings".to_owned();
                    self.fault(Code::S0201, line, column, message, None);
                    continue;
                };
                fields.extend(more.into_iter().filter(|(key, _)| seen.insert(key.text.clone())));
            }
        }
    }

    fn alias(&mut self, anchor: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        let Some(target) = self.building.anchors.get(&anchor) else {
            let message = "this alias stands inside what it repeats".to_owned();
            self.fault(Code::S0201, line, column, message, None);
            return self.place(Node::new(NodeValue::Null, line, column), 0, line, column);
        };
        let (nodes, bytes) = target.size();
        let depth = target.depth();
        self.count_nodes(nodes.saturating_sub(1), line, column)?;
        self.count_repeated(bytes, line, column)?;
        if self.building.open.len() + depth > self.limits.depth {
            return Err(self.over(line, column, self.too_deep()));
        }
        let copy = self.building.anchors.get(&anchor).cloned();
        self.place(copy.unwrap_or(Node::new(NodeValue::Null, line, column)), 0, line, column)
    }

    /// Puts a node where it belongs: as the root, an item, a key or a value.
    fn place(&mut self, node: Node, anchor: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        self.count_nodes(1, line, column)?;
        if anchor != 0 {
            // A copy for each anchor, and anchors may stand inside anchors: so it is counted.
            let (nodes, bytes) = node.size();
            self.count_nodes(nodes, line, column)?;
            self.count_repeated(bytes, line, column)?;
            self.building.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.building.open.last_mut() else {
            self.building.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { fields, key, merges, .. } => match key.take() {
                Some(PendingKey::Key(key)) => fields.push((key, node)),
                Some(PendingKey::Merge) => merges.push(node),
                Some(PendingKey::Refused) => {}
                None => {
                    let pending = self.key(node, line, column);
                    if let Some(Open { content: Content::Mapping { key, .. }, .. }) =
                        self.building.open.last_mut()
                    {
                        *key = Some(pending);
                    }
                }
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node, line: u32, column: u32) -> PendingKey {
        let written = match node.origin {
            Origin::Plain(written) => Some(written),
            _ => None,
        };
        let text = match node.value {
            NodeValue::String(text) => text,
            NodeValue::Bool(value) => value.to_string(),
            NodeValue::Number(number) => number.to_string(),
            NodeValue::Null => "null".to_owned(),
            NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
                self.fault(Code::S0201, line, column, "a key must be a text".to_owned(), None);
                return PendingKey::Refused;
            }
        };
        if written.as_deref() == Some("<<") {
            return PendingKey::Merge;
        }
        let first = match self.building.open.last_mut() {
            Some(Open { content: Content::Mapping { seen, .. }, .. }) => {
                let first = seen.get(&text).copied();
                seen.entry(text.clone()).or_insert((line, column));
                first
            }
            _ => None,
        };
        if let Some((first_line, first_column)) = first {
            let message = format!(
                "the key `{}` stands twice: first in line {first_line}, column {first_column}",
                crate::diagnostic::shorten(&text)
            );
            self.fault(Code::S0202, line, column, message, Some("take one of the two away"));
            return PendingKey::Refused;
        }
        let written = written.filter(|written| **written != *text);
        PendingKey::Key(Key { text, written, line, column })
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, line: u32, column: u32) -> Node {
        let string = || Node::text(text, line, column);
        if let Some(tag) = tag {
            if tag.core_suffix() == Some("str") {
                return string();
            }
            let resolved = scalar::resolve(text).unwrap_or(NodeValue::Null);
            let fits = match (tag.core_suffix(), &resolved) {
                (Some("bool"), NodeValue::Bool(_))
                | (Some("null"), NodeValue::Null)
                | (Some("float"), NodeValue::Number(_)) => true,
                (Some("int"), NodeValue::Number(number)) => !number.is_f64(),
                _ => false,
            };
            if !fits {
                self.tag_fault(tag, line, column);
            }
            return Node::new(resolved, line, column);
        }
        if style != ScalarStyle::Plain {
            return string();
        }
        match scalar::resolve(text) {
            Ok(value) => Node { value, line, column, origin: Origin::Plain(text.into()) },
            Err(why) => {
                let text = crate::diagnostic::shorten(text);
                let message = match why {
                    Unreadable::NotFinite => format!("`{text}` is no number that Kubernetes knows"),
                    Unreadable::TooLarge => format!("the integer `{text}` does not fit into 64 bits"),
                    Unreadable::LosesDigits => format!("the number `{text}` has more digits than are kept"),
                };
                self.fault(Code::S0204, line, column, message, Some("quote it if a text is meant"));
                string()
            }
        }
    }

    /// A tag on a collection says nothing new or is refused.
    fn check_tag(&mut self, tag: Option<&Tag>, wanted: &str, line: u32, column: u32) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(wanted)) {
            self.tag_fault(tag, line, column);
        }
    }

    fn tag_fault(&mut self, tag: &Tag, line: u32, column: u32) {
        let tag = crate::diagnostic::shorten(&tag.original()).into_owned();
        let message = format!("the tag `{tag}` means nothing here");
        self.fault(Code::S0204, line, column, message, Some("take the tag away"));
    }

    fn fault(&mut self, code: Code, line: u32, column: u32, message: String, help: Option<&str>) {
        self.building.faults += 1;
        if self.building.faults > FAULTS {
            return;
        }
        let mut diagnostic = Diagnostic::error(code, self.at(line, column), message);
        diagnostic.help = help.map(str::to_owned);
        self.stream.diagnostics.push(diagnostic);
    }

    fn scan_fault(&self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let place = self.at(clamp(marker.line()), clamp(marker.col() + 1));
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return Diagnostic::error(Code::S0203, place, self.too_deep());
        }
        let diagnostic = Diagnostic::error(Code::S0201, place, error.kind().to_string());
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar => diagnostic.help("indent with spaces"),
            ErrorKind::MappingValueNotAllowed => {
                diagnostic.help("quote a text that has `: ` in it, and look at the indentation")
            }
            _ => diagnostic,
        }
    }

    fn count_nodes(&mut self, more: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        self.nodes = self.nodes.saturating_add(more);
        match self.nodes > self.limits.nodes {
            true => {
                let most = self.limits.nodes;
                Err(self.over(
                    line,
                    column,
                    format!("the file has more than {most} nodes, its aliases followed"),
                ))
            }
            false => Ok(()),
        }
    }

    fn count_text(&mut self, bytes: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if bytes > self.limits.scalar_bytes {
            let most = self.limits.scalar_bytes;
            let message = format!("this value has {bytes} bytes; at most {most} are read");
            return Err(self.over(line, column, message));
        }
        Ok(())
    }

    fn count_repeated(&mut self, bytes: usize, line: u32, column: u32) -> Result<(), OverLimit> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if self.text_bytes > self.limits.text_bytes {
            let most = self.limits.text_bytes;
            let message = format!("with what its aliases repeat the file has more than {most} bytes of text");
            return Err(self.over(line, column, message));
        }
        Ok(())
    }

    fn too_deep(&self) -> String {
        format!("more than {} levels of lists and mappings", self.limits.depth)
    }

    fn over(&self, line: u32, column: u32, message: String) -> OverLimit {
        OverLimit(Box::new(Diagnostic::error(Code::S0203, self.at(line, column), message)))
    }

    fn at(&self, line: u32, column: u32) -> Place {
        Place { path: self.path.to_owned(), line, column }
    }
}
