use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address is on the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        // Carrier-grade NAT, benchmarks, IETF assignments, the 6to4 relay and reserved addresses.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    // An IPv4 address embedded in an IPv6 address: mapped, compatible, NAT64, 6to4 or Teredo.
    let [.., high, low] = segments;
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if address.to_ipv4_mapped().is_some_and(|inner| !is_public_v4(inner)) {
        return false;
    }
    if first == 0x64 && second == 0xff9b {
        // Only the well-known prefix: addresses in a network's own (64:ff9b:1::/48) lead wherever that network decides.
        let [_, _, middle @ .., _, _] = segments;
        return middle == [0; 4] && is_public_v4(inner(high, low));
    }
    if let [0x2002, high, low, ..] = segments {
        return is_public_v4(inner(high, low));
    }
    // Only global unicast addresses; not documentation (2001:db8::/32, 3fff::/20), nor Teredo and benchmarks
    // (2001::/23).
    let is_mapped = address.to_ipv4_mapped().is_some();
    let global = (first & 0xe000) == 0x2000
        && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
        && !(first == 0x3fff && second < 0x1000);
    is_mapped || global
}

/// Resolves names and drops addresses that are not public. Connections are made to exactly the addresses that were
/// checked.
pub(super) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            let public: Vec<SocketAddr> = found.iter().copied().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                let reason = if found.is_empty() { "the name has no address" } else { PRIVATE };
                return Err(reason.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// The error for an address that is not public.
pub(super) const PRIVATE: &str = "the address is not a public one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_internet_addresses_are_public() {
        for address in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "2002:7f00:1::",
            "::127.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "224.0.0.1",
            "2001:db8::1",
            "198.18.0.1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
