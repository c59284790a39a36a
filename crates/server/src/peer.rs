//! Determines the sender of a request: the other end of the connection, or the client that a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The address at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The origin of a request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The address of the client.
    pub(crate) address: IpAddr,
    /// `http` or `https` as seen by the client, if a trusted proxy says so.
    pub(crate) scheme: Option<&'static str>,
    /// The host that the client requested, if a trusted proxy says so.
    pub(crate) host: Option<String>,
}

impl Client {
    /// Determines the client. Forwarded headers count only if they come from configured proxies: anyone else could
    /// forge them.
    pub(crate) fn of(peer: Option<Peer>, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let peer = canonical(peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |Peer(address)| address));
        let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
        if !is_proxy(peer) {
            return Self { address: peer, scheme: None, host: None };
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let scheme = match text("x-forwarded-proto") {
            Some("https") => Some("https"),
            Some("http") => Some("http"),
            _ => None,
        };
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let named: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        // Each proxy appends the address that it saw. Entries to the left of the first untrusted address may be forged
        // by the client.
        let mut address = peer;
        for name in named.iter().rev() {
            let Some(next) = parse(name) else { break };
            address = next;
            if !is_proxy(next) {
                break;
            }
        }
        Self { address, scheme, host: text("x-forwarded-host").map(str::to_owned) }
    }

    /// The address by which clients are counted: an IPv4 address, or the IPv6 network that a single customer has.
    pub(crate) fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

/// Parses an address with or without a port.
fn parse(name: &str) -> Option<IpAddr> {
    let plain = name.parse::<IpAddr>().ok();
    let bracketed = || name.strip_prefix('[')?.split(']').next()?.parse().ok();
    let with_port = || name.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    plain.or_else(with_port).or_else(bracketed).map(canonical)
}

/// Converts an IPv4-mapped IPv6 address to IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        Client::of(Some(Peer(peer.parse().unwrap())), &headers, &proxies).address.to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        assert_eq!(address("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(address("::ffff:10.0.0.1", &["198.51.100.7:443"]), "198.51.100.7");
        assert_eq!(address("fd00::1", &["[2001:db8::5]:9"]), "2001:db8::5");
    }

    #[test]
    fn forwarded_addresses_written_by_the_client_are_ignored() {
        assert_eq!(address("10.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &["1.1.1.1", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &["not an address"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, ,10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn ipv6_clients_are_counted_by_network() {
        let client = |address: &str| Client { address: address.parse().unwrap(), scheme: None, host: None }.network();
        assert_eq!(client("2001:db8:1:2:3::4"), client("2001:db8:1:2:ffff::5"));
        assert_ne!(client("2001:db8:1:2:3::4"), client("2001:db8:1:3:3::4"));
    }
}
