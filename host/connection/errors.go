package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/manifests"
)

// failure is why no token came: what happened, and what to do about it. Both are words of this package.
type failure struct {
	coded         *abi.Error
	cause, remedy string
}

func (f *failure) Error() string { return f.coded.Error() }

// Unwrap gives the error that the rest of the project knows.
func (f *failure) Unwrap() error { return f.coded }

// badSecret reports whether another credential may work where the secret does not.
func (f *failure) badSecret() bool {
	return f.coded.Detail.GraphCode == aadsts(7000215) || f.coded.Detail.GraphCode == aadsts(7000222)
}

// reason is a failure before it is known where it happened. name is Entra's number or OAuth's word for it, if it has one.
type reason struct {
	code                abi.Code
	name, cause, remedy string
}

// failed makes the failure of this connection.
func (c *Connection) failed(r reason) *failure {
	message := "connection " + c.name + ": " + r.cause + "; " + r.remedy
	if strings.HasPrefix(r.name, "AADSTS") {
		message += " (" + r.name + ")"
	}
	return &failure{
		coded: &abi.Error{Code: r.code, Message: message, Detail: abi.Detail{GraphCode: r.name, Time: c.now()}},
		cause: r.cause, remedy: r.remedy,
	}
}

// misplaced is the failure of a secret that could not be read, or is not what it should be.
func (c *Connection) misplaced(key string, err error) *failure {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{"it cannot be read", "check the place that the operator's file names"}
	}
	return c.failed(reason{abi.Auth, "", key + ": " + p.cause, p.remedy})
}

// explain says why the token service gave no token. Only numbers and known words of the answer get into it.
func (s *tokenService) explain() *failure {
	a := &s.answer
	var r reason
	switch {
	case a.failure != nil:
		r = s.unreachable(a.failure)
	case a.status == http.StatusOK:
		r = reason{abi.Upstream, "", s.host() + " answered without a token", "check authority"}
	default:
		r = s.refusal()
	}
	f := s.connection.failed(r)
	f.coded.Detail.RequestID, f.coded.Detail.RetryAfter = a.correlation, a.retryAfter
	if a.failure == nil && a.status != http.StatusOK {
		f.coded.Detail.Status = a.status
	}
	return f
}

func (s *tokenService) host() string {
	if s.connection.config.Auth == manifests.AuthManagedIdentity {
		return "the identity service of this machine"
	}
	return "the token service at " + s.connection.authority.Host
}

// refusal explains an error answer. Numbers say more than words, and words more than the status.
func (s *tokenService) refusal() reason {
	a := &s.answer
	for _, number := range a.numbers {
		if r, ok := s.byNumber(number); ok {
			r.name = aadsts(number)
			return r
		}
	}
	switch {
	case a.status == http.StatusTooManyRequests:
		return reason{abi.Throttled, "", s.host() + " asks to slow down", "try again later"}
	case a.status >= http.StatusInternalServerError || a.word == "temporarily_unavailable":
		return reason{abi.Upstream, "", fmt.Sprintf("%s has a fault of its own (status %d)", s.host(), a.status), "try again later"}
	case s.connection.config.Auth == manifests.AuthManagedIdentity:
		return reason{abi.Auth, a.known(), "the machine has no such managed identity",
			"assign one to it, or write the client_id of the one that it has; leave client_id out for the one that the system assigned"}
	case a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized && a.status != http.StatusForbidden:
		return reason{abi.Upstream, "", fmt.Sprintf("%s answered with status %d, not with a token", s.host(), a.status), "check authority"}
	}
	r := s.byWord(a.known())
	if len(a.numbers) > 0 {
		r.name = aadsts(a.numbers[0])
		r.remedy += "; look up " + r.name
	}
	return r
}

func aadsts(number int64) string { return "AADSTS" + strconv.FormatInt(number, 10) }

// signIn says how to sign in again, or for the first time.
func (c *Connection) signIn() string { return "sign in with \"postern auth login " + c.name + "\"" }

// byNumber explains the error numbers that a client meets; the name is the caller's to fill in. Source:
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func (s *tokenService) byNumber(number int64) (reason, bool) {
	c := s.connection
	again := c.signIn()
	r := reason{code: abi.Auth}
	switch number {
	case 7000215:
		r.cause, r.remedy = "the client secret is wrong", "store the secret's value, not its id"
	case 7000222:
		r.cause, r.remedy = "the client secret has expired", "create a new one for the application and store its value"
	case 7000218:
		r.cause, r.remedy = "the application must prove itself for this way to sign in",
			"allow public client flows in its registration (Authentication), or give it a client_secret or certificate with auth = \"authorization_code\""
	case 700025:
		r.cause, r.remedy = "the application is registered as a public client", "remove client_secret and certificate, or register a web platform"
	case 700016:
		r.cause, r.remedy = "the tenant does not know the application", "check client_id and tenant"
	case 90002:
		r.cause, r.remedy = "the tenant does not exist", "check tenant, and cloud or authority if it is in another cloud"
	case 900023:
		r.cause, r.remedy = "tenant is neither a directory id nor a domain", "check its spelling"
	case 700027:
		r.cause, r.remedy = "the application does not know the certificate", "upload it to the application and check its thumbprint"
	case 1000502:
		r.cause, r.remedy = "the certificate has expired or is not valid yet", "upload a new one to the application, and check this machine's clock"
	case 700021:
		r.cause, r.remedy = "the certificate's assertion is for another application", "check client_id"
	case 700023:
		r.cause, r.remedy = "the assertion is for another token service", "check authority and its cloud"
	case 700024:
		r.cause, r.remedy = "this machine's clock is not that of the token service"+s.skew(), "synchronise it, for example by NTP, and try again"
	case 700211, 700212, 700213:
		what := map[int64]string{700211: "issuer", 700212: "audience", 700213: "subject"}[number]
		r.cause = "the application trusts no token of this " + what
		r.remedy = "add a federated credential to the application whose " + what + " is exactly the one of the federated token"
	case 50027:
		r.cause, r.remedy = "the assertion is damaged, or was used before", "check federated_token, and try again"
	case 70011, 500011:
		r.cause, r.remedy = "the token service does not know the Graph origin as an audience", "check that graph and authority belong to the same cloud"
	case 65001:
		r.code, r.cause = abi.Consent, "nobody has consented to the application's permissions"
		r.remedy = "let an administrator grant consent in the Entra admin centre: " + c.ConsentURL()
	case 65004:
		r.code, r.cause = abi.Consent, "the user declined to consent"
		r.remedy = "sign in again and accept, or let an administrator grant consent: " + c.ConsentURL()
	case 90094:
		r.code, r.cause, r.remedy = abi.Consent, "only an administrator can consent to these permissions", "send an administrator to "+c.ConsentURL()
	case 650052, 650053:
		r.code, r.cause, r.remedy = abi.Consent, "scopes names a permission that Microsoft Graph does not have", "correct scopes"
	case 50076, 50079:
		r.cause, r.remedy = "the account must prove itself again with a second factor", again
	case 53000, 53001, 53002, 53004:
		r.cause = "conditional access asks for a device or an application that it knows"
		r.remedy = "ask an administrator to exempt the application, or sign in from a managed device"
	case 53003:
		r.cause, r.remedy = "conditional access blocks the sign-in", "ask an administrator to allow the application from this place"
	case 50173:
		r.cause, r.remedy = "the sign-in was revoked, as a new password or an administrator does it", again
	case 700082, 70008, 700084:
		r.cause, r.remedy = "the sign-in has expired, since it was not used for long", again
	case 50057:
		r.cause, r.remedy = "the user's account is disabled", "ask an administrator to enable it, or sign in as another user"
	case 50105:
		r.cause, r.remedy = "the user is not assigned to the application", "ask an administrator to assign the user, in the application's Users and groups"
	case 50058, 50078, 50133, 9002313, 70000:
		r.cause, r.remedy = "the sign-in is no longer good", again
	case 50011, 500112, 500113:
		r.cause, r.remedy = "the application does not know the redirect URI", "add http://localhost to it, as a platform of mobile and desktop applications"
	case 54005:
		r.cause, r.remedy = "the authorization code was used before", "start the sign-in again"
	case 501481:
		r.cause, r.remedy = "the authorization code is of another sign-in", "start the sign-in again"
	case 70018, 70019, 70020:
		r.cause, r.remedy = "the device code has expired before anybody signed in", "start the sign-in again"
	default:
		return r, false
	}
	return r, true
}

// skew tells how far this machine's clock is off, as far as the answer's Date tells.
func (s *tokenService) skew() string {
	const least = 30 * time.Second // less is the network's
	switch ahead := s.answer.ahead.Round(time.Second); {
	case ahead > least:
		return fmt.Sprintf(": it is %v ahead", ahead)
	case ahead < -least:
		return fmt.Sprintf(": it is %v behind", -ahead)
	}
	return ""
}

// byWord explains the error words of RFC 6749 section 5.2, RFC 8628 section 3.5 and OpenID Connect that come without a known number.
func (s *tokenService) byWord(word string) reason {
	again := s.connection.signIn()
	switch word {
	case "consent_required":
		return reason{abi.Consent, word, "consent is missing", "let an administrator grant it in the Entra admin centre: " + s.connection.ConsentURL()}
	case "interaction_required", "login_required":
		if s.connection.config.Auth.Delegated() {
			return reason{abi.Auth, word, "the token service asks for a person", again}
		}
		return reason{abi.Auth, word, "the token service asks for a person to sign in", "check the conditional access policies of the application"}
	case "access_denied", "authorization_declined":
		return reason{abi.Auth, word, "the sign-in was cancelled", "start it again"}
	case "expired_token", "bad_verification_code":
		return reason{abi.Auth, word, "the device code has expired before anybody signed in", "start the sign-in again"}
	case "invalid_client":
		return reason{abi.Auth, word, "the application's credential is refused", "check client_id and " + s.connection.credentialKey()}
	case "unauthorized_client":
		return reason{abi.Auth, word, "the application may not get tokens in this way", "check client_id and tenant"}
	case "invalid_scope", "invalid_resource":
		return reason{abi.Auth, word, "the token service does not know the Graph origin", "check that graph and authority belong to the same cloud"}
	case "invalid_grant":
		if s.connection.config.Auth.Delegated() {
			return reason{abi.Auth, word, "the sign-in is no longer good", again}
		}
		return reason{abi.Auth, word, "the grant is refused", "check the credential and that the application is enabled"}
	default:
		return reason{abi.Auth, "", "the token service refuses to issue a token", "check tenant, client_id and " + s.connection.credentialKey()}
	}
}

// credentialKey names the key of the configuration that the application proves itself by.
func (c *Connection) credentialKey() string {
	switch {
	case c.config.Auth == manifests.AuthWorkloadIdentity:
		return "federated_token"
	case !c.config.ClientSecret.IsZero():
		return "client_secret"
	case c.config.Auth == manifests.AuthDeviceCode, c.config.Auth == manifests.AuthAuthorizationCode && c.config.Certificate.IsZero():
		return "that its registration allows public client flows"
	}
	return "certificate"
}

// unreachable explains why no answer came.
func (s *tokenService) unreachable(err error) reason {
	host := s.host()
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var own *failure
	var refused *dial.Error
	r := reason{code: abi.Upstream}
	switch {
	case errors.As(err, &own): // of the proxy's credentials
		r.code, r.cause, r.remedy = own.coded.Code, own.cause, own.remedy
	case errors.As(err, &refused):
		r.code, r.cause, r.remedy = refused.Code, refused.Cause, refused.Remedy
	case errors.Is(err, errForeign):
		r.cause = "the credential library asked another host than " + s.connection.authority.Host + " for a token and was stopped"
		r.remedy = "unset AZURE_REGIONAL_AUTHORITY_NAME"
	case errors.Is(err, errTooLong):
		r.cause, r.remedy = fmt.Sprintf("%s answered with more than %d bytes", host, maxAnswer), "check authority"
	case errors.As(err, &name):
		r.cause, r.remedy = host+" shows a certificate for another host", "check authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		r.cause, r.remedy = host+" shows a certificate that has expired or is not valid yet", "renew it, and check this machine's clock"
	case untrusted(err) && s.connection.config.CAFile == "":
		r.cause = host + " shows a certificate of an unknown authority"
		r.remedy = "if that is meant to be so, name the authority's certificate in ca_file"
	case untrusted(err):
		r.cause, r.remedy = host+" shows a certificate that ca_file does not vouch for", "check that ca_file holds the certificate of its authority"
	case s.connection.config.Auth == manifests.AuthManagedIdentity:
		r.code, r.cause = abi.Auth, host+" cannot be reached: "+reasonOf(err)
		r.remedy = "run on a machine or service of Azure that has a managed identity, or use another auth"
	default:
		r.cause = fmt.Sprintf("%s cannot be reached: %s", host, reasonOf(err))
		r.remedy = "check that it is running, that authority is right and that a firewall or proxy lets it through"
	}
	return r
}

// untrusted reports whether TLS failed because of the certificate.
func untrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &name) || errors.As(err, &verification)
}

// reasonOf names the kind of a network error, without text that came over the network.
func reasonOf(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "its name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy of the connection does not answer"
	case errors.As(err, &op) && op.Op == "dial":
		return "it takes no connections"
	default:
		return "the connection broke"
	}
}
