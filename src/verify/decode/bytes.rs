//! Bytes, identifiers of 16 bytes, and bit strings.

use super::Misfit;
use rusqlite::types::ValueRef;

/// `bytea`: a BLOB as it is, a TEXT as its bytes.
pub(super) fn bytea(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => out.extend_from_slice(bytes),
        _ => return Err(Misfit::new(format!("{} is neither BLOB nor TEXT", super::raw(value)))),
    }
    Ok(())
}

/// `uuid`: 16 bytes, or 32 hexadecimal digits in which hyphens and braces do not matter.
pub(super) fn uuid(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if let ValueRef::Blob(bytes) = value
        && bytes.len() == 16
    {
        out.extend_from_slice(bytes);
        return Ok(());
    }
    let text = super::text_of(value)?;
    let bare =
        text.get(..9).filter(|urn| urn.eq_ignore_ascii_case("urn:uuid:")).map_or(&*text, |urn| &text[urn.len()..]);
    let digits: Vec<u8> = bare.bytes().filter(|byte| !matches!(byte, b'-' | b'{' | b'}')).collect();
    let bytes = hex(&digits).filter(|bytes| bytes.len() == 16);
    out.extend(bytes.ok_or_else(|| Misfit::new(format!("`{}` is no uuid", super::brief(&text))))?);
    Ok(())
}

/// `macaddr` and `macaddr8`: hexadecimal digits, separators aside; six bytes become eight by `ff:fe` in the middle.
pub(super) fn macaddr(value: ValueRef<'_>, length: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let digits: Vec<u8> =
        super::number::trim(&text).bytes().filter(|byte| !matches!(byte, b':' | b'-' | b'.')).collect();
    let mut bytes = hex(&digits).unwrap_or_default();
    if length == 8 && bytes.len() == 6 {
        bytes.splice(3..3, [0xff, 0xfe]);
    }
    if bytes.len() != length {
        return Err(Misfit::new(format!("`{}` is no hardware address of {length} bytes", super::brief(&text))));
    }
    out.extend(bytes);
    Ok(())
}

/// `bit(n)` and `bit varying(n)`: zeros and ones, or hexadecimal after `x`; the wire form is the count and the bits from the left.
pub(super) fn bits(
    value: ValueRef<'_>,
    exactly: Option<u32>,
    at_most: Option<u32>,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let bits = bits_of(&text).ok_or_else(|| Misfit::new(format!("`{}` is no string of bits", super::brief(&text))))?;
    let count = u32::try_from(bits.len()).unwrap_or(u32::MAX);
    if exactly.is_some_and(|exactly| exactly != count) || at_most.is_some_and(|most| count > most) {
        let holds = exactly.or(at_most).unwrap_or_default();
        return Err(Misfit::new(format!("{count} bits, but the column holds {holds}")));
    }
    out.extend_from_slice(&count.to_be_bytes());
    for eight in bits.chunks(8) {
        let byte = eight.iter().enumerate().map(|(position, bit)| u8::from(*bit) << (7 - position)).sum();
        out.push(byte);
    }
    Ok(())
}

fn bits_of(text: &str) -> Option<Vec<bool>> {
    if let Some(digits) = text.strip_prefix(['x', 'X']) {
        let nibbles: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
        return Some(nibbles?.into_iter().flat_map(|nibble| [3, 2, 1, 0].map(|bit| nibble >> bit & 1 == 1)).collect());
    }
    let digits = text.strip_prefix(['b', 'B']).unwrap_or(text);
    digits.chars().map(|digit| matches!(digit, '0' | '1').then_some(digit == '1')).collect()
}

/// Pairs of hexadecimal digits as bytes.
pub(super) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
