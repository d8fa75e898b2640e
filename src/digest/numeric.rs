//! `numeric` from its wire form: base-10000 digits, a weight, a sign and a display scale (`numeric_send` in numeric.c).

use super::canonical::{BadWire, Sign, put_numeric_special};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const PLUS_INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// A finite number as base-10000 digits, or what it is instead.
pub(super) enum Wire<'a> {
    Finite { negative: bool, weight: i16, scale: u16, digits: &'a [u8] },
    Special(Sign),
}

/// Takes the wire form apart.
pub(super) fn read(payload: &[u8]) -> Result<Wire<'_>, BadWire> {
    let bad = || BadWire { kind: "numeric", length: payload.len() };
    let word = |at: usize| payload.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(bad);
    let (count, weight, sign, scale) = (word(0)?, word(2)? as i16, word(4)?, word(6)?);
    let digits = payload.get(8..8 + 2 * usize::from(count)).filter(|d| d.len() + 8 == payload.len()).ok_or_else(bad)?;
    match sign {
        POSITIVE | NEGATIVE => Ok(Wire::Finite { negative: sign == NEGATIVE, weight, scale, digits }),
        NAN => Ok(Wire::Special(Sign::NaN)),
        PLUS_INFINITY => Ok(Wire::Special(Sign::PlusInfinity)),
        MINUS_INFINITY => Ok(Wire::Special(Sign::MinusInfinity)),
        _ => Err(bad()),
    }
}

/// Appends the canonical form of a wire value.
pub(super) fn canonical(payload: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    match read(payload)? {
        Wire::Special(sign) => put_numeric_special(sign, out),
        Wire::Finite { negative, weight, digits, .. } => finite(negative, weight, digits, out),
    }
    Ok(())
}

fn finite(negative: bool, weight: i16, digits: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(if negative { Sign::Negative } else { Sign::Positive } as u8);
    out.extend_from_slice(&[0; 4]);
    let mut exponent = (i32::from(weight) + 1) * 4;
    for pair in digits.chunks_exact(2) {
        let value = u16::from_be_bytes([pair[0], pair[1]]);
        for power in [1000, 100, 10, 1] {
            let digit = (value / power % 10) as u8;
            if digit == 0 && out.len() == start + 5 {
                exponent -= 1;
            } else {
                out.push(b'0' + digit);
            }
        }
    }
    super::canonical::close_numeric(start, exponent, out);
}
