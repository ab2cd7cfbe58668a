//! XML as reports of builds are written in: whichever encoding and quotes, perhaps cut short.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion, escape};

/// The text of a file: UTF-16 where its first bytes say so, else UTF-8, without its byte order mark. What can't be read
/// is replaced.
pub fn decode(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A part of a document.
#[derive(Debug)]
pub enum Part<'a> {
    /// What a document type declaration says.
    Type(String),
    /// The beginning of an element.
    Start(StartTag<'a>),
    /// The end of an element.
    End,
    /// Text in an element, or a piece of it.
    Text(String),
}

/// A start tag.
#[derive(Debug)]
pub struct StartTag<'a>(BytesStart<'a>);

impl StartTag<'_> {
    /// The element's name, without its namespace.
    pub fn name(&self) -> &str {
        let name: &str = self.0.as_ref();
        let name = &name[..name.len() - self.0.attributes_raw().len()];
        name.rsplit(':').next().unwrap_or(name)
    }

    /// The value of an attribute, without escapes.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        let found = attributes.with_checks(false).flatten().find(|found| found.key.as_ref() == name)?;
        let value = found.normalized_value(XmlVersion::default());
        Some(value.map_or_else(|_| found.value.to_string(), |value| value.into_owned()))
    }
}

/// The parts of a document, as far as it can be read.
pub struct Parts<'a> {
    reader: Reader<&'a [u8]>,
    /// The element that began is also the end of itself.
    ends: bool,
}

impl<'a> Parts<'a> {
    /// The parts of `text`.
    pub fn of(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        Self { reader, ends: false }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if std::mem::take(&mut self.ends) {
            return Some(Part::End);
        }
        loop {
            return Some(match self.reader.read_event().ok()? {
                Event::Eof => return None,
                Event::Start(tag) => Part::Start(StartTag(tag)),
                Event::Empty(tag) => {
                    self.ends = true;
                    Part::Start(StartTag(tag))
                }
                Event::End(_) => Part::End,
                Event::Text(text) => Part::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Part::Text(text.xml10_content().into_owned()),
                Event::DocType(text) => Part::Type(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(letter)) => Part::Text(letter.to_string()),
                    _ => Part::Text(
                        escape::resolve_predefined_entity(reference.as_ref()).unwrap_or_default().to_owned(),
                    ),
                },
                _ => continue,
            });
        }
    }
}

/// The text of the first element at this path of names, that of the root first; `None` if there is no such element.
pub fn text_at(document: &str, path: &[&str]) -> Option<String> {
    let mut open: Vec<String> = Vec::new();
    let mut text: Option<String> = None;
    for part in Parts::of(document) {
        match part {
            Part::Start(tag) => open.push(tag.name().to_owned()),
            Part::End if text.is_some() && open == path => return text,
            Part::End => {
                open.pop();
                continue;
            }
            Part::Text(piece) if open == path => text.get_or_insert_default().push_str(&piece),
            Part::Text(_) | Part::Type(_) => {}
        }
        if open == path {
            text.get_or_insert_default();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_encoding_are_decoded() {
        let utf16 = |unit: fn(u16) -> [u8; 2]| "<ä/>".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        for bytes in [
            "<ä/>".as_bytes().to_vec(),
            "\u{feff}<ä/>".as_bytes().to_vec(),
            [vec![0xff, 0xfe], little.clone()].concat(),
            [vec![0xfe, 0xff], big.clone()].concat(),
            little,
            big,
        ] {
            assert_eq!(decode(&bytes), "<ä/>", "{bytes:x?}");
        }
        assert_eq!(decode(b"<\xe4/>"), "<\u{fffd}/>");
    }

    #[test]
    fn text_is_found_by_the_path_of_its_element() {
        let text = "<p xmlns='x'><!-- <m><id>c</id></m> --><id>a</id><m><id> b<!-- d -->&amp;<x>y</x>e </id><id>z</id></m></p>";
        assert_eq!(text_at(text, &["p", "m", "id"]).as_deref(), Some(" b&e "));
        assert_eq!(text_at(text, &["p", "id"]).as_deref(), Some("a"));
        assert_eq!(text_at("<p><m><id/></m></p>", &["p", "m", "id"]).as_deref(), Some(""));
        for text in ["", "<p><id>a</id></p>", "<p><m><id>cut"] {
            assert_eq!(text_at(text, &["p", "m", "id"]), None, "{text}");
        }
    }

    #[test]
    fn a_document_is_read_as_far_as_it_goes() {
        let text = "<?xml version='1.0'?>\n<!DOCTYPE r SYSTEM 'x'><n:r a='1 &amp; 2' b=\"'\"><!-- <c/> --><c/>\
                    x&lt;&#65;<![CDATA[<d>]]></n:r><cut a=";
        let mut shown = String::new();
        for part in Parts::of(text) {
            match part {
                Part::Start(tag) => {
                    let values = ["a", "b"].map(|name| tag.attribute(name).unwrap_or_default()).join("|");
                    shown.push_str(&format!("<{} {values}>", tag.name()));
                }
                Part::End => shown.push_str("</>"),
                Part::Text(text) => shown.push_str(text.trim()),
                Part::Type(text) => shown.push_str(&format!("[{text}]")),
            }
        }
        assert_eq!(shown, "[r SYSTEM 'x']<r 1 & 2|'><c |></>x<A<d></>");
    }
}
