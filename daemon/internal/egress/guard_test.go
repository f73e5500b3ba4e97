package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const setting = "allow_networks in [delivery]"

func guard(t *testing.T, allow ...string) *Guard {
	t.Helper()
	networks, err := ParseNetworks(allow)
	require.NoError(t, err)
	return NewGuard(networks, setting)
}

// The hosts that nobody outside may have us reach, as they may be written in a URL.
var inside = []string{
	"127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254",
	"169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.31.196.1",
	"192.52.193.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
	"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"[::]", "[::1]", "[::2]", "[::7f00:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]",
	"[::ffff:169.254.169.254]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]",
	"[64:ff9b:1::1]", "[64:ff9b:1:fffe::10.0.0.1]", "[100::1]", "[100:0:0:1::1]", "[2001::1]", "[2001:0:7f00:1::]", "[2001:2::1]",
	"[2001:10::1]", "[2001:20::1]", "[2001:1ff::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[2620:4f:8000::1]",
	"[3fff::1]", "[3fff:fff::1]", "[4000::1]", "[5f00::1]", "[8000::1]", "[fc00::1]", "[fd12:3456:789a::1]", "[fe80::1]",
	"[fe80::1%25lo]", "[fe80::1%25eth0]", "[::1%25lo]", "[febf::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]",
	// What a resolver of the C library takes for an address.
	"127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "localhost", "localhost.", "ip6-localhost",
	"127.0.0.1.", "127.0.1", "0x7f.1", "017700000001", "00000177.0.0.1", "0x7F.0X0.0.1", "127.0.0.1%00", "①②⑦.0.0.1", "LOCALHOST", "a.localhost",
	// What hands out a cloud's credentials, in each family's form.
	"168.63.129.16", "[::ffff:168.63.129.16]", "192.0.0.192", "100.100.100.200", "[fd00:ec2::254]", "[fd20:ce::254]",
}

// outside are public addresses, next to the borders of the ranges above where there are any.
var outside = []string{
	"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255",
	"172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
	"2000::1", "2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700::1", "3ffe:ffff::1", "3fff:1000::1",
	"::ffff:1.1.1.1",
}

func TestCheck_EverySpecialRangeIsRefusedAndItsNeighboursAreNot(t *testing.T) {
	t.Parallel()
	g := guard(t)
	n := 0
	for _, host := range inside {
		text := strings.ReplaceAll(strings.Trim(host, "[]"), "%25", "%")
		a, err := netip.ParseAddr(text)
		if err != nil {
			continue // a name
		}
		n++
		_, err = g.Check(a)
		require.ErrorIs(t, err, ErrBlocked, host)
		require.ErrorContains(t, err, setting)
	}
	require.GreaterOrEqual(t, n, 60)
	for _, host := range outside {
		listed, err := g.Check(netip.MustParseAddr(host))
		require.NoError(t, err, host)
		require.False(t, listed)
	}
	_, err := g.Check(netip.Addr{})
	require.ErrorIs(t, err, ErrBlocked)
}

func TestCheck_ListedNetworksAreReachedInEveryForm(t *testing.T) {
	t.Parallel()
	g := guard(t, "10.1.0.0/16", "::ffff:192.168.7.0/120", "fd00::/8", "127.0.0.1")
	for _, host := range []string{"10.1.2.3", "::ffff:10.1.2.3", "192.168.7.9", "fd12::1", "127.0.0.1", "::ffff:127.0.0.1"} {
		listed, err := g.Check(netip.MustParseAddr(host))
		require.NoError(t, err, host)
		require.True(t, listed, host)
	}
	for _, host := range []string{"10.2.0.1", "192.168.8.1", "fc00::1", "127.0.0.2", "64:ff9b::a01:203", "2002:a01:203::1"} {
		_, err := g.Check(netip.MustParseAddr(host))
		require.ErrorIs(t, err, ErrBlocked, host)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "example.com", "10.0.0", "fe80::1%eth0"} {
		_, err := ParseNetworks([]string{bad})
		require.Error(t, err, bad)
	}
}

func FuzzCheck_NothingThatIsNotPublicPasses(f *testing.F) {
	for _, host := range inside {
		f.Add(strings.ReplaceAll(strings.Trim(host, "[]"), "%25", "%"))
	}
	g := NewGuard(nil, setting)
	f.Fuzz(func(t *testing.T, text string) {
		_ = New(Options{Setting: setting}).CheckURL(text)
		a, err := netip.ParseAddr(text)
		if err != nil {
			return
		}
		if _, err := g.Check(a); err != nil {
			return
		}
		a = a.Unmap()
		require.True(t, a.IsGlobalUnicast(), text)
		require.False(t, a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified(), text)
	})
}

func FuzzParseNetworks(f *testing.F) {
	for _, s := range []string{"", "10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:0:0/90", "fe80::1%eth0/64", "0.0.0.0/0", "::/0", "1.2.3.4", "010.0.0.1", "10.0.0.0/08"} {
		f.Add(s, "10.1.2.3")
	}
	f.Fuzz(func(t *testing.T, network, host string) {
		list, err := ParseNetworks([]string{network})
		if err != nil {
			require.Nil(t, list)
			return
		}
		require.True(t, list[0].IsValid(), network)
		a, err := netip.ParseAddr(host)
		if err != nil {
			return
		}
		listed, err := NewGuard(list, setting).Check(a)
		if listed {
			require.NoError(t, err)
			require.True(t, list[0].Contains(a.Unmap().WithZone("")), "%s is not in %s", host, network)
		}
	})
}

// listener counts who reaches it.
func listener(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var reached atomic.Int64
	l, err := net.Listen("tcp", ":0") // every address of this machine, IPv6 too
	require.NoError(t, err)
	srv := &httptest.Server{Listener: l, Config: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached.Add(1)
			if to := r.URL.Query().Get("to"); to != "" {
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			}
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				reached.Add(1)
			}
		},
		ReadHeaderTimeout: time.Second,
	}}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, &reached
}

func port(t *testing.T, srv *httptest.Server) string {
	t.Helper()
	_, p, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	return p
}

func TestClient_NoFormOfAnAddressReachesThisMachine(t *testing.T) {
	t.Parallel()
	srv, reached := listener(t)
	c := New(Options{Setting: setting, DialTimeout: 2 * time.Second, Resolver: zone(t, func(string) netip.Addr { return netip.MustParseAddr("127.0.0.1") })})
	require.GreaterOrEqual(t, len(inside), 75)
	for _, scheme := range []string{"http", "https"} {
		for _, host := range inside {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s://%s:%s/", scheme, host, port(t, srv)), strings.NewReader("{}"))
			if err != nil {
				continue // net/url refuses it
			}
			res, err := c.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			require.Error(t, err, host)
		}
	}
	require.Zero(t, reached.Load(), "something reached a listener on this machine")
}

func TestClient_ListedHostIsReachedInPlainAndItsRedirectIsNot(t *testing.T) {
	t.Parallel()
	srv, reached := listener(t)
	other, reachedOther := listener(t)
	networks, err := ParseNetworks([]string{"127.0.0.1"})
	require.NoError(t, err)
	c := New(Options{Allow: networks, Setting: setting})
	defer c.CloseIdle()
	at := "http://127.0.0.1:" + port(t, srv) + "/?to=" + url.QueryEscape("http://127.0.0.1:"+port(t, other)+"/")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader("{}"))
	require.NoError(t, err)
	res, err := c.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, res.StatusCode)
	require.NotZero(t, reached.Load())
	require.Zero(t, reachedOther.Load())

	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, "ftp://127.0.0.1/", nil)
	require.NoError(t, err)
	_, err = c.Do(req) //nolint:bodyclose // refused before there is an answer.
	require.ErrorIs(t, err, ErrBlocked)
}

func TestClient_PublicHostIsNeverReachedWithoutTLS(t *testing.T) {
	t.Parallel()
	g := guard(t, "10.0.0.0/8")
	control := g.control(true)
	require.ErrorContains(t, control(t.Context(), "tcp4", "1.1.1.1:80", nil), "without TLS")
	require.NoError(t, control(t.Context(), "tcp4", "10.1.1.1:80", nil))
	require.NoError(t, g.control(false)(t.Context(), "tcp4", "1.1.1.1:443", nil))
	require.ErrorIs(t, control(t.Context(), "udp", "10.1.1.1:80", nil), ErrBlocked)
	require.ErrorIs(t, control(t.Context(), "tcp", "nonsense", nil), ErrBlocked)
}

// A name that is public when it is judged and private when it is dialled is what a check before the dial falls for.
func TestClient_RebindingNameIsJudgedWhenItIsDialled(t *testing.T) {
	t.Parallel()
	srv, reached := listener(t)
	var asked atomic.Int64
	resolver := zone(t, func(string) netip.Addr {
		if asked.Add(1) == 1 {
			return netip.MustParseAddr("1.1.1.1")
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.com.")
	require.NoError(t, err)
	require.Equal(t, "1.1.1.1", first[0].Unmap().String())
	c := New(Options{Setting: setting, Resolver: resolver})
	require.NoError(t, c.CheckURL("https://rebind.example.com:"+port(t, srv)+"/"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://rebind.example.com.:"+port(t, srv)+"/", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = c.Do(req) //nolint:bodyclose // refused before there is an answer.
	require.ErrorIs(t, err, ErrBlocked)
	require.ErrorContains(t, err, "127.0.0.1 is a loopback address and is not in "+setting)
	var blocked *BlockedError
	require.ErrorAs(t, err, &blocked)
	require.GreaterOrEqual(t, asked.Load(), int64(2))
	require.Zero(t, reached.Load())
}

// A name of somebody else's may lead to a name of ours: whatever is behind it is what is dialled.
func TestClient_EveryAnswerOfAResolverIsJudged(t *testing.T) {
	t.Parallel()
	srv, reached := listener(t)
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1", "168.63.129.16", "192.0.0.192"} {
		c := New(Options{Setting: setting, DialTimeout: 2 * time.Second, Resolver: zone(t, func(string) netip.Addr { return netip.MustParseAddr(host) })})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://alias.example.com.:"+port(t, srv)+"/", strings.NewReader("{}"))
		require.NoError(t, err)
		_, err = c.Do(req) //nolint:bodyclose // refused before there is an answer.
		require.ErrorIs(t, err, ErrBlocked, host)
		require.ErrorContains(t, err, host)
		require.ErrorContains(t, err, setting)
	}
	require.Zero(t, reached.Load())
}

func TestCheckURL_SaysAtOnceWhatCanBeSaid(t *testing.T) {
	t.Parallel()
	strict, open := New(Options{Setting: setting}), New(Options{Setting: setting, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for text, want := range map[string]string{
		"https://hooks.example.com/atssync":   "",
		"https://hooks.example.com:8443/?a=b": "",
		"https://1.1.1.1/":                    "",
		"http://hooks.example.com/":           "https://",
		"https://127.0.0.1/":                  "allow_networks",
		"https://[::ffff:10.0.0.1]/":          "allow_networks",
		"https://user:secret@example.com/":    "password",
		"https://example.com/#part":           "fragment",
		"https:///path":                       "is not an address",
		"https://:443/":                       "is not an address",
		"mailto:ada@example.com":              "is not an address",
		"ftp://example.com/":                  "https://",
		"":                                    "is not an address",
		"https://exa mple.com/":               "is not an address",
	} {
		err := strict.CheckURL(text)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "secret")
	}
	require.NoError(t, open.CheckURL("http://10.0.0.1/"))
	require.NoError(t, open.CheckURL("http://hooks.internal/"))
	require.Error(t, open.CheckURL("http://1.1.1.1/"))
}

// zone is a resolver whose name server answers every name with what address says.
func zone(t *testing.T, address func(name string) netip.Addr) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = server.WriteTo(reply(buffer[:n], address), from)
			}
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", server.LocalAddr().String())
	}}
}

// reply answers a query for one A record; other types get no record.
func reply(query []byte, address func(string) netip.Addr) []byte {
	end := 12
	var labels []string
	for query[end] != 0 {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
		end += 1 + int(query[end])
	}
	end += 5 // the root label, type and class
	out := append([]byte(nil), query[:end]...)
	out[2], out[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(out[6:], 0)
	binary.BigEndian.PutUint16(out[8:], 0)
	binary.BigEndian.PutUint16(out[10:], 0)
	if binary.BigEndian.Uint16(query[end-4:]) != 1 {
		return out
	}
	binary.BigEndian.PutUint16(out[6:], 1)
	a := address(strings.Join(labels, ".")).As4()
	out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(out, a[:]...)
}
