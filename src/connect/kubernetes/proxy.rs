//! Which proxy leads to the API server, as kubectl decides it: the kubeconfig's `proxy-url` always, else `HTTPS_PROXY` (`HTTP_PROXY` for a
//! server without TLS) unless `NO_PROXY` names the server. The client library asks `NO_PROXY` about the proxy instead of the server.

use http::Uri;
use std::net::IpAddr;

/// How a variable of the environment is looked up; a parameter so that tests need not change the process.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The proxy to `server`; none where it is reached directly.
///
/// # Errors
/// What is wrong with the proxy's address, without what it may hold of a password.
pub(super) fn of(server: &Uri, in_kubeconfig: Option<&str>, lookup: Lookup<'_>) -> Result<Option<Uri>, String> {
    if let Some(proxy) = in_kubeconfig.filter(|proxy| !proxy.is_empty()) {
        return parse(proxy, "`proxy-url`").map(Some);
    }
    let either = |name: &str| {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        set(name).or_else(|| set(&name.to_lowercase()))
    };
    let variable = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(proxy) = either(variable) else { return Ok(None) };
    let excepted = either("NO_PROXY").is_some_and(|exceptions| is_excepted(server.host().unwrap_or(""), &exceptions));
    if excepted { Ok(None) } else { parse(&proxy, variable).map(Some) }
}

fn parse(proxy: &str, place: &str) -> Result<Uri, String> {
    let whole = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    whole.parse().map_err(|error: http::uri::InvalidUri| format!("{place} is no address of a proxy: {error}"))
}

/// Whether `NO_PROXY` names the host: `*`, a domain with all below it, an address, or a network as `10.0.0.0/8`.
fn is_excepted(host: &str, exceptions: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    let names = |one: &str| match (address, one.split_once('/')) {
        (_, None) if one == "*" => true,
        (Some(address), Some((network, bits))) => is_within(address, network, bits),
        (Some(address), None) => without_port(one).parse() == Ok(address),
        (None, _) => {
            let domain = without_port(one).trim_start_matches("*.").trim_start_matches('.').to_lowercase();
            host == domain || !domain.is_empty() && host.ends_with(&format!(".{domain}"))
        }
    };
    exceptions.split(',').map(str::trim).any(names)
}

fn without_port(exception: &str) -> &str {
    match exception.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => exception.trim_start_matches('[').trim_end_matches(']'),
    }
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            bits <= 32 && (one.to_bits() ^ other.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            bits <= 128 && (one.to_bits() ^ other.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, in_kubeconfig: Option<&str>, environment: &[(&str, &str)]) -> Option<String> {
        let lookup =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        of(&server.parse().unwrap(), in_kubeconfig, &lookup).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn the_server_is_what_no_proxy_is_asked_about() {
        let through = Some("http://proxy:3128/".to_owned());
        for (server, exceptions, expected) in [
            ("https://10.1.2.3:6443", "10.0.0.0/8", None),
            ("https://11.1.2.3:6443", "10.0.0.0/8", through.clone()),
            ("https://11.1.2.3:6443", "0.0.0.0/0", None),
            ("https://127.0.0.1:6443", "localhost, 127.0.0.1", None),
            ("https://[fd00::1]:6443", "fd00::/16", None),
            ("https://api.prod.example.com", ".example.com", None),
            ("https://api.prod.example.com", "example.com:443", None),
            ("https://example.com.evil.org", "example.com", through.clone()),
            ("https://notexample.com", "example.com", through.clone()),
            ("https://api.prod.example.com", "*", None),
            ("https://api.prod.example.com", "proxy", through.clone()),
            ("https://api.prod.example.com", "", through),
        ] {
            let environment = [("HTTPS_PROXY", "proxy:3128"), ("no_proxy", exceptions)];
            assert_eq!(proxy(server, None, &environment), expected, "{server} with {exceptions}");
        }
    }

    /// A tunnel on this host is what many kubeconfigs name, and what many environments except.
    #[test]
    fn the_kubeconfigs_own_proxy_always_counts() {
        let environment = [("NO_PROXY", "localhost,127.0.0.1,.example.com"), ("HTTPS_PROXY", "other:1")];
        let found = proxy("https://api.example.com", Some("socks5://127.0.0.1:1080"), &environment);
        assert_eq!(found.as_deref(), Some("socks5://127.0.0.1:1080/"));
    }

    #[test]
    fn a_server_without_tls_has_a_variable_of_its_own() {
        let environment = [("HTTPS_PROXY", "http://secure:1"), ("http_proxy", "http://plain:2")];
        assert_eq!(proxy("http://api:8080", None, &environment).as_deref(), Some("http://plain:2/"));
        assert_eq!(proxy("https://api", None, &environment).as_deref(), Some("http://secure:1/"));
        assert_eq!(proxy("https://api", None, &[]), None);
    }
}
