package extract

import (
	"net/netip"
	"strings"
)

// url is a URL in its normal form.
type url struct {
	value   string
	unicode string // with the host as a person reads it, if that differs
	host    host
	port    string
	rest    string // behind the host: path, query and fragment
	// isWeb says that it is HTTP.
	isWeb bool
}

// defaultPort is what a normal URL leaves out.
func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	case "ftp":
		return "21"
	}
	return ""
}

// parseURL reads an absolute URL as browsers do: blanks around it, line breaks and tabs in it, slashes of either kind and too many or few of
// them. Hosts are made lower-case and punycode.
func parseURL(text string) (*url, bool) {
	text = strings.Trim(text, " \t\r\n\f\x00\u00a0\u200b\ufeff")
	if strings.ContainsAny(text, "\t\r\n") {
		text = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(text)
	}
	if len(text) > MaxURL {
		return nil, false
	}
	scheme, rest, ok := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	if !ok {
		return nil, false
	}
	trimmed := strings.TrimLeft(rest, `/\`)
	switch scheme {
	case "http", "https", "ftp", "ftps", "sftp":
	case "file":
		if slashes := len(rest) - len(trimmed); slashes != 2 && slashes < 4 {
			return nil, false // of the reader's own machine
		}
	default:
		return nil, false
	}
	rest = trimmed
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	name, port := splitPort(authority)
	if strings.HasSuffix(authority, ":") && isWebScheme(name) && strings.HasPrefix(rest, "//") {
		// A scheme stands before a scheme, and maybe before more of them.
		scheme, rest = name, rest[len("//"):]
		for {
			head, _, ok := strings.Cut(rest[:min(len(rest), len("https://"))], "://")
			if !ok || !isWebScheme(head) {
				return parseURL(scheme + "://" + rest)
			}
			scheme, rest = head, rest[len(head)+len("://"):]
		}
	}
	h, ok := parseHost(name)
	if !ok {
		return nil, false
	}
	u := &url{host: h, port: port, isWeb: scheme == "http" || scheme == "https"}
	query := strings.IndexAny(rest, "?#")
	if query < 0 {
		query = len(rest)
	}
	u.rest = strings.ReplaceAll(rest[:query], `\`, "/") + rest[query:]
	u.rest = strings.ReplaceAll(u.rest, " ", "%20")
	tail := u.rest
	if port != "" && port != defaultPort(scheme) {
		tail = ":" + port + tail
	}
	u.value = scheme + "://" + h.urlForm() + tail
	if h.unicode != "" {
		u.unicode = scheme + "://" + h.unicode + tail
	}
	return u, true
}

func isWebScheme(text string) bool {
	return strings.EqualFold(text, "http") || strings.EqualFold(text, "https")
}

// splitPort splits the port off an authority; what is no port stays.
func splitPort(authority string) (name, port string) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	digits := authority[i+1:]
	if len(digits) > 5 || strings.Trim(digits, "0123456789") != "" {
		return authority, ""
	}
	return authority[:i], strings.TrimLeft(digits, "0")
}

// isRoutable reports whether an IPv6 address is of a range that is in use, rather than any text of colons and letters a to f.
func isRoutable(a netip.Addr) bool {
	b := a.As16()
	switch {
	case a.Is4In6():
		return true
	case b[0]&0xE0 == 0x20: // 2000::/3, all that is assigned
		return true
	case b[0]&0xFE == 0xFC, b[0] == 0xFE && b[1]&0xC0 == 0x80: // unique local, link-local
		return true
	}
	return b[0] == 0 && b[1] == 0x64 && b[2] == 0xFF && b[3] == 0x9B // 64:ff9b::/96, RFC 6052
}
