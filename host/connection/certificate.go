package connection

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// identity is what an application proves itself with: a key, and the certificate that Entra knows it by.
type identity struct {
	key *rsa.PrivateKey
	// leaf is nil when only its thumbprint is known.
	leaf       *x509.Certificate
	thumbprint []byte // of leaf, SHA-1 or SHA-256; only without leaf
}

// String shows nothing: the printers would show the key.
func (*identity) String() string   { return mask }
func (*identity) GoString() string { return mask }

// identity reads the certificate and its key.
func (c *Connection) identity(ctx context.Context) (*identity, error) {
	var password string
	if !c.config.CertificatePassword.IsZero() {
		secret, err := c.secrets.word(ctx, c.config.CertificatePassword, "certificate_password")
		if err != nil {
			return nil, c.misplaced("certificate_password", err)
		}
		password = secret.reveal()
	}
	own := &identity{}
	if !c.config.Certificate.IsZero() {
		content, err := c.secrets.read(ctx, c.config.Certificate, "certificate", maxCertificate)
		if err == nil {
			err = own.take(content, password, c.secrets.describe(c.config.Certificate))
		}
		if err != nil {
			return nil, c.misplaced("certificate", err)
		}
	}
	if !c.config.PrivateKey.IsZero() {
		content, err := c.secrets.read(ctx, c.config.PrivateKey, "private_key", maxCertificate)
		if err == nil {
			err = own.takeKey(content, c.secrets.describe(c.config.PrivateKey))
		}
		if err != nil {
			return nil, c.misplaced("private_key", err)
		}
	}
	if err := own.settle(c.config.Thumbprint); err != nil {
		return nil, c.misplaced("certificate", err)
	}
	return own, nil
}

// take reads a certificate, with its key if that is there.
func (i *identity) take(content []byte, password, where string) error {
	if len(content) > maxCertificate {
		return problemf("keep only the certificate and its key", "%s is over %d bytes", where, maxCertificate)
	}
	if !bytes.Contains(content, []byte("-----BEGIN ")) {
		return i.takePFX(content, password, where)
	}
	if password != "" {
		return problemf("remove certificate_password, or name a PFX", "%s is PEM, which is read without a password", where)
	}
	var certificates []*x509.Certificate
	for _, block := range blocks(content) {
		switch {
		case block.Type == "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return problemf("export it again", "%s holds a certificate that is damaged", where)
			}
			certificates = append(certificates, certificate)
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && i.key == nil:
			key, err := privateKey(block, where)
			if err != nil {
				return err
			}
			i.key = key
		}
	}
	if len(certificates) == 0 {
		return problemf("export the certificate as PEM or PFX", "%s holds no certificate", where)
	}
	i.leaf = certificates[0]
	for _, certificate := range certificates { // the order in a file is nobody's promise
		if i.key != nil && i.key.PublicKey.Equal(certificate.PublicKey) {
			i.leaf = certificate
		}
	}
	return nil
}

// takePFX reads PKCS #12, as it is or in base64, as environment variables and vaults hold it.
func (i *identity) takePFX(content []byte, password, where string) error {
	if text, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(content))); err == nil {
		content = text
	}
	key, leaf, _, err := pkcs12.DecodeChain(content, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return problemf("name the place of its password in certificate_password", "%s is a PFX with a password", where)
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return problemf("correct it", "the password in certificate_password does not open %s", where)
	case err != nil: // the library's own words may repeat what it read
		return problemf("export the certificate with its key as PEM or PFX", "%s is neither PEM nor a PFX that can be read", where)
	}
	i.leaf = leaf
	i.key, err = rsaKey(key, where)
	return err
}

// takeKey reads a private key alone.
func (i *identity) takeKey(content []byte, where string) error {
	if len(content) > maxCertificate {
		return problemf("keep only the key", "%s is over %d bytes", where, maxCertificate)
	}
	for _, block := range blocks(content) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			key, err := privateKey(block, where)
			i.key = key
			return err
		}
	}
	return problemf("export the key as PEM; it starts with -----BEGIN PRIVATE KEY-----", "%s holds no private key", where)
}

// settle checks that what was read belongs together.
func (i *identity) settle(thumbprint string) error {
	switch {
	case i.key == nil:
		return problemf("put the private key beside the certificate, or name its place in private_key", "the certificate has no private key")
	case i.leaf != nil && !i.key.PublicKey.Equal(i.leaf.PublicKey):
		return problemf("take the key that the certificate was made for", "the private key is not the certificate's")
	case thumbprint == "":
		return nil
	}
	digest, err := hex.DecodeString(thumbprint)
	if err != nil {
		return problemf("write the thumbprint that the Entra admin center shows", "certificate_thumbprint is not hexadecimal")
	}
	if i.leaf == nil {
		i.thumbprint = digest
		return nil
	}
	older, newer := sha1.Sum(i.leaf.Raw), sha256.Sum256(i.leaf.Raw)
	if !bytes.Equal(digest, older[:]) && !bytes.Equal(digest, newer[:]) {
		return problemf("compare both with what the Entra admin center shows", "certificate_thumbprint is not the certificate's, which is %X", older)
	}
	return nil
}

// blocks reads all PEM blocks of a text that may have been pressed into one line.
func blocks(content []byte) []*pem.Block {
	var all []*pem.Block
	for rest := repaired(content); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		all = append(all, block)
	}
}

// repaired writes PEM anew with its line breaks. Fields of one line, environment variables and YAML make blanks or \n of them.
func repaired(content []byte) []byte {
	// The label and the content of a block, whatever stands for its line breaks.
	pemBlock := regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]{1,64})-----(.*?)-----END ([A-Z0-9 ]{1,64})-----`)
	var out bytes.Buffer
	for _, found := range pemBlock.FindAllSubmatch(content, -1) {
		label, body := string(found[1]), string(found[2])
		if label != string(found[3]) {
			continue
		}
		if strings.Contains(body, ":") { // headers of RFC 1421, which say that the key is encrypted
			body, label = "", "ENCRYPTED PRIVATE KEY"
		}
		body = strings.Join(strings.Fields(strings.NewReplacer(`\r`, " ", `\n`, " ").Replace(body)), "")
		out.WriteString("-----BEGIN " + label + "-----\n")
		const width = 64
		for len(body) > width {
			out.WriteString(body[:width] + "\n")
			body = body[width:]
		}
		out.WriteString(body + "\n-----END " + label + "-----\n")
	}
	return out.Bytes()
}

// privateKey reads PKCS #1 and PKCS #8.
func privateKey(block *pem.Block, where string) (*rsa.PrivateKey, error) {
	if strings.HasPrefix(block.Type, "ENCRYPTED") {
		return nil, problemf("use a PFX with certificate_password, or decrypt the key and guard its file", "the key in %s is encrypted", where)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, problemf("export it again", "%s holds a private key that is damaged, or of a kind that Entra does not take", where)
	}
	return rsaKey(key, where)
}

func rsaKey(key crypto.PrivateKey, where string) (*rsa.PrivateKey, error) {
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, problemf("make a certificate with an RSA key", "the key in %s is not RSA, and Entra takes no other", where)
}
