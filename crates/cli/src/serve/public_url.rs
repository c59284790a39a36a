//! The address under which clients reach the server. It is written into replies and mails, so it must be a plain URL.

/// Checks an address, which consists of `https` or `http`, a host, and optionally a port and a path.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let wrong = || "expected an address such as https://example.com, perhaps with a port and a path".to_owned();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_of = |text: &str, others: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && is_of(host, "-._"),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    if is_host && is_port && is_of(path, "-._~/%+") { Ok(text.to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_public_url_needs_a_scheme_and_a_host() {
        for url in
            ["https://example.com", "http://localhost:8080/", "https://a.example:8443/realm/x", "http://[::1]:8080"]
        {
            assert_eq!(parse(url).as_deref(), Ok(url));
        }
        for url in [
            "",
            "foo",
            "example.com",
            "//example.com",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://:80",
            "ftp://example.com",
            "https://a b",
            "https://user:password@example.com",
            "https://example.com?x=1",
            "https://example.com#x",
            "https://example.com/\"><b>",
            "https://example.com:0",
            "https://example.com:port",
            "https://[::1",
            "https://example.com/\n",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
