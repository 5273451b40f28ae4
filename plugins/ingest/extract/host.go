package extract

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/postern-dev/postern/plugins/ingest/extract/suffix"
)

// host is the host of a URL or of an address, in its normal form.
type host struct {
	// name is a domain in lower case and punycode, or an address as netip writes it.
	name string
	// unicode is the domain as a person reads it, if that differs.
	unicode string
	address netip.Addr // of an address
}

// urlForm writes the host as it stands in a URL.
func (h *host) urlForm() string {
	if h.address.Is6() {
		return "[" + h.name + "]"
	}
	return h.name
}

// parseHost reads the host of a URL as browsers do (https://url.spec.whatwg.org/#host-parsing): percent-encoding, international names, and
// addresses in one number or in octal and hexadecimal ones.
func parseHost(text string) (host, bool) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, _, _ = strings.Cut(strings.TrimSuffix(inner, "]"), "%") // a zone means something on the reader's machine alone
		address, err := netip.ParseAddr(inner)
		if err != nil || !address.Is6() {
			return host{}, false
		}
		return host{name: address.String(), address: address}, true
	}
	text = strings.TrimSuffix(unescapePercent(text), ".")
	if text == "" || len(text) > 1000 || !utf8.ValidString(text) {
		return host{}, false
	}
	if address, isNumber, ok := parseNumbers(text); isNumber {
		return host{name: address.String(), address: address}, ok
	}
	return parseDomain(text)
}

// parseDomain reads a domain, international ones in either form.
func parseDomain(text string) (host, bool) {
	isPlain := true
	text = lowerASCII(text)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			isPlain = false
		}
	}
	name := text
	if !isPlain {
		var err error
		if name, err = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.Transitional(false)).ToASCII(text); err != nil {
			return host{}, false
		}
		name = strings.TrimSuffix(name, ".")
		if _, isNumber, _ := parseNumbers(name); isNumber {
			return parseHost(name) // written in full-width digits
		}
	}
	if !isName(name) {
		return host{}, false
	}
	h := host{name: name}
	if strings.Contains(name, "xn--") {
		if readable, err := idna.Punycode.ToUnicode(name); err == nil && readable != name {
			h.unicode = readable
		}
	}
	return h, true
}

// isName reports whether a text in lower case is a name by its form. Underscores are in names that exist.
func isName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// parseNumbers reads an IPv4 address as browsers do: one to four numbers, each decimal, octal or hexadecimal, the last of which fills what is
// left. isNumber says that the last piece is a number, so that the text is an address or nothing.
func parseNumbers(text string) (address netip.Addr, isNumber, ok bool) {
	pieces := strings.Split(text, ".")
	last := pieces[len(pieces)-1]
	if _, isNumber = parseNumber(last); !isNumber {
		if last == "" || strings.Trim(last, "0123456789") != "" {
			return address, false, false
		}
		return address, true, false
	}
	if len(pieces) > 4 {
		return address, true, false
	}
	var value uint64
	for i, piece := range pieces {
		n, good := parseNumber(piece)
		if !good {
			return address, true, false
		}
		if i < len(pieces)-1 {
			if n > 255 {
				return address, true, false
			}
			value |= n << (8 * (3 - i))
			continue
		}
		if n >= 1<<(8*(5-len(pieces))) {
			return address, true, false
		}
		value |= n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true, true
}

func parseNumber(text string) (uint64, bool) {
	base := 10
	switch {
	case len(text) > 1 && text[0] == '0' && text[1]|0x20 == 'x':
		text, base = text[2:], 16
		if text == "" {
			return 0, true
		}
	case len(text) > 1 && text[0] == '0':
		text, base = text[1:], 8
	}
	n, err := strconv.ParseUint(text, base, 40)
	return n, err == nil
}

// isPublic reports whether a domain ends as one can that is registered, by the list of https://publicsuffix.org, and is more than that end.
func isPublic(domain string) bool {
	i := strings.LastIndexByte(domain, '.')
	if i <= 0 || i == len(domain)-1 {
		return false
	}
	if _, isListed := suffix.Public(domain[i+1:]); !isListed {
		return false
	}
	end, _ := suffix.Public(domain)
	return end != domain
}

// isNamed reports whether a domain ends as one can that exists: registered, or of the ends that are kept for use within a network, in other
// networks, and for examples (https://www.iana.org/assignments/special-use-domain-names).
func isNamed(domain string) bool {
	i := strings.LastIndexByte(domain, '.')
	if i <= 0 {
		return false
	}
	switch domain[i+1:] {
	case "example", "test", "invalid", "local", "localhost", "internal", "onion", "alt", "home", "lan", "corp", "intranet":
		return true
	}
	return isPublic(domain)
}

// lowerASCII lowers A to Z.
func lowerASCII(text string) string {
	for i := 0; i < len(text); i++ {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			b := []byte(text)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return text
}
