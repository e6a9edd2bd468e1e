//! Networks that a recipient may come from: ranges of addresses in CIDR notation.

use std::fmt;
use std::net::IpAddr;

/// Bits of an IPv4 address.
const V4_BITS: u32 = 32;
/// Bits of an IPv6 address.
const V6_BITS: u32 = 128;

/// A range of IPv4 or IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or a single address.
    ///
    /// # Errors
    /// A sentence about the text, also when it has bits beyond its prefix: such a text means two things.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = super::shorten(text);
        let unread = || format!("'{shown}' is no network; write it as 203.0.113.0/24 or 2001:db8::/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| unread())?;
        if address.to_canonical() != address {
            return Err(format!("'{shown}' is an IPv4 address in the form of IPv6; write it as IPv4"));
        }
        let bits = bits_of(address);
        let prefix = match prefix {
            None => bits,
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(unread)?
            }
            Some(_) => return Err(unread()),
        };
        let network = Self { first: masked(address, prefix), prefix };
        if network.first == address {
            return Ok(network);
        }
        Err(format!("'{shown}' has bits beyond its prefix; write the network as {network} or the address alone"))
    }

    /// Whether an address is in it. An IPv4 address in the form of IPv6 is that IPv4 address.
    pub fn holds(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits_of(address) == bits_of(self.first) && masked(address, self.prefix) == self.first
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { V4_BITS } else { V6_BITS }
}

fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(V4_BITS.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(V6_BITS.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("203.0.113.7/32", "203.0.113.7", "203.0.113.6"),
            ("10.0.0.0/9", "10.127.255.255", "10.128.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
        ] {
            assert!(holds(network, inside) && !holds(network, outside), "{network}");
        }
        assert!(holds("203.0.113.0/24", "::ffff:203.0.113.9"));
        assert!(!holds("::/0", "::ffff:203.0.113.9"));
    }

    #[test]
    fn a_network_is_written_in_one_way() {
        for (text, shown) in [("1.2.3.4", "1.2.3.4/32"), ("::/0", "::/0"), ("2001:DB8:0::/32", "2001:db8::/32")] {
            assert_eq!(Network::parse(text).unwrap().to_string(), shown);
        }
        for bad in
            ["", "/", "1.2.3.4/", "1.2.3.4/33", "1.2.3/8", "::/129", "1.2.3.4/+8", "1.2.3.4/8/8", "a", "1.2.3.4 "]
        {
            assert!(Network::parse(bad).unwrap_err().contains("is no network"), "{bad}");
        }
        assert!(Network::parse("10.1.0.0/8").unwrap_err().contains("write the network as 10.0.0.0/8"));
        assert!(Network::parse("::ffff:1.2.3.4").unwrap_err().contains("as IPv4"));
    }
}
