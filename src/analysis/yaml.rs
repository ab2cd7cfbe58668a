//! YAML as a tree of text, lists and maps. Scalars stay text as written: `1.10` is not a number.
//!
//! Read with yaml-rust2's events. The serde-based readers are larger, and turn `1.10` into 1.1 unless each field is known.

use std::fmt;
use yaml_rust2::parser::{Event, Parser};

/// The longest text that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// Values read at most; one that an alias repeats counts each time.
const MOST_NODES: usize = 50_000;
/// How deep lists and maps may be nested.
const DEEPEST: usize = 16;

/// A node, and the line on which it begins, counted from 1.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its text may hold a password.
        f.debug_struct("Node").field("line", &self.line).finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(super) enum Content {
    /// Text; empty where nothing, `~` or `null` is written.
    Text(String),
    List(Vec<Node>),
    /// Keys and values in the order in which they are written.
    Map(Vec<(Node, Node)>),
}

/// Why a text was not read. `Display` is a predicate: its subject is the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// It is larger than any list of projects.
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// It holds no document.
    #[error("is empty")]
    Empty,
    /// The parser stopped.
    #[error("is not valid YAML (line {line}: {reason})")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// The parser's own words.
        reason: String,
    },
    /// It is YAML, but not of the kind that is read here.
    #[error("could not be read, because in line {line} {fault}")]
    Unsupported {
        /// Counted from 1.
        line: usize,
        /// What is there.
        fault: YamlFault,
    },
}

/// What is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum YamlFault {
    /// Beyond [`DEEPEST`].
    #[error("lists and maps are nested more than {DEEPEST} deep")]
    TooDeep,
    /// Beyond [`MOST_NODES`]: aliases can make a short text stand for an endless one.
    #[error("it holds more than {MOST_NODES} values")]
    TooMany,
    /// `&a [*a]`.
    #[error("an alias stands inside the value it names")]
    SelfReference,
    /// `---` in the middle.
    #[error("a second document begins")]
    SecondDocument,
}

/// Reads a text of one document.
///
/// # Errors
/// It is not YAML, or exceeds a limit of this module.
pub(super) fn read(text: &str) -> Result<Node, YamlError> {
    if text.len() > LONGEST {
        return Err(YamlError::TooLong);
    }
    let mut parser = Parser::new_from_str(text);
    let mut tree = Builder::default();
    loop {
        let (event, marker) = parser.next_token().map_err(|error| YamlError::Syntax {
            line: error.marker().line(),
            reason: error.info().to_owned(),
        })?;
        if event == Event::StreamEnd {
            return tree.root.ok_or(YamlError::Empty);
        }
        let line = marker.line();
        tree.take(event, line).map_err(|fault| YamlError::Unsupported { line, fault })?;
    }
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    nodes: usize,
    /// The nodes that anchors name, by the number of the anchor.
    anchored: Vec<(usize, Node)>,
}

/// A list or map whose end has not been read. In a map, keys and values alternate.
struct Open {
    line: usize,
    anchor: usize,
    items: Vec<Node>,
}

impl Builder {
    fn take(&mut self, event: Event, line: usize) -> Result<(), YamlFault> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == yaml_rust2::scanner::TScalarStyle::Plain
                    && matches!(text.as_str(), "~" | "null" | "Null" | "NULL");
                let content = Content::Text(if is_null { String::new() } else { text });
                self.count(1)?;
                self.add(Node { line, content }, anchor);
                Ok(())
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                self.count(1)?;
                self.open.push(Open { line, anchor, items: Vec::new() });
                if self.open.len() > DEEPEST { Err(YamlFault::TooDeep) } else { Ok(()) }
            }
            Event::SequenceEnd => {
                self.close(Content::List);
                Ok(())
            }
            Event::MappingEnd => {
                self.close(|items| {
                    let mut items = items.into_iter();
                    Content::Map(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect())
                });
                Ok(())
            }
            Event::Alias(anchor) => {
                let known = self.anchored.iter().find(|(number, _)| *number == anchor);
                let (_, node) = known.ok_or(YamlFault::SelfReference)?;
                let node = node.clone();
                self.count(size(&node))?;
                self.add(node, 0);
                Ok(())
            }
            Event::DocumentStart if self.root.is_some() => Err(YamlFault::SecondDocument),
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), YamlFault> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err(YamlFault::TooMany) } else { Ok(()) }
    }

    fn close(&mut self, content: fn(Vec<Node>) -> Content) {
        // The parser closes only what it has opened.
        if let Some(Open { line, anchor, items }) = self.open.pop() {
            self.add(Node { line, content: content(items) }, anchor);
        }
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchored.push((anchor, node.clone()));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.content {
        Content::Text(_) => 1,
        Content::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Map(pairs) => 1 + pairs.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        match &node.content {
            Content::Text(text) => format!("{text:?}"),
            Content::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Content::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn scalars_stay_text_as_written() {
        for (text, expected) in [
            (
                "a: 1.10\nb: yes\nc: 0x1F\nd: null\ne:\nf: '~'",
                r#"{"a": "1.10", "b": "yes", "c": "0x1F", "d": "", "e": "", "f": "~"}"#,
            ),
            ("- a\n- [b, {c: d}]\n# e\n- |\n  f\n  g\n", r#"["a", ["b", {"c": "d"}], "f\ng\n"]"#),
            (r#"[{"a": true, "b": "c\td"}]"#, r#"[{"a": "true", "b": "c\td"}]"#),
            ("- &a {b: c}\n- *a", r#"[{"b": "c"}, {"b": "c"}]"#),
            ("---\nx\n...\n", r#""x""#),
        ] {
            assert_eq!(shown(&read(text).unwrap()), expected, "{text}");
        }
        let tree = read("- a:\n    b: c\n- d").unwrap();
        let Content::List(items) = tree.content else { panic!() };
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn what_is_not_yaml_or_too_large_is_an_error() {
        let bomb: String = (0..20)
            .map(|level| match level {
                0 => "- &a0 [x, x]\n".to_owned(),
                _ => format!("- &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1),
            })
            .collect();
        for (text, expected) in [
            ("", "is empty"),
            ("# nothing", "is empty"),
            ("- a\n- b: [c", "is not valid YAML (line 3"),
            ("- a: [\n\tb: c: d]", "is not valid YAML (line"),
            ("- *a", "is not valid YAML (line 1"),
            ("- &a [*a]", "an alias stands inside the value"),
            ("a\n---\nb", "because in line 2 a second document begins"),
            (&"[".repeat(17), "nested more than"),
            (&bomb, "more than 50000 values"),
            (&"x".repeat(LONGEST + 1), "is longer than"),
        ] {
            let why = read(text).map(|node| shown(&node)).unwrap_err().to_string();
            assert!(why.contains(expected), "{text:.40}: {why}");
        }
    }
}
