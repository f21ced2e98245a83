//! 32 secret bytes as 64 hex digits and back; what passes through here is wiped.
//!
//! In: 32 bytes, or text. Out: lower-case digits, or the bytes; upper case is read too. Pure.

use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// 64 lower-case digits.
pub(super) fn encode(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes behind exactly 64 digits.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_else_reads() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 9) as u8);
        let text = encode(&bytes);
        assert_eq!(*decode(text.as_bytes()).unwrap(), bytes);
        assert_eq!(*decode(text.to_uppercase().as_bytes()).unwrap(), bytes);
        assert!(decode(&text.as_bytes()[..63]).is_none());
        assert!(decode(&[b'g'; 64]).is_none());
        assert!(decode("é".repeat(32).as_bytes()).is_none());
    }
}
