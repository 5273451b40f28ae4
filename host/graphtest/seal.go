package graphtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// A sealer makes texts that clients keep and can neither read nor alter, such as delta tokens. The same content has the same text, so
// that two servers with the same set-up give the same answers; see RFC 5297 for that use of a nonce.
type sealer struct {
	key  []byte
	aead cipher.AEAD
}

// newSealer makes a sealer whose key follows from the parts.
func newSealer(parts ...string) (*sealer, error) {
	key := sha256.Sum256([]byte(newGUID(append([]string{"seal"}, parts...)...)))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make the cipher of tokens: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of tokens: %w", err)
	}
	return &sealer{key[:], aead}, nil
}

func (s *sealer) seal(content []byte) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(content)
	nonce := mac.Sum(nil)[:s.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, content, nil))
}

// open returns what was sealed; ok is false if the text is not one that seal made.
func (s *sealer) open(text string) (content []byte, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return nil, false
	}
	content, err = s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], nil)
	return content, err == nil
}
