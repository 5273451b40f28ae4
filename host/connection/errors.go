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

	"github.com/postern-dev/postern/abi"
)

// explain says why no token came: what happened, and what to change. Only numbers and known words of the answer get
// into it.
func (s *tokenService) explain() *abi.Error {
	a := &s.answer
	e := &abi.Error{Detail: abi.Detail{
		RequestID:  a.correlation,
		RetryAfter: a.retryAfter,
		Time:       s.connection.now(),
	}}
	var problem string
	var coded *abi.Error
	switch {
	case errors.As(a.failure, &coded): // of host/dial, or of the proxy's credentials
		e.Code, problem = coded.Code, coded.Message
	case a.failure != nil:
		e.Code, problem = abi.Upstream, s.unreachable(a.failure)
	case a.status == http.StatusOK:
		e.Code, problem = abi.Upstream, s.host()+" answered without a token; check authority"
	default:
		e.Detail.Status = a.status
		e.Code, e.Detail.GraphCode, problem = s.refusal()
	}
	e.Message = "connection " + s.connection.name + ": " + problem
	return e
}

func (s *tokenService) host() string { return "the token service at " + s.connection.authority.Host }

// refusal explains an error answer. Numbers say more than words, and words more than the status.
func (s *tokenService) refusal() (code abi.Code, name, problem string) {
	a := &s.answer
	for _, number := range a.numbers {
		if code, problem := byNumber(number); code != "" {
			return code, aadsts(number), problem + " (" + aadsts(number) + ")"
		}
	}
	switch {
	case a.status == http.StatusTooManyRequests:
		return abi.Throttled, "", s.host() + " asks to slow down; try again later"
	case a.status >= http.StatusInternalServerError || a.word == "temporarily_unavailable":
		return abi.Upstream, "", fmt.Sprintf("%s has a fault of its own (status %d); try again later", s.host(), a.status)
	case a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized && a.status != http.StatusForbidden:
		return abi.Upstream, "", fmt.Sprintf("%s answered with status %d, not with a token; check authority", s.host(), a.status)
	}
	code, name, problem = byWord(a.word)
	if len(a.numbers) > 0 {
		name = aadsts(a.numbers[0])
		problem += "; look up " + name
	}
	return code, name, problem
}

func aadsts(number int64) string { return "AADSTS" + strconv.FormatInt(number, 10) }

// byNumber explains the error numbers that a client with a secret or a certificate meets. Source:
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func byNumber(number int64) (code abi.Code, problem string) {
	switch number {
	case 7000215:
		return abi.Auth, "the client secret is wrong; store the secret's value, not its id"
	case 7000222:
		return abi.Auth, "the client secret has expired; create a new one for the application and store its value"
	case 700016:
		return abi.Auth, "the tenant does not know the application; check client_id and tenant"
	case 90002:
		return abi.Auth, "the tenant does not exist; check tenant, and authority if it is in another cloud"
	case 900023:
		return abi.Auth, "tenant is neither a directory id nor a domain; check its spelling"
	case 700027:
		return abi.Auth, "the application does not know the certificate; upload it to the application and check its thumbprint"
	case 700021:
		return abi.Auth, "the certificate's assertion is for another application; check client_id"
	case 700023:
		return abi.Auth, "the assertion is for another token service; check authority and its cloud"
	case 70011:
		return abi.Auth, "the token service does not know the Graph origin; check that graph and authority belong to the same cloud"
	case 65001:
		return abi.Consent, "nobody has consented to the application's permissions; let an administrator grant consent in the Entra admin centre"
	case 50076, 50079:
		return abi.Auth, "the account must prove itself again with a second factor; sign in again"
	case 53003:
		return abi.Auth, "conditional access blocks the sign-in; ask an administrator to allow the application from this place"
	case 54005:
		return abi.Auth, "the authorization code was used before; start the sign-in again"
	default:
		return "", ""
	}
}

// byWord explains the error words of RFC 6749 section 5.2 and OpenID Connect that come without a known number.
func byWord(word string) (code abi.Code, name, problem string) {
	switch word {
	case "consent_required":
		return abi.Consent, word, "consent is missing; let an administrator grant it in the Entra admin centre"
	case "interaction_required", "login_required":
		return abi.Auth, word, "the token service asks for a person to sign in; check the conditional access policies of the application"
	case "invalid_client":
		return abi.Auth, word, "the application's credential is refused; check client_id and client_secret"
	case "unauthorized_client":
		return abi.Auth, word, "the application may not get tokens in this way; check client_id and tenant"
	case "invalid_scope", "invalid_resource":
		return abi.Auth, word, "the token service does not know the Graph origin; check that graph and authority belong to the same cloud"
	case "invalid_grant":
		return abi.Auth, word, "the grant is refused; check the credential and that the application is enabled"
	default:
		return abi.Auth, "", "the token service refuses to issue a token; check tenant, client_id and client_secret"
	}
}

// unreachable explains why no answer came.
func (s *tokenService) unreachable(err error) string {
	host := s.host()
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, errForeign):
		return "the credential library asked another host than " + s.connection.authority.Host + " for a token and was stopped; unset AZURE_REGIONAL_AUTHORITY_NAME"
	case errors.Is(err, errTooLong):
		return fmt.Sprintf("%s answered with more than %d bytes; check authority", host, maxAnswer)
	case errors.As(err, &name):
		return host + " shows a certificate for another host; check authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return host + " shows a certificate that has expired or is not valid yet; renew it, and check this machine's clock"
	case untrusted(err) && s.connection.caFile == "":
		return host + " shows a certificate of an unknown authority; if that is meant to be so, name the authority's certificate in ca_file"
	case untrusted(err):
		return host + " shows a certificate that ca_file does not vouch for; check that ca_file holds the certificate of its authority"
	default:
		return fmt.Sprintf("%s cannot be reached: %s; check that it is running, that authority is right and that a firewall or proxy lets it through", host, reason(err))
	}
}

// untrusted reports whether TLS failed because of the certificate.
func untrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &name) || errors.As(err, &verification)
}

// reason names the kind of a network error, without text that came over the network.
func reason(err error) string {
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
