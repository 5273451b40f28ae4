package connection_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
)

func TestCertificatesInEveryForm(t *testing.T) {
	whole := own().certificatePEM() + own().keyPEM8()
	newer := sha256.Sum256(own().certificate.Raw)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for name, test := range map[string]struct {
		content string
		lines   []string
		says    string // "" if it signs in
	}{
		"PEM, PKCS #8":                 {content: whole},
		"PEM, key first":               {content: own().keyPEM() + own().certificatePEM()},
		"PEM with other certificates":  {content: other().certificatePEM() + whole + other().certificatePEM()},
		"PEM with text around":         {content: "Bag Attributes\n  x: y\n" + whole + "\ntrailing"},
		"PEM in one line":              {content: strings.ReplaceAll(whole, "\n", " ")},
		"PEM with \\n":                 {content: strings.ReplaceAll(whole, "\n", `\n`)},
		"PEM without any line break":   {content: strings.ReplaceAll(whole, "\n", "")},
		"PEM of DOS":                   {content: strings.ReplaceAll(whole, "\n", "\r\n")},
		"PFX without a password":       {content: own().pfx("")},
		"PFX in base64":                {content: base64.StdEncoding.EncodeToString([]byte(own().pfx(""))) + "\n"},
		"PFX with a password":          {content: own().pfx(password), lines: []string{`certificate_password = { env = "PASSWORD" }`}},
		"SHA-1 thumbprint":             {content: whole, lines: []string{fmt.Sprintf("certificate_thumbprint = %q", own().thumbprint())}},
		"SHA-256 thumbprint":           {content: whole, lines: []string{fmt.Sprintf("certificate_thumbprint = %q", hex.EncodeToString(newer[:]))}},
		"another's thumbprint":         {whole, []string{fmt.Sprintf("certificate_thumbprint = %q", other().thumbprint())}, "certificate_thumbprint is not the certificate's"},
		"another's key":                {own().certificatePEM() + other().keyPEM(), nil, "the private key is not the certificate's"},
		"no key":                       {own().certificatePEM(), nil, "has no private key"},
		"no certificate":               {own().keyPEM(), nil, "holds no certificate"},
		"PFX with an unknown password": {own().pfx(password), nil, "is a PFX with a password"},
		"PFX with a wrong password":    {own().pfx("other"), []string{`certificate_password = { env = "PASSWORD" }`}, "does not open"},
		"PEM with a password":          {whole, []string{`certificate_password = { env = "PASSWORD" }`}, "read without a password"},
		"encrypted key":                {own().certificatePEM() + encrypted, nil, "is encrypted"},
		"key of an elliptic curve":     {own().certificatePEM() + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: curveDER})), nil, "is not RSA"},
		"damaged certificate":          {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", nil, "is damaged"},
		"nothing":                      {"", nil, "neither PEM nor a PFX"},
		"something else":               {"canary~hello", nil, "neither PEM nor a PFX"},
		"too long":                     {strings.Repeat("x", 300<<10), nil, "is over 262144 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.env["PASSWORD"] = password
				w.write("own", test.content)
				w.app(withCertificate(own()))
				conn := w.open(append([]string{`auth = "certificate"`, `certificate = { file = "own" }`}, test.lines...)...)
				status, err := w.try(conn, "/users")
				switch {
				case test.says == "":
					if err != nil || status != http.StatusOK {
						t.Errorf("%d, %v", status, err)
					}
				case !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "canary") || w.seen.count("client_credentials") > 0:
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestWarningsBeforeACredentialEnds(t *testing.T) {
	t.Run("certificate", func(t *testing.T) { // in real time, by which its end was set
		w := newWorld(t)
		w.write("own", ending().certificatePEM()+ending().keyPEM())
		w.app(withCertificate(ending()))
		conn := w.open(`auth = "certificate"`, `certificate = { file = "own" }`)
		status, err := conn.Status(t.Context())
		if err != nil || status.State != connection.Warned || !strings.Contains(status.Cause, "the certificate expires on") || !strings.Contains(status.Cause, "in 9 days") {
			t.Errorf("status %+v, %v", status, err)
		}
		for range 3 {
			if _, err := conn.Generate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(w.log.String(), "the certificate expires on"); got != 1 {
			t.Errorf("warned %d times:\n%s", got, w.log)
		}
	})
	for name, test := range map[string]struct {
		ends  string
		state connection.State
		says  string
	}{
		"secret that ends soon":         {"client_secret_expires = 2000-01-11", connection.Warned, "in 10 days"}, // the bubble begins on 1 January 2000
		"secret that ends later":        {"client_secret_expires = 2001-01-01", connection.Working, ""},
		"secret that has ended":         {"client_secret_expires = 1999-01-01", connection.Warned, "expired on 1999-01-01"},
		"secret whose end nobody knows": {"", connection.Working, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				status, err := w.open(`client_secret = { file = "secret" }`, test.ends).Status(t.Context())
				if err != nil || status.State != test.state || !strings.Contains(status.Cause, test.says) || (test.ends == "") != strings.Contains(status.Note, "no client") {
					t.Errorf("status %+v, %v", status, err)
				}
			})
		})
	}
}

func TestAutomaticWarnsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.write("secret", "another\n")
		w.write("own.pem", own().certificatePEM()+own().keyPEM())
		w.app(withCertificate(own()))
		conn := w.open(`auth = "automatic"`, `client_secret = { file = "secret" }`, `certificate = { file = "own.pem" }`)
		for range 3 {
			if _, err := conn.Generate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(w.log.String(), "so the certificate is used"); got != 1 {
			t.Errorf("warned %d times:\n%s", got, w.log)
		}
	})
}

func FuzzCertificates(f *testing.F) {
	f.Add([]byte(own().certificatePEM() + own().keyPEM()))
	f.Add([]byte(strings.ReplaceAll(own().keyPEM8(), "\n", " ")))
	f.Add([]byte(own().pfx("")))
	f.Add([]byte("-----BEGIN CERTIFICATE----------END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, content []byte) {
		w := newWorld(t)
		w.write("own", string(content))
		w.app(withCertificate(own()))
		_, err := w.try(w.open(`auth = "certificate"`, `certificate = { file = "own" }`), "/users")
		var e *abi.Error
		if err != nil && (!errors.As(err, &e) || strings.ContainsFunc(strings.ReplaceAll(e.Message, w.dir, ""), func(r rune) bool { return r < ' ' || r > '~' })) {
			t.Errorf("got %q", err)
		}
	})
}
