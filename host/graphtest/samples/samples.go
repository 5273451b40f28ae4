// Package samples carries some thirty real mails for demonstrations and tests: with attachments, pictures, other alphabets, messages
// inside messages, and some that are malformed. NOTICE says where they come from.
package samples

import "embed"

// Mail holds the messages, one .eml file each.
//
//go:embed *.eml
var Mail embed.FS
