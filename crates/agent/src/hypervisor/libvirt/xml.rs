//! XML as a tree: what libvirt is given, and what it gives.

use protocol::Problem;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Writer, XmlVersion};

/// An element with all that is in it. Text beside elements is not kept: libvirt has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element with nothing but text.
    pub(super) fn text(name: &str, text: impl ToString) -> Self {
        Self { text: text.to_string(), ..Self::new(name) }
    }

    /// Has an attribute.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.attributes.push((name.to_owned(), value.to_string()));
        self
    }

    /// Has an element in it.
    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// Has elements in it.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.text.is_empty() && self.children.is_empty()
    }

    /// The value of an attribute.
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }

    /// Its text.
    pub(super) fn content(&self) -> &str {
        &self.text
    }

    /// The first element of that name in it.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements of that name in it.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> + use<'a> {
        let name = name.to_owned();
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element at the end of a way of names.
    pub(super) fn at(&self, way: &[&str]) -> Option<&Self> {
        way.iter().try_fold(self, |element, name| element.find(name))
    }

    /// As text.
    pub(super) fn write(&self) -> Result<String, Problem> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        let bad =
            |error: &dyn std::fmt::Display| Problem::Permanent(format!("the domain cannot be described: {error}"));
        self.write_to(&mut writer).map_err(|error| bad(&error))?;
        String::from_utf8(writer.into_inner()).map_err(|error| bad(&error))
    }

    fn write_to(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let attributes = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let start = BytesStart::new(self.name.as_str()).with_attributes(attributes);
        if self.text.is_empty() && self.children.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            writer.write_event(Event::Text(BytesText::new(&self.text)))?;
        }
        for child in &self.children {
            child.write_to(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name.as_str())))
    }

    /// What libvirt said. References in text, which only names and titles have, are left out.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        read(text).map_err(|error| Problem::Temporary(format!("what libvirt says is not understood: {error}")))
    }
}

fn read(text: &str) -> Result<Element, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(text);
    // The elements that are open, the outermost first; under them what holds the whole.
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event()? {
            Event::Start(start) => open.push(element(&start)?),
            Event::Empty(start) => {
                if let Some(parent) = open.last_mut() {
                    parent.children.push(element(&start)?);
                }
            }
            Event::End(_) => {
                if let Some(done) = open.pop()
                    && let Some(parent) = open.last_mut()
                {
                    parent.children.push(done);
                }
            }
            Event::Text(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(text.trim());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(open.into_iter().next().and_then(|mut whole| whole.children.pop()).unwrap_or_default())
}

fn element(start: &BytesStart<'_>) -> Result<Element, quick_xml::Error> {
    let mut element = Element::new(start.name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute?;
        let name = attribute.key.as_ref().to_owned();
        element.attributes.push((name, attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()));
    }
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let domain = Element::new("domain")
            .with("type", "kvm")
            .child(Element::text("name", "a"))
            .child(Element::new("devices").children(["x", "y"].map(|dev| Element::new("disk").with("dev", dev))));
        let text = domain.write().unwrap();
        let read = Element::parse(&text).unwrap();
        assert_eq!(read, domain);
        assert_eq!(read.at(&["devices", "disk"]).and_then(|disk| disk.get("dev")), Some("x"));
        assert_eq!(read.find("devices").map(|devices| devices.all("disk").count()), Some(2));
        assert!(matches!(Element::parse("<a><b></a>"), Err(Problem::Temporary(_))));
    }

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        let text = Element::text("title", "<a> & \"b\"").with("x", "\"<&").write().unwrap();
        assert_eq!(text, r#"<title x="&quot;&lt;&amp;">&lt;a&gt; &amp; &quot;b&quot;</title>"#);
    }
}
