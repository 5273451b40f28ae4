package dial

import (
	"net/netip"
	"syscall"

	"github.com/postern-dev/postern/abi"
)

// public makes the check of the addresses that a name resolves to: each must be one that Microsoft's servers could
// have. Otherwise whoever answers for the DNS could have the host talk to this machine, or to what stands beside it.
func public(name string) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err == nil && !isInternal(at.Addr()) {
			return nil
		}
		return &Error{
			abi.Upstream, name + " resolves to " + address + ", an address of this machine or its network, and was not connected to",
			"check the DNS, or name the proxy that leads there in proxy",
		}
	}
}

// isInternal reports whether an address is not one of the public internet.
func isInternal(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	for _, block := range blocks() {
		if block.Contains(a) {
			return true
		}
	}
	if inner, ok := embedded(a); ok {
		return isInternal(inner)
	}
	return false
}

// blocks are addresses that are nobody's on the internet, besides those that net/netip knows.
// Source: https://www.iana.org/assignments/iana-ipv4-special-registry
func blocks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),     // this network
		netip.MustParsePrefix("100.64.0.0/10"), // shared between a provider and its customers
		netip.MustParsePrefix("192.0.0.0/24"),  // protocols of the IETF
		netip.MustParsePrefix("240.0.0.0/4"),   // reserved, and broadcast
		netip.MustParsePrefix("fec0::/10"),     // site-local, of old
	}
}

// embedded returns the IPv4 address that a translator makes of an IPv6 one: of NAT64 (RFC 6052), 6to4 (RFC 3056) and
// the IPv4-compatible form (RFC 4291).
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	at := -1
	switch {
	case !a.Is6():
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a):
		at = 12
	case netip.MustParsePrefix("2002::/16").Contains(a):
		at = 2
	case netip.MustParsePrefix("64:ff9b:1::/48").Contains(a): // for a network's own use
		return netip.IPv4Unspecified(), true
	}
	if at < 0 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[at : at+4])), true
}
