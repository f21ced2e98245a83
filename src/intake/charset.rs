//! In which charset a list file is written, and its text as UTF-8.
//!
//! In: the first bytes of a file, or a reader. Out: a charset, or a reader of UTF-8 without a byte
//! order mark. UTF-8, UTF-16 (with a mark only) and GB18030. Bytes that are no character become
//! U+FFFD, which whoever takes the text must refuse; UTF-8 passes untouched. Never reads a whole
//! file to decide.

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

/// Bytes at the start of a file that decide its charset, at most.
pub const HEAD_BYTES_MAX: usize = 1 << 20;

const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF_16LE_MARK: &[u8] = b"\xff\xfe";
const UTF_16BE_MARK: &[u8] = b"\xfe\xff";

/// How text is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// GB18030, and with it GBK and GB 2312.
    Gb18030,
}

impl Charset {
    /// The word of profiles and notes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Gb18030 => "gb18030",
        }
    }

    /// From the word; older names of GB18030 too.
    pub fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "utf-16le" => Some(Self::Utf16Le),
            "utf-16be" => Some(Self::Utf16Be),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }

    /// By the byte order mark, else by what the bytes can be. `head` is the start of the file.
    ///
    /// Text that is both (plain ASCII) is UTF-8. GB18030 is taken only where most of what is not
    /// ASCII cannot be UTF-8 and can be GB18030: a few damaged lines do not change the charset.
    pub fn detect(head: &[u8]) -> Self {
        if head.starts_with(UTF_8_MARK) {
            return Self::Utf8;
        }
        if head.starts_with(UTF_16LE_MARK) {
            return Self::Utf16Le;
        }
        if head.starts_with(UTF_16BE_MARK) {
            return Self::Utf16Be;
        }
        let (good, bad) = utf_8_characters(head);
        if bad <= good {
            return Self::Utf8;
        }
        // One kind of damage is left: at the end the head may cut a character in two.
        let (text, _) = GB18030.decode_without_bom_handling(head);
        let lost = text.chars().filter(|c| *c == '\u{fffd}').count();
        let wide = text.chars().filter(|c| !c.is_ascii()).count();
        if lost * 10 <= wide {
            Self::Gb18030
        } else {
            Self::Utf8
        }
    }

    fn encoding(self) -> Option<&'static Encoding> {
        match self {
            Self::Utf8 => None,
            Self::Utf16Le => Some(UTF_16LE),
            Self::Utf16Be => Some(UTF_16BE),
            Self::Gb18030 => Some(GB18030),
        }
    }
}

/// Characters beyond ASCII that are UTF-8, and bytes that are not.
fn utf_8_characters(head: &[u8]) -> (usize, usize) {
    let mut good = 0;
    let mut bad = 0;
    for chunk in head.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    (good, bad)
}

/// The reader with its first bytes looked at, as UTF-8, and its charset.
///
/// `stated`: what a profile says, where a mark does not say otherwise.
pub fn as_utf_8<'a>(
    mut reader: Box<dyn Read + 'a>,
    stated: Option<Charset>,
) -> io::Result<(Box<dyn Read + 'a>, Charset)> {
    let mut head = Vec::new();
    (&mut reader)
        .take(HEAD_BYTES_MAX as u64)
        .read_to_end(&mut head)?;
    let has_mark = [UTF_8_MARK, UTF_16LE_MARK, UTF_16BE_MARK]
        .into_iter()
        .any(|mark| head.starts_with(mark));
    let charset = match stated {
        Some(stated) if !has_mark => stated,
        _ => Charset::detect(&head),
    };
    let whole: Box<dyn Read + 'a> = Box::new(io::Cursor::new(head).chain(reader));
    Ok(match charset.encoding() {
        None => (whole, charset),
        Some(encoding) => {
            let decoding = Decoding {
                reader: whole,
                decoder: encoding.new_decoder_with_bom_removal(),
                raw: vec![0; 1 << 16],
                raw_at: 0,
                raw_end: 0,
                ended: false,
                done: false,
                spill: Vec::new(),
            };
            (Box::new(decoding), charset)
        }
    })
}

/// Bytes of one charset in, UTF-8 out.
struct Decoding<'a> {
    reader: Box<dyn Read + 'a>,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    ended: bool,
    done: bool,
    /// Text that did not fit into the caller's buffer.
    spill: Vec<u8>,
}

/// The decoder needs room for one character and a replacement.
const ROOM_MIN: usize = 32;

impl Read for Decoding<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if !self.spill.is_empty() {
            let taken = self.spill.len().min(out.len());
            out[..taken].copy_from_slice(&self.spill[..taken]);
            self.spill.drain(..taken);
            return Ok(taken);
        }
        if out.len() < ROOM_MIN {
            let mut small = [0; ROOM_MIN];
            let written = self.decode(&mut small)?;
            let taken = written.min(out.len());
            out[..taken].copy_from_slice(&small[..taken]);
            self.spill.extend_from_slice(&small[taken..written]);
            return Ok(taken);
        }
        self.decode(out)
    }
}

impl Decoding<'_> {
    /// At least one byte of text, or none at the end.
    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.done {
            if self.raw_at == self.raw_end && !self.ended {
                self.raw_at = 0;
                self.raw_end = self.reader.read(&mut self.raw)?;
                self.ended = self.raw_end == 0;
            }
            let raw = &self.raw[self.raw_at..self.raw_end];
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, out, self.ended);
            self.raw_at += read;
            self.done = self.ended && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], stated: Option<Charset>) -> (String, Charset) {
        let (mut reader, charset) = as_utf_8(Box::new(bytes), stated).unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        (String::from_utf8_lossy(&text).into_owned(), charset)
    }

    fn utf_16(text: &str, big: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let pair = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.flat_map(pair).collect()
    }

    const TEXT: &str = "姓名,案号\n张三丰,(2016)测9901执1234号\n𠮷野,x\n";

    #[test]
    fn each_charset_is_found_and_read() {
        let (gb, _, _) = GB18030.encode(TEXT);
        assert_eq!(read(&gb, None), (TEXT.into(), Charset::Gb18030));
        assert_eq!(read(TEXT.as_bytes(), None), (TEXT.into(), Charset::Utf8));
        for big in [false, true] {
            let (text, charset) = read(&utf_16(TEXT, big), None);
            assert_eq!(text, TEXT);
            assert_eq!(charset == Charset::Utf16Be, big);
        }
        let marked = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
        assert_eq!(read(&marked, Some(Charset::Gb18030)).1, Charset::Utf8);
    }

    #[test]
    fn a_stated_charset_holds_and_a_few_damaged_bytes_change_nothing() {
        let short = "李";
        let (gb, _, _) = GB18030.encode(short);
        assert_eq!(read(&gb, Some(Charset::Gb18030)).0, short);
        let damaged = [TEXT.as_bytes(), b"\xff\xfe\n"].concat();
        assert_eq!(read(&damaged, None).1, Charset::Utf8);
        assert_eq!(Charset::detect(b"\xff\xff\xff\n"), Charset::Utf8);
        assert_eq!(Charset::detect(b"plain"), Charset::Utf8);
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_small_reads_give_the_same(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            step in 1usize..40,
        ) {
            let (whole, _) = read(&bytes, Some(Charset::Gb18030));
            let (mut reader, _) = as_utf_8(Box::new(&bytes[..]), Some(Charset::Gb18030)).unwrap();
            let mut text = Vec::new();
            let mut part = vec![0; step];
            loop {
                let count = reader.read(&mut part).unwrap();
                if count == 0 { break; }
                text.extend_from_slice(&part[..count]);
            }
            prop_assert_eq!(String::from_utf8_lossy(&text).into_owned(), whole);
        }
    }
}
