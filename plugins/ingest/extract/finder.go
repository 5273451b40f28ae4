package extract

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/postern-dev/postern/plugins/ingest/extract/suffix"
)

// finder gathers findings, each once.
type finder struct {
	report *Report
	known  map[key]struct{}
	bytes  int
	// recipients are the registered domains of who received the message.
	recipients map[string]struct{}
}

type key struct {
	kind  Kind
	value string
	role  Role
}

func newFinder() *finder {
	return &finder{known: map[key]struct{}{}, recipients: map[string]struct{}{}}
}

// add adds a finding that is not known yet.
func (f *finder) add(found Finding) {
	// What a sender wrote may be percent-encoded bytes of any charset.
	found.Value, found.Original = toUTF8(found.Value), toUTF8(found.Original)
	if strings.EqualFold(found.Original, found.Value) {
		found.Original = ""
	}
	k := key{found.Kind, found.Value, found.Role}
	if _, again := f.known[k]; again || found.Value == "" {
		return
	}
	size := len(found.Value) + len(found.Original) + len(found.Unicode)
	if len(f.report.Findings) >= MaxFindings || f.bytes+size > MaxFindingBytes {
		f.report.cut("findings after the first 10,000, or 2 MiB of them")
		return
	}
	f.bytes += size
	f.known[k] = struct{}{}
	f.report.Findings = append(f.report.Findings, found)
}

// url adds a URL, its host, and what it leads to. original is how it was written. It reports whether it is one.
func (f *finder) url(s *source, role Role, text, original string) bool {
	if original == "" {
		original = text
	}
	u, ok := parseURL(text)
	if ok {
		f.addURL(s, role, u, original, 0)
	}
	return ok
}

func (f *finder) addURL(s *source, role Role, u *url, original string, unwrapped int) {
	if isNamespace(u) && role != Link && role != Redirect {
		role = Namespace
	}
	f.add(Finding{Kind: URL, Value: u.value, Unicode: u.unicode, Original: clip(original, MaxURL), Role: role, Where: s.where})
	f.host(s, role, &u.host, u.port)
	if unwrapped >= maxUnwraps {
		f.report.cut("redirects more than 6 within each other")
		return
	}
	for _, target := range targets(u) {
		inner, ok := parseURL(target)
		if !ok {
			continue
		}
		f.addURL(s, Redirect, inner, u.value, unwrapped+1)
	}
	if strings.Contains(u.rest, "@") || strings.Contains(u.rest, "%40") {
		f.emailsIn(s, role, unescapePercent(u.rest))
	} else {
		f.codedEmail(s, role, u.rest)
	}
}

// codedEmail finds a mail address in base64 at the end of a URL, where it names the victim.
func (f *finder) codedEmail(s *source, role Role, rest string) {
	const least, most = 8, 200
	rest = strings.TrimRight(strings.ReplaceAll(rest[max(0, len(rest)-most):], "%3D", "="), "=")
	text := rest[strings.LastIndexAny(rest, "#=/?")+1:]
	if len(text) < least {
		return
	}
	decoded := string(decodeBase64(text))
	if strings.Count(decoded, "@") == 1 && strings.IndexFunc(decoded, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 {
		f.email(s, role, decoded, text)
	}
}

// emailsIn finds whole addresses that are values of a query or a fragment: the victim's, as a rule.
func (f *finder) emailsIn(s *source, role Role, rest string) {
	i := strings.IndexAny(rest, "?#")
	if i < 0 {
		i = strings.LastIndexByte(rest, '/')
	}
	if i < 0 {
		return
	}
	for piece := range strings.FieldsFuncSeq(rest[i+1:], func(r rune) bool { return strings.ContainsRune("&;#=?/|,*$!", r) }) {
		if strings.Count(piece, "@") == 1 {
			f.email(s, role, piece, "")
		}
	}
}

// isNamespace reports whether a URL names a vocabulary: nobody visits it, and every mail of an office program has it.
func isNamespace(u *url) bool {
	switch u.host.name {
	case "www.w3.org":
		for _, start := range []string{"/TR/", "/1999/", "/2000/", "/2001/", "/1998/", "/2002/", "/XML", "/ns/"} {
			if strings.HasPrefix(u.rest, start) {
				return true
			}
		}
	case "schemas.microsoft.com", "schemas.openxmlformats.org", "schemas.xmlsoap.org", "purl.org", "ns.adobe.com", "ogp.me", "xmlns.com":
		return true
	case "schema.org":
		return true
	case "www.apple.com":
		return strings.HasPrefix(u.rest, "/DTDs/")
	case "www.microsoft.com":
		return strings.HasPrefix(u.rest, "/office/")
	}
	return false
}

// host adds the domain or address of a URL.
func (f *finder) host(s *source, role Role, h *host, port string) {
	if h.address.IsValid() {
		f.address(s, role, h.address, parsePort(port), "")
		return
	}
	f.domain(s, role, h, "")
}

// domain adds the domain of a host, which the name of a machine in its own network is not.
func (f *finder) domain(s *source, role Role, h *host, original string) {
	if strings.IndexByte(h.name, '.') < 0 {
		return
	}
	name := suffix.Registered(h.name)
	if _, own := f.recipients[name]; own && name != "" {
		role = Recipient
	}
	f.add(Finding{Kind: Domain, Value: h.name, Unicode: h.unicode, Original: original, Registered: name, Role: role, Where: s.where})
}

// address adds an IP address.
func (f *finder) address(s *source, role Role, a netip.Addr, port int, original string) {
	kind := IPv6
	if a.Is4() {
		kind = IPv4
	}
	f.add(Finding{Kind: kind, Value: a.String(), Original: original, Port: port, Role: role, Where: s.where})
}

// email adds a mail address with its domain, and reports whether it is one.
func (f *finder) email(s *source, role Role, text, original string) bool {
	i := strings.LastIndexByte(text, '@')
	if i <= 0 {
		return false
	}
	local := strings.Trim(text[:i], `."'`)
	if local == "" || len(local) > maxLocal || strings.ContainsAny(local, " @()<>[]:;,\\\"") {
		return false
	}
	h, ok := mailHost(strings.TrimRight(text[i+1:], ".-_"), s.isAddress)
	if !ok {
		return false
	}
	found := Finding{Kind: Email, Value: local + "@" + h.name, Original: original, Role: role, Where: s.where}
	if found.Original == "" {
		found.Original = text
	}
	if h.unicode != "" {
		found.Unicode = local + "@" + h.unicode
	}
	if strings.EqualFold(found.Original, found.Value) {
		found.Original = ""
	}
	f.add(found)
	f.domain(s, role, &h, "")
	return true
}

// maxLocal is the longest name before the @ of an address, in bytes. RFC 5321, 4.5.3.1.1, allows 64; what bounces are sent to is longer.
const maxLocal = 250

// mailHost reads the host of a mail address. isAddress says that it stands where nothing but an address does, so that it may have any name.
func mailHost(text string, isAddress bool) (host, bool) {
	h, ok := parseDomain(text)
	if !ok || h.address.IsValid() {
		return h, false
	}
	if isNamed(h.name) {
		return h, true
	}
	// The next sentence may stand right behind it.
	if i := strings.LastIndexByte(text, '.'); i > 0 && i+1 < len(text) && 'A' <= text[i+1] && text[i+1] <= 'Z' && !isSpelled(text) {
		if shorter, ok := parseDomain(text[:i]); ok && isNamed(shorter.name) {
			return shorter, true
		}
	}
	return h, isAddress
}

// fileFindings adds what is known of a file by itself.
func (f *finder) fileFindings(p *Part) {
	where := p.Where()
	f.add(Finding{Kind: File, Value: p.Name, Original: p.Declared, Role: Attachment, Where: where})
	f.add(Finding{Kind: MD5, Value: p.MD5, Role: Attachment, Where: where})
	f.add(Finding{Kind: SHA1, Value: p.SHA1, Role: Attachment, Where: where})
	f.add(Finding{Kind: SHA256, Value: p.SHA256, Role: Attachment, Where: where})
}

func parsePort(text string) int {
	n := 0
	for _, c := range []byte(text) {
		if n = n*10 + int(c-'0'); n > 65535 {
			return 0
		}
	}
	return n
}

// isInvisible reports characters that are not seen and part words: zero-width ones, soft hyphens, marks of direction.
func isInvisible(r rune) bool {
	switch {
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x180E, 0x200B <= r && r <= 0x200F, 0x202A <= r && r <= 0x202E, 0x2060 <= r && r <= 0x206F,
		r == 0xFEFF, 0xFE00 <= r && r <= 0xFE0F:
		return true
	}
	return false
}

// visible takes out what is not seen.
func visible(text string) string {
	isPlain := true
	for i := 0; i < len(text); i++ {
		if text[i] >= 0xC2 && text[i] <= 0xEF && text[i] != 0xC3 {
			isPlain = false
			break
		}
	}
	if isPlain || strings.IndexFunc(text, isInvisible) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if isInvisible(r) {
			return -1
		}
		return r
	}, text)
}

// decodeRune is utf8.DecodeRuneInString for ASCII first.
func decodeRune(text string) (rune, int) {
	if text[0] < utf8.RuneSelf {
		return rune(text[0]), 1
	}
	return utf8.DecodeRuneInString(text)
}
