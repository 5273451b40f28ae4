package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/notify"
	"github.com/postern-dev/postern/manifests"
)

// expiresSoon is how long before its end the receiver's certificate is told of. Those that renew themselves do so earlier.
const expiresSoon = 7 * 24 * time.Hour

// ReceiverDiagnosis tells whether Graph's notifications could be received.
type ReceiverDiagnosis struct {
	// URL is what Graph calls, and Listen the address of this machine that it leads to.
	URL    string `json:"notifications"`
	Listen string `json:"listen"`
	// Triggers are those with notify.
	Triggers []string `json:"triggers"`
	Healthy  bool     `json:"healthy"`
	// Problems keep notifications from coming; the triggers run whenever they are due. Notes are what the operator should know, and do.
	Problems []*abi.Error `json:"problems"`
	Notes    []string     `json:"notes"`
}

// DiagnoseReceiver looks, for some seconds at most, at what takes notifications for the triggers on a connection, or all if it is empty: at the
// certificate, at the address, which it listens on for a moment, and at the url. Nobody outside this machine is asked, unless a
// secret is there. It is nil if there is no [notifications], or no trigger on the connection is told of changes.
func (h *Host) DiagnoseReceiver(ctx context.Context, connection string) (*ReceiverDiagnosis, error) {
	n := &h.operator.Notifications
	if n.IsZero() {
		return nil, nil
	}
	d := &ReceiverDiagnosis{URL: n.URL, Listen: n.Listen, Triggers: []string{}, Problems: []*abi.Error{}, Notes: []string{}}
	fromOutside := false
	for i := range h.operator.Triggers {
		c := &h.operator.Triggers[i]
		if !c.Notify || connection != "" && c.Connection != connection {
			continue
		}
		d.Triggers = append(d.Triggers, c.Name)
		of, ok := h.operator.Connection(c.Connection)
		fromOutside = fromOutside || ok && !isInside(of.Graph)
	}
	switch {
	case len(d.Triggers) > 0:
		checking, cancel := context.WithTimeout(ctx, looking)
		defer cancel()
		d.certificate(checking, h)
		d.address(checking)
		d.url(n, fromOutside)
	case connection != "":
		return nil, nil
	default:
		d.note("no trigger has notify = true; write it in one whose action says what it watches, or remove the table")
	}
	d.Healthy = len(d.Problems) == 0
	return d, ctx.Err()
}

func (d *ReceiverDiagnosis) problem(format string, args ...any) {
	d.Problems = append(d.Problems, &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf(format, args...)})
}

func (d *ReceiverDiagnosis) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// certificate tells whether the receiver's certificate could be used, and what whoever calls it will not like.
func (d *ReceiverDiagnosis) certificate(ctx context.Context, h *Host) {
	if h.operator.Notifications.Certificate.IsZero() {
		return
	}
	chain, key, err := h.receiverCertificate(ctx)
	if err != nil {
		d.problem("the receiver of notifications has no certificate: %v", err)
		return
	}
	leaf, isAlone, err := notify.TryCertificate(chain, key)
	if err != nil {
		d.problem("the certificate of the receiver cannot be used: %v; put its chain into certificate, in PEM with its own first, "+
			"and the private key beside it or into private_key", err)
		return
	}
	switch now := h.config.Now(); {
	case now.After(leaf.NotAfter):
		d.problem("the certificate of the receiver expired at %s; renew it, and it is picked up within minutes", moment(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		d.problem("the certificate of the receiver is good from %s only; see whether the clock is right", moment(leaf.NotBefore))
	case leaf.NotAfter.Sub(now) < expiresSoon:
		d.note("the certificate of the receiver expires at %s; renew it before that, and it is picked up within minutes", moment(leaf.NotAfter))
	}
	// Neither is wrong behind a proxy that has a certificate of its own.
	if host := hostOf(d.URL); leaf.VerifyHostname(host) != nil {
		d.note("the certificate of the receiver is not for %s, which url has: Graph does not accept it, though a proxy in front may", host)
	}
	if isAlone {
		d.note("certificate has the receiver's own alone; put those behind it that it was issued by, which Graph does not look for")
	}
}

// address tells whether it can be listened on.
func (d *ReceiverDiagnosis) address(ctx context.Context) {
	switch err := notify.TryListen(ctx, d.Listen); {
	case err == nil:
	case errors.Is(err, notify.ErrInUse):
		d.note(`another process listens on %s, presumably "postern poll --follow"; if none runs, write another port in listen`, d.Listen)
	default:
		d.problem("notifications cannot be received: %v; write in listen an address of this machine, with a port that this user may have", err)
	}
}

// url tells whether Graph could call it.
func (d *ReceiverDiagnosis) url(n *manifests.Notifications, fromOutside bool) {
	if strings.HasPrefix(n.URL, "http://") && !n.Certificate.IsZero() {
		d.problem("url begins with http://, while the receiver speaks TLS, with the certificate in certificate; write https://")
	}
	if fromOutside && isInside(n.URL) {
		d.problem("url leads to %s, which cannot be reached from the internet, where Graph calls from; write the name by which this machine, "+
			"or a proxy in front of it, is known there", hostOf(n.URL))
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// isInside reports whether an address is of this machine or its network, as far as the address itself tells.
func isInside(address string) bool {
	host := strings.ToLower(strings.TrimSuffix(hostOf(address), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	// RFC 6761 and 6762, and what ICANN has set aside for private use.
	private := func(domain string) bool { return strings.HasSuffix(host, domain) }
	return host != "" && !strings.Contains(host, ".") || slices.ContainsFunc([]string{".localhost", ".local", ".internal"}, private)
}
