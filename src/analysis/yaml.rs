//! YAML as a tree of text, lists and maps: scalars stay as they are written, so that `1.10` is no number.

use std::fmt;
use yaml_rust2::parser::{Event, Parser};

/// Longest text read, in bytes.
const LONGEST: usize = 256 * 1024;
/// Nodes read at most, those that aliases repeat counted each time.
const MOST_NODES: usize = 50_000;
/// Lists and maps in each other at most.
const DEEPEST: usize = 16;

/// A node and the line it begins on, from 1.
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

/// Reads a text of one document.
///
/// # Errors
/// Why it is no YAML, or more than is read here: the end of a sentence whose subject is the text.
pub(super) fn read(text: &str) -> Result<Node, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    loop {
        let (event, marker) = parser
            .next_token()
            .map_err(|error| format!("is no YAML: line {}: {}", error.marker().line(), error.info()))?;
        if event == Event::StreamEnd {
            return tree.root.ok_or_else(|| "is empty".into());
        }
        let line = marker.line();
        tree.take(event, line).map_err(|why| format!("can't be read: line {line}: {why}"))?;
    }
}

#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    nodes: usize,
    /// What anchors name, by their numbers.
    anchored: Vec<(usize, Node)>,
}

/// A list or map whose end has not come yet; a map's keys and values take turns.
struct Open {
    line: usize,
    anchor: usize,
    items: Vec<Node>,
}

impl Tree {
    fn take(&mut self, event: Event, line: usize) -> Result<(), &'static str> {
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
                if self.open.len() > DEEPEST { Err("it is nested too deeply") } else { Ok(()) }
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
                let (_, node) = known.ok_or("an alias stands inside of what it names")?;
                let node = node.clone();
                self.count(size(&node))?;
                self.add(node, 0);
                Ok(())
            }
            Event::DocumentStart if self.root.is_some() => Err("a second document begins"),
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), &'static str> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err("it holds too much") } else { Ok(()) }
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
    fn scalars_are_text_as_it_is_written() {
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
    fn what_is_no_yaml_or_too_much_of_it() {
        let bomb: String = (0..20)
            .map(|level| match level {
                0 => "- &a0 [x, x]\n".to_owned(),
                _ => format!("- &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1),
            })
            .collect();
        for (text, expected) in [
            ("", "is empty"),
            ("# nothing", "is empty"),
            ("- a\n- b: [c", "is no YAML: line 3"),
            ("- a: [\n\tb: c: d]", "is no YAML: line"),
            ("- *a", "is no YAML: line 1"),
            ("- &a [*a]", "inside of what it names"),
            ("a\n---\nb", "can't be read: line 2: a second document"),
            (&"[".repeat(17), "nested too deeply"),
            (&bomb, "holds too much"),
            (&"x".repeat(LONGEST + 1), "is longer than"),
        ] {
            let why = read(text).map(|node| shown(&node)).unwrap_err();
            assert!(why.contains(expected), "{text:.40}: {why}");
        }
    }
}
