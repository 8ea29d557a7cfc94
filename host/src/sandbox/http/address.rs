//! Which addresses are public. Pure.
//!
//! The ranges are those of the IANA special-purpose address registries (RFC 6890 and what has been added since), and
//! the metadata address of Azure, which looks public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPublic(&'static str);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Ranges of IPv4 that are not public: first address, length of the prefix, what it is.
const SPECIAL_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of this host"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's private address"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's metadata address"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

/// Ranges of IPv6 that are not public, though inside 2000::/3.
const SPECIAL_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "a reserved or tunnelled address"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "an address for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a tunnelled address"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "an address for documentation"),
];

/// All of IPv6 that is handed out to the public.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// IPv4 addresses behind a translator (NAT64): as public as the address inside.
const TRANSLATED_V4: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Checks that an address is public.
pub(crate) fn check_public(address: IpAddr) -> Result<(), NotPublic> {
    match address {
        IpAddr::V4(address) => check_v4(address),
        IpAddr::V6(address) => check_v6(address),
    }
}

fn check_v4(address: Ipv4Addr) -> Result<(), NotPublic> {
    let within = |first: Ipv4Addr, prefix: u32| (address.to_bits() ^ first.to_bits()) >> (32 - prefix) == 0;
    match SPECIAL_V4.iter().find(|(first, prefix, _)| within(*first, *prefix)) {
        Some((_, _, what)) => Err(NotPublic(what)),
        None => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr) -> Result<(), NotPublic> {
    let within = |first: Ipv6Addr, prefix: u32| (address.to_bits() ^ first.to_bits()) >> (128 - prefix) == 0;
    if let Some(inner) = address.to_ipv4_mapped() {
        return check_v4(inner).and(Err(NotPublic("an IPv4 address in IPv6 form")));
    }
    if within(TRANSLATED_V4.0, TRANSLATED_V4.1) {
        return check_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    if !within(GLOBAL_V6.0, GLOBAL_V6.1) {
        return Err(NotPublic(match address.segments()[0] {
            0 => "a loopback or reserved address",
            0xfc00..=0xfdff => "a private address",
            0xfe80..=0xfebf => "a link-local address",
            0xff00..=0xffff => "a multicast address",
            _ => "a reserved address",
        }));
    }
    match SPECIAL_V6.iter().find(|(first, prefix, _)| within(*first, *prefix)) {
        Some((_, _, what)) => Err(NotPublic(what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for address in ["1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.63.255.255", "223.255.255.255"]
        {
            assert_eq!(check_public(address.parse().unwrap()), Ok(()), "{address}");
        }
        for address in ["2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "64:ff9b::1.1.1.1"] {
            assert_eq!(check_public(address.parse().unwrap()), Ok(()), "{address}");
        }
        for (address, expected) in [
            ("0.0.0.0", "this host"),
            ("10.1.2.3", "private"),
            ("100.64.0.1", "provider's private"),
            ("100.100.100.200", "provider's private"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "metadata"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "reserved"),
            ("192.168.1.1", "private"),
            ("198.19.255.255", "benchmarks"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "loopback or reserved"),
            ("::1", "loopback"),
            ("::127.0.0.1", "loopback or reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:1.1.1.1", "IPv4 address in IPv6"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::1", "reserved"),
            ("100::1", "reserved"),
            ("2001::1", "tunnelled"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "tunnelled"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ] {
            let refusal = check_public(address.parse().unwrap()).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{address}: {refusal}");
        }
    }
}
