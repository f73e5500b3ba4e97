// Package egress is the door for requests whose address somebody else chose: webhook endpoints of the platform, resumes of
// candidates. It stands between the workers that make such requests and the network, and lets no connection out to an
// address that only this machine or its own network can reach, unless the operator listed it.
//
// The judgement is made on the address that is about to be dialled, after every name was resolved: what a name resolves to
// at another moment, how an address is written, and what a redirect says are all beside the point. Redirects are not
// followed, no proxy is asked, and plain HTTP goes to listed networks only.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// ErrBlocked is what every refusal of this package is; match with errors.Is.
var ErrBlocked = errors.New("the address may not be reached from here")

// BlockedError tells which address was refused and why. Its text names the setting that would allow it.
type BlockedError struct {
	Addr    netip.Addr // the zero Addr when there was none to judge
	Why     string     // such as "is a loopback address"
	Setting string     // such as "allow_networks in [delivery]"
}

// Error returns a sentence for the operator.
func (e *BlockedError) Error() string {
	what := "the address"
	if e.Addr.IsValid() {
		what += " " + e.Addr.String()
	}
	return what + " " + e.Why + " and is not in " + e.Setting
}

// Remedy says what the operator can do about it.
func (e *BlockedError) Remedy() string {
	return "add its network to " + e.Setting + " if it is meant to be reached"
}

// Unwrap makes every BlockedError an ErrBlocked.
func (*BlockedError) Unwrap() error { return ErrBlocked }

// special are the ranges that are not the public Internet, from the IANA registries of special-purpose addresses, with
// deprecated forms that carry an IPv4 address inside and the one address of a cloud's host that is in none of them. Of IPv6 everything outside 2000::/3 is refused besides.
var special = []struct {
	network netip.Prefix
	why     string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "means this machine"},
	{netip.MustParsePrefix("10.0.0.0/8"), "is a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "is a carrier's own address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "is a loopback address"},
	{netip.MustParsePrefix("168.63.129.16/32"), "belongs to the machine's host at Azure"}, // public in form, and it hands out credentials
	{netip.MustParsePrefix("169.254.0.0/16"), "is a link-local address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "is a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "is reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "is for documentation"},
	{netip.MustParsePrefix("192.31.196.0/24"), "is reserved for protocols"},
	{netip.MustParsePrefix("192.52.193.0/24"), "is reserved for protocols"},
	{netip.MustParsePrefix("192.88.99.0/24"), "leads to a 6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "is a private address"},
	{netip.MustParsePrefix("192.175.48.0/24"), "is reserved for protocols"},
	{netip.MustParsePrefix("198.18.0.0/15"), "is for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "is for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "is for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "is a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "is reserved"}, // with the broadcast address

	{netip.MustParsePrefix("::/128"), "means this machine"},
	{netip.MustParsePrefix("::1/128"), "is a loopback address"},
	{netip.MustParsePrefix("::/96"), "is an IPv4 address in disguise"},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "is an IPv4 address in disguise"},
	{netip.MustParsePrefix("64:ff9b::/96"), "is an IPv4 address in disguise (NAT64)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "is an IPv4 address in disguise (NAT64)"},
	{netip.MustParsePrefix("100::/64"), "is for discarding"},
	{netip.MustParsePrefix("100:0:0:1::/64"), "is a dummy prefix"},
	{netip.MustParsePrefix("2001::/32"), "is an IPv4 address in disguise (Teredo)"},
	{netip.MustParsePrefix("2001::/23"), "is reserved for protocols"},
	{netip.MustParsePrefix("2001:db8::/32"), "is for documentation"},
	{netip.MustParsePrefix("2002::/16"), "is an IPv4 address in disguise (6to4)"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "is reserved for protocols"},
	{netip.MustParsePrefix("3fff::/20"), "is for documentation"},
	{netip.MustParsePrefix("5f00::/16"), "is for segment routing"},
	{netip.MustParsePrefix("fc00::/7"), "is a private address"},
	{netip.MustParsePrefix("fe80::/10"), "is a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "is a site-local address"},
	{netip.MustParsePrefix("ff00::/8"), "is a multicast address"},
}

var global6 = netip.MustParsePrefix("2000::/3")

// Guard judges addresses. It is safe for concurrent use.
type Guard struct {
	allow   []netip.Prefix
	setting string
}

// NewGuard returns a guard that lets the public Internet and the listed networks be reached. setting is how its errors
// name the list.
func NewGuard(allow []netip.Prefix, setting string) *Guard {
	g := &Guard{setting: setting}
	for _, p := range allow {
		g.allow = append(g.allow, plain(p))
	}
	return g
}

// plain turns a network of IPv4 addresses that is written as one of IPv6 into its IPv4 form.
func plain(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// ParseNetworks reads a list of networks such as "10.0.0.0/8" or single addresses. The error names the first that is none.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, aerr := netip.ParseAddr(text)
			if aerr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is no network such as 10.0.0.0/8 or fd00::/8", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, plain(p))
	}
	return out, nil
}

// Check returns nil when an address may be reached, else a BlockedError. Listed says that it may because the operator
// listed its network.
func (g *Guard) Check(a netip.Addr) (listed bool, err error) {
	if !a.IsValid() {
		return false, g.blocked(a, "is not an address")
	}
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true, nil
		}
	}
	for _, s := range special {
		if s.network.Contains(a) {
			return false, g.blocked(a, s.why)
		}
	}
	if a.Is6() && !global6.Contains(a) {
		return false, g.blocked(a, "is not on the public Internet")
	}
	return false, nil
}

func (g *Guard) blocked(a netip.Addr, why string) error {
	return &BlockedError{Addr: a, Why: why, Setting: g.setting}
}

// control is a dialer's last look at an address before it connects. plaintext says that no TLS will follow.
func (g *Guard) control(plaintext bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return g.blocked(netip.Addr{}, "is not one of TCP")
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return g.blocked(netip.Addr{}, "cannot be read")
		}
		listed, err := g.Check(at.Addr())
		if err == nil && plaintext && !listed {
			return g.blocked(at.Addr().Unmap(), "would be reached without TLS")
		}
		return err
	}
}

// dialer makes connections that the guard has judged.
func (g *Guard) dialer(o Options, plaintext bool) *net.Dialer {
	return &net.Dialer{
		Timeout: o.DialTimeout, KeepAlive: o.KeepAlive, Resolver: o.Resolver, ControlContext: g.control(plaintext),
	}
}
