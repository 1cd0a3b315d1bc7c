use jiff::Timestamp;

/// A parameter of a statement. Absent values keep their type, as PostgreSQL wants it.
#[derive(Debug, Clone)]
pub enum Value {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Int(Option<i64>),
    /// BOOLEAN.
    Bool(Option<bool>),
    /// DOUBLE PRECISION.
    Real(Option<f64>),
    /// BYTEA or BLOB.
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident $convert:expr;)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some(($convert)(value)))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

value_from! {
    String => Text |v| v;
    &str => Text |v: &str| v.to_owned();
    &String => Text |v: &String| v.clone();
    i64 => Int |v| v;
    i32 => Int i64::from;
    u32 => Int i64::from;
    u16 => Int i64::from;
    bool => Bool |v| v;
    f64 => Real |v| v;
    Vec<u8> => Bytes |v| v;
    Timestamp => Int |v: Timestamp| v.as_microsecond();
}
