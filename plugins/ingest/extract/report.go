package extract

import "strconv"

// Kind says what a finding is.
type Kind string

// The kinds of findings.
const (
	URL    Kind = "url"
	Domain Kind = "domain"
	IPv4   Kind = "ipv4"
	IPv6   Kind = "ipv6"
	Email  Kind = "email"
	MD5    Kind = "md5"
	SHA1   Kind = "sha1"
	SHA256 Kind = "sha256"
	File   Kind = "file"
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{URL, Domain, IPv4, IPv6, Email, MD5, SHA1, SHA256, File} }

// Role says what a finding is for in the message, so that noise can be told from the rest.
type Role string

// The roles of findings.
const (
	// Link leads on a click: href, and what the click of a button does.
	Link Role = "link"
	// Form is where a form is sent.
	Form Role = "form"
	// Refresh is where a page leads by itself.
	Refresh Role = "refresh"
	// Frame is a page, or an object, within the page.
	Frame Role = "frame"
	// Script is the source of a script, or stands in one.
	Script Role = "script"
	// Image is loaded and shown; Pixel is shown too small to be seen.
	Image Role = "image"
	Pixel Role = "pixel"
	// Style is a style sheet, or a font or an image that one names.
	Style Role = "style"
	// Namespace names a vocabulary, and is never loaded.
	Namespace Role = "namespace"
	// Attribute stands in another attribute of HTML, and Comment in a comment that nobody sees.
	Attribute Role = "attribute"
	Comment   Role = "comment"
	// Text stands in text that a reader sees.
	Text Role = "text"
	// Mismatch is the target of a link whose text shows another address.
	Mismatch Role = "mismatch"
	// Redirect is what another URL leads to, by what is written in that.
	Redirect Role = "redirect target"
	// Header stands in a field of the header, and Unsubscribe in that for leaving a list.
	Header      Role = "header"
	Unsubscribe Role = "unsubscribe"
	// Recipient is the domain of who received the message, wherever it stands.
	Recipient Role = "recipient"
	// Attachment is of a file, or stands in one.
	Attachment Role = "attachment"
)

// Finding is one indicator at its first place. Findings are unique by kind, value and role.
type Finding struct {
	Kind Kind
	// Value is in its normal form: hosts in lower case and punycode, no default port, addresses as RFC 5952 writes them.
	Value string
	// Unicode is Value as a person reads it, if it has an international host name.
	Unicode string
	// Original is how it was written, if that differs from Value: defanged, relative, in another notation; of a redirect target, the URL
	// that it stood in; of a mismatch, the address that was shown.
	Original string
	// Registered is, of a domain, the part that somebody registered, by the public suffix list.
	Registered string
	// Port is that which stood beside an IP address; 0 is none.
	Port int
	Role Role
	// Where is the name of the header field, or the part's path, type and file name.
	Where string
}

// Part is one part of a message that holds content: not a multipart.
type Part struct {
	// Path numbers parts as IMAP does: 2.1 is the first part of the second (RFC 9051, 6.4.5).
	Path string
	// Type is the declared media type, in lower case; Detected what the content is by its first bytes, empty if they do not tell.
	Type, Detected string
	// Charset is the one that the content was decoded by, empty if it is not text.
	Charset string
	// Name is the file's name made safe for any file system: no folders, control or bidirectional characters, reserved names. Empty if
	// the part is no file. Declared is the name as the sender wrote it, decoded, if that differs.
	Name, Declared string
	// ContentID is what HTML calls an inline file by.
	ContentID string
	// IsFile tells a file, or a message, that is attached from the text of the message; IsMessage a message.
	IsFile, IsMessage, IsInline bool
	// Size is that of the content after its transfer encoding, in bytes, and the hashes are of the same bytes, in lower-case hex. Of
	// what is no file there are none.
	Size              int64
	MD5, SHA1, SHA256 string
	// Kept is what [Options.Keep] said of it.
	Kept string
	// Subject is that of an attached message.
	Subject string
}

// Where names the part in a finding.
func (p *Part) Where() string {
	where := p.Path + " " + p.Type
	if p.Name != "" {
		where += " " + p.Name
	}
	return where
}

// Body is the text of a part in UTF-8.
type Body struct {
	Path, Type, Charset string
	Text                string
	// IsCut says that Text is not all.
	IsCut bool
}

// Field is one field of the message's header, with its encoded words decoded.
type Field struct{ Name, Value string }

// Report is what was found in a message.
type Report struct {
	// Header has the fields of the outermost message in their order.
	Header []Field
	// Parts are in the order in which they begin.
	Parts    []*Part
	Bodies   []Body
	Findings []Finding
	// Problems tell what is malformed, and Cut what was left out because of a bound.
	Problems, Cut []string
	// Size and hashes are those of the whole source.
	Size              int64
	MD5, SHA1, SHA256 string
}

// First is the decoded value of the first field of a name, written in lower case, or "".
func (r *Report) First(name string) string {
	for _, f := range r.Header {
		if equalFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

func (r *Report) problem(text string) { note(&r.Problems, text) }
func (r *Report) cut(text string)     { note(&r.Cut, text) }

// note adds a text that is not there yet.
func note(list *[]string, text string) {
	for _, known := range *list {
		if known == text {
			return
		}
	}
	if len(*list) < maxProblems {
		*list = append(*list, text)
	}
}

// child is the path of the nth part below another.
func child(path string, n int) string {
	if path == "" {
		return strconv.Itoa(n)
	}
	return path + "." + strconv.Itoa(n)
}
