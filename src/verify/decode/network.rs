//! Addresses of hosts and networks.

use super::Misfit;
use rusqlite::types::ValueRef;
use std::net::IpAddr;

/// `inet` and `cidr` as on the wire: family (2 or 3), prefix length, whether it is a network, address length, address.
pub(super) fn address(value: ValueRef<'_>, network: bool, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let text = super::number::trim(&text);
    let no_address = || Misfit::new(format!("`{}` is no address", super::brief(text)));
    let (host, prefix) = match text.split_once('/') {
        Some((host, prefix)) => (host, Some(prefix.parse::<u8>().map_err(|_| no_address())?)),
        None => (text, None),
    };
    let (family, bytes) = match parse(host, network).ok_or_else(no_address)? {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (3, address.octets().to_vec()),
    };
    let full = u8::try_from(bytes.len() * 8).unwrap_or(128);
    let prefix = prefix.unwrap_or_else(|| if network { classful(host, &bytes, full) } else { full });
    if prefix > full {
        return Err(no_address());
    }
    if network && has_host_bits(&bytes, prefix) {
        return Err(Misfit::new(format!("`{}` has bits right of its prefix", super::brief(text))));
    }
    out.extend_from_slice(&[family, prefix, u8::from(network), u8::try_from(bytes.len()).unwrap_or(16)]);
    out.extend_from_slice(&bytes);
    Ok(())
}

/// A `cidr` may leave out trailing octets: `192.168` is `192.168.0.0`.
fn parse(host: &str, network: bool) -> Option<IpAddr> {
    let octets = host.split('.').count();
    if network && octets < 4 && !host.contains(':') {
        return format!("{host}{}", ".0".repeat(4 - octets)).parse().ok();
    }
    host.parse().ok()
}

/// Without a prefix the class of a network's address says its length, and no fewer bits than are written.
fn classful(host: &str, bytes: &[u8], full: u8) -> u8 {
    if bytes.len() != 4 {
        return full;
    }
    let by_class = match bytes[0] {
        240.. => 32,
        224.. => 8,
        192.. => 24,
        128.. => 16,
        _ => 8,
    };
    let written = u8::try_from(host.split('.').count() * 8).unwrap_or(32);
    by_class.max(written)
}

fn has_host_bits(bytes: &[u8], prefix: u8) -> bool {
    (usize::from(prefix)..bytes.len() * 8).any(|bit| bytes[bit / 8] >> (7 - bit % 8) & 1 == 1)
}
