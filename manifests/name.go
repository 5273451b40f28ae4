package manifests

import "strings"

// parsePluginName accepts a name that is safe as a folder name on every system: [a-z][a-z0-9-]{0,62}, and none of the
// words that Windows keeps for devices.
func parsePluginName(name string) (string, *flaw) {
	if !isName(name, "-") {
		return "", flawf(`write for example "mail"`, "%q is not a plugin name: a lower-case letter, then lower-case letters, digits and '-', at most %d in all", shorten(name), maxName)
	}
	if isDevice(name) {
		return "", flawf("choose another name", "%q is the name of a device on Windows", name)
	}
	return name, nil
}

// parseLocalName accepts the name of a connection or a grant: [a-z][a-z0-9_-]{0,62}.
func parseLocalName(name string) (string, *flaw) {
	if !isName(name, "_-") {
		return "", flawf(`write for example "contoso"`, "%q is not a name: a lower-case letter, then lower-case letters, digits, '_' and '-', at most %d in all", shorten(name), maxName)
	}
	return name, nil
}

// parseID accepts the id of a capability or an action: at least two words [a-z][a-z0-9_]* joined by dots.
func parseID(id string) (string, *flaw) {
	words := strings.Split(id, ".")
	ok := len(id) <= MaxID && len(words) >= 2
	for _, word := range words {
		ok = ok && isName(word, "_")
	}
	if !ok {
		return "", flawf(`write lower-case words joined by dots, for example "mail.read"`, "%q is not an id", shorten(id))
	}
	return id, nil
}

// isName reports whether name is a lower-case letter and then lower-case letters, digits and the extra characters.
func isName(name, extra string) bool {
	if name == "" || len(name) > maxName || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for _, c := range name {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune(extra, c)) {
			return false
		}
	}
	return true
}

// isDevice knows the names that Windows reserves in every folder.
// Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
func isDevice(name string) bool {
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (strings.HasPrefix(name, "com") || strings.HasPrefix(name, "lpt")) && '0' <= name[3] && name[3] <= '9'
}
