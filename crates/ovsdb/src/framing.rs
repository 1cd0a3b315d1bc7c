//! Cutting a stream of bytes into JSON values.
//!
//! OVSDB puts nothing between its messages (RFC 7047 §4): they are JSON objects one after the other, so the
//! end of a message is found by counting brackets outside strings.

use bytes::{Buf, BytesMut};
use serde_json::Value as Json;

use crate::error::{Error, Result};

/// Cuts concatenated JSON objects out of a stream that arrives in arbitrary pieces.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
    scanned: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Decoder {
    /// A decoder that refuses a message of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Decoder { buffer: BytesMut::new(), limit, scanned: 0, depth: 0, in_string: false, escaped: false }
    }

    /// Where received bytes are to be appended.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole message, or none until more bytes arrive. After an error the stream cannot be read on.
    pub fn decode(&mut self) -> Result<Option<Json>> {
        let Some(end) = self.scan()? else {
            return Ok(None);
        };
        let message = self.buffer.split_to(end);
        self.scanned = 0;
        serde_json::from_slice(&message).map(Some).map_err(|error| Error::protocol(format!("invalid JSON: {error}")))
    }

    /// Looks at bytes not seen before; the length of the first message once its end is there.
    fn scan(&mut self) -> Result<Option<usize>> {
        if self.depth == 0 {
            self.skip_space()?;
        }
        while let Some(&byte) = self.buffer.get(self.scanned) {
            if self.scanned >= self.limit {
                return Err(Error::protocol(format!("a message of more than {} bytes", self.limit)));
            }
            self.scanned += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 {
                return Ok(Some(self.scanned));
            }
        }
        Ok(None)
    }

    /// Drops white space between messages; what follows must begin an object.
    fn skip_space(&mut self) -> Result<()> {
        let space = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.buffer.advance(space);
        match self.buffer.first() {
            None | Some(b'{') => Ok(()),
            Some(byte) => Err(Error::protocol(format!("a message that begins with byte {byte:#04x}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn decode_all(decoder: &mut Decoder, pieces: &[&[u8]]) -> Result<Vec<Json>> {
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            while let Some(message) = decoder.decode()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn brackets_and_quotes_in_strings_do_not_count() {
        let messages = [json!({"a": "}{][\"\\"}), json!({"b\"}": [{}, "\\"]}), json!({})];
        let text: String = messages.iter().map(Json::to_string).collect();
        let mut decoder = Decoder::new(1000);
        assert_eq!(decode_all(&mut decoder, &[text.as_bytes()]).unwrap(), messages);
    }

    #[test]
    fn message_over_the_limit_is_refused_before_it_ends() {
        let mut decoder = Decoder::new(10);
        assert!(decode_all(&mut decoder, &[b"{\"a\":1}", b"  {\"b\":22}"]).is_ok());
        assert!(decode_all(&mut decoder, &[b"{\"aaaaaaaaaaaaaaaaa"]).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for garbage in ["HTTP/1.1 400", "[1]", "}", "\"x\"", "{]", "{\"a\"}", "\u{0}"] {
            assert!(decode_all(&mut Decoder::new(100), &[garbage.as_bytes()]).is_err(), "{garbage}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_an_overflow() {
        let text = format!("{}{}{}", "{\"a\":", "[".repeat(100_000), "]".repeat(100_000)) + "}";
        assert!(decode_all(&mut Decoder::new(1_000_000), &[text.as_bytes()]).is_err());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            texts in proptest::collection::vec(("\\PC{0,8}", any::<i32>(), "[ \\n\\t]{0,3}"), 0..6),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let messages: Vec<Json> = texts.iter().map(|(text, number, _)| json!({text: [number, {"x": text}]})).collect();
            let stream: String = messages.iter().zip(&texts).map(|(m, (_, _, space))| format!("{m}{space}")).collect();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &stream.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(decode_all(&mut Decoder::new(10_000), &pieces).unwrap(), messages);
        }

        #[test]
        fn garbage_never_panics(pieces in proptest::collection::vec("[\\[\\]{}\",:\\\\0-9a-z ]{0,12}", 0..12)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
            let _ = decode_all(&mut Decoder::new(64), &pieces);
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_all(&mut Decoder::new(64), &[b"{", &bytes]);
        }
    }
}
