//! JSON as APIs mean it: an object is an object.
//!
//! What serde derives for a struct also reads an array, field by field. No API means that.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde_json::{Error, Value};

/// The value as a `T`, in which every struct comes from an object. The field that is not as it should be, if that is
/// known, and what is wrong with it.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, (Option<String>, Error)> {
    serde_path_to_error::deserialize(Strict(value)).map_err(|error| {
        let path = error.path().to_string();
        ((path != ".").then_some(path), error.into_inner())
    })
}

struct Strict(Value);

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Strict));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(fields) => {
                let mut fields = MapDeserializer::new(fields.into_iter().map(|(name, value)| (name, Strict(value))));
                let value = visitor.visit_map(&mut fields)?;
                fields.end().map(|()| value)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            // Some would take it for an empty map.
            Value::Null => Err(Error::invalid_type(Unexpected::Unit, &"an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::from_value;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        name: String,
        #[serde(default)]
        number: Option<f64>,
    }

    #[test]
    fn objects_alone_are_structs() {
        let read = |value| from_value::<Outer>(value);
        let named = |name: &str| Inner { name: name.to_owned(), number: Some(1.0) };
        let both = json!({"inner": {"name": "a", "number": 1}, "list": [{"name": "b", "number": 1.0}]});
        assert_eq!(read(both).unwrap(), Outer { inner: Some(named("a")), list: vec![named("b")] });
        assert_eq!(read(json!({"inner": null})).unwrap(), Outer { inner: None, list: Vec::new() });
        for (wrong, path) in [
            (json!([{"name": "a"}]), None),
            (json!(null), None),
            (json!({"inner": ["a"]}), Some("inner")),
            (json!({"list": [["a"]]}), Some("list[0]")),
            (json!({"list": [{"name": 1}]}), Some("list[0].name")),
            (json!({"other": 1}), Some("other")),
        ] {
            let (at, error) = read(wrong.clone()).unwrap_err();
            assert_eq!(at.as_deref(), path, "{wrong}: {error}");
        }
    }
}
