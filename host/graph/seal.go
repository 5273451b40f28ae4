package graph

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
)

// KeySize is the length of a sealing key, in bytes.
const KeySize = 32

// Link is a next or delta link of Graph and the request that it continues, so
// that redeeming it is judged like the request itself.
type Link struct {
	URL        string     `json:"url"`
	Capability string     `json:"capability"`
	Template   string     `json:"template"`
	Params     []abi.Pair `json:"params"`
	Headers    []abi.Pair `json:"headers"`
	Sealed     time.Time  `json:"sealed"`
}

// Sealer turns links into strings that a guest can keep, and neither read nor
// forge: AES-256-GCM, bound to the plugin and the connection that they were made for.
type Sealer struct{ aead cipher.AEAD }

// NewSealer takes a key of [KeySize] random bytes.
func NewSealer(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// Seal seals link for the owner, which names plugin and connection.
func (s *Sealer) Seal(link Link, owner string) (string, error) {
	plain, err := json.Marshal(link)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(owner))), nil
}

// Open opens a sealed link of the same owner. The error is [abi.InvalidInput].
func (s *Sealer) Open(sealed, owner string, now time.Time) (Link, error) {
	var link Link
	cipherText, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || strings.ContainsAny(sealed, "\r\n") { // which the decoder skips
		return link, badLink("it is damaged")
	}
	plain, err := s.aead.Open(nil, nil, cipherText, []byte(owner))
	if err != nil {
		return link, badLink("this host did not seal it for this plugin and connection")
	}
	if err := json.Unmarshal(plain, &link); err != nil {
		return link, badLink("it was sealed by another version")
	}
	if now.Sub(link.Sealed) > maxLinkAge {
		return link, badLink("it is too old")
	}
	return link, nil
}

func badLink(problem string) error {
	return &abi.Error{Code: abi.InvalidInput, Message: "the link cannot be redeemed: " + problem + "; start the list anew"}
}
