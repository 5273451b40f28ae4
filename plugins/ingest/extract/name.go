package extract

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fileName is the name that the headers of a part give its file, decoded, as the sender wrote it.
func fileName(disposition, kind structured, h header) string {
	for _, name := range []string{disposition.parameters["filename"], kind.parameters["name"], disposition.parameters["name"], kind.parameters["filename"]} {
		if name = strings.TrimSpace(name); name != "" {
			if decoded := unescapePercent(name); len(decoded) < len(name) && !isASCII(decoded) && utf8.ValidString(decoded) {
				return decoded // as browsers write it
			}
			return name
		}
	}
	if location := h.first("content-location"); location != "" && disposition.word == "attachment" {
		return path.Base(decodeWords(location))
	}
	return ""
}

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// MessageName is a name for the file of a message with this subject, safe for any file system.
func MessageName(subject string) string { return nameOfMessage(safeName(subject)) }

// nameOfMessage is the name of the file of an attached message.
func nameOfMessage(subject string) string {
	if subject == "" {
		return "message.eml"
	}
	return clip(subject, maxName-len(".eml")) + ".eml"
}

// name gives a file its name, and one if it has none.
func (w *walker) name(p *Part, declared string) {
	p.Declared = ""
	p.Name = safeName(declared)
	if p.Name == "" {
		p.Name = "part-" + p.Path + extensionOf(p.Type)
	}
	if declared = toUTF8(declared); declared != p.Name {
		p.Declared = clip(declared, maxFieldName)
	}
}

// maxFieldName bounds a name as the sender wrote it, in bytes.
const maxFieldName = 1000

// safeName makes a name safe for any file system, and for any terminal: the part behind the last slash of either kind, without control,
// invisible and bidirectional characters, and none of the names that Windows keeps for devices.
func safeName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r), r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	if len(name) > maxName {
		ending := path.Ext(name)
		if len(ending) > 20 {
			ending = ""
		}
		name = clip(strings.TrimSuffix(name, ending), maxName-len(ending)) + ending
	}
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch base = strings.TrimRight(base, " "); base {
	case "CON", "PRN", "AUX", "NUL":
		name = "_" + name
	default:
		if len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9' {
			name = "_" + name
		}
	}
	return name
}

// clip cuts a text to most bytes, between characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// extensionOf is the ending of a file without a name, by its media type.
func extensionOf(kind string) string {
	switch kind {
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".html"
	case "text/calendar":
		return ".ics"
	case "message/rfc822":
		return ".eml"
	case "image/jpeg":
		return ".jpg"
	case "image/png":
		return ".png"
	case "image/gif":
		return ".gif"
	case "application/pdf":
		return ".pdf"
	case "application/zip":
		return ".zip"
	}
	return ".bin"
}
