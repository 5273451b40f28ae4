package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A deviceCode is a sign-in that a device waits for; see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code.
type deviceCode struct {
	signedIn // without a user until it is approved
	userCode string
	expires  time.Time
	polled   time.Time // when the device last asked
	declined bool
	used     bool
}

// userCodeAlphabet leaves out what people mistake for something else. Its length divides 256.
const userCodeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// userCodeLength is that of Entra's own user codes.
const userCodeLength = 9

// deviceCode starts a sign-in on another device.
func (c *entraCall) deviceCode() error {
	clientID, err := c.need("client_id")
	if err != nil {
		return err
	}
	scope, err := c.need("scope")
	if err != nil {
		return err
	}
	code, device, err := c.newDevice(clientID, scope)
	if err != nil {
		return err
	}
	page := c.origin() + "/common/oauth2/deviceauth"
	writeJSON(c.writer, http.StatusOK, map[string]any{
		"user_code":        device.userCode,
		"device_code":      code,
		"verification_uri": page,
		"expires_in":       int(deviceLifetime / time.Second),
		"interval":         int(deviceInterval / time.Second),
		"message":          fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, device.userCode),
	})
	return nil
}

func (c *entraCall) newDevice(clientID, scope string) (string, *deviceCode, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	app, err := c.app(clientID)
	if err != nil {
		return "", nil, err
	}
	scopes, err := c.userScopes(app, scope)
	if err != nil {
		return "", nil, err
	}
	letters := s.mint("user code")[:userCodeLength]
	for i, letter := range letters {
		letters[i] = userCodeAlphabet[int(letter)%len(userCodeAlphabet)]
	}
	code := s.mintText("device code")
	device := &deviceCode{
		signedIn: signedIn{app: strings.ToLower(app.ClientID), scopes: scopes}, userCode: string(letters), expires: c.now.Add(deviceLifetime),
	}
	s.entra.devices.put(code, device)
	s.entra.userCodes.put(device.userCode, device)
	return code, device, nil
}

// redeemDeviceCode answers a device that asks whether the user signed in.
func (c *entraCall) redeemDeviceCode(app *App) (*issued, error) {
	text, err := c.need("device_code")
	if err != nil {
		return nil, err
	}
	if err := c.authenticateClient(app, true); err != nil {
		return nil, err
	}
	device, ok := c.server.entra.devices.get(text)
	if !ok || device.app != strings.ToLower(app.ClientID) {
		return nil, aadsts("bad_verification_code", 70018, "Invalid verification code due to User typing in wrong user code for device code flow.")
	}
	tooSoon := c.now.Sub(device.polled) < deviceInterval
	device.polled = c.now
	switch {
	case device.used:
		return nil, errCodeUsed()
	case !c.now.Before(device.expires):
		return nil, aadsts("expired_token", 70020, "The provided value for the input parameter 'device_code' is not valid. This device code has expired.")
	case device.declined:
		declined := errDeclined()
		declined.kind = "authorization_declined"
		return nil, declined
	case device.user == nil && tooSoon:
		return nil, aadsts("slow_down", 70016, "OAuth 2.0 device flow error. Polling too frequently. Wait %v between requests.", deviceInterval)
	case device.user == nil:
		return nil, aadsts("authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
	}
	device.used = true
	return c.fromSignIn(app, device.signedIn)
}

// ApproveDevice signs a user in on the device that shows the user code. Consent and the sign-in rule are looked at when the device asks for
// its tokens.
func (s *Server) ApproveDevice(userCode, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.userNamed(user)
	if err != nil {
		return err
	}
	device, err := s.waitingDevice(userCode)
	if err != nil {
		return err
	}
	device.approve(s, found, false)
	return nil
}

// DeclineDevice refuses the sign-in on the device that shows the user code.
func (s *Server) DeclineDevice(userCode string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	device, err := s.waitingDevice(userCode)
	if err == nil {
		device.declined = true
	}
	return err
}

func (d *deviceCode) approve(s *Server, user *User, mfa bool) {
	d.user, d.mfa, d.session = user, mfa, s.entra.sessions[user.ID]
}

// waitingDevice finds a device by the code that a person typed: letter case, blanks and hyphens do not matter.
func (s *Server) waitingDevice(userCode string) (*deviceCode, error) {
	userCode = strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(userCode))
	device, ok := s.entra.userCodes.get(userCode)
	if !ok || !s.now().Before(device.expires) || device.user != nil || device.declined {
		return nil, errors.New("no device waits with this code: it is wrong, has expired, or was answered already")
	}
	return device, nil
}

// devicePage is where a person types the code of a device.
func (c *entraCall) devicePage() error {
	if _, err := c.server.realm(c.tenant); err != nil {
		return err
	}
	return c.answerBrowser(func(c *entraCall, values url.Values) (func(), error) { return c.answerDevice(values), nil })
}

func (c *entraCall) answerDevice(values url.Values) func() {
	typed := values.Get("user_code")
	if c.request.Method != http.MethodPost {
		return c.codePage(typed, "")
	}
	device, err := c.server.waitingDevice(typed)
	if err != nil {
		return c.codePage(typed, "That code didn't work. Check the code and try again.")
	}
	if values.Has("cancel") || values.Get("consent") == "decline" {
		device.declined = true
		return c.donePage("You declined", "The device was not signed in.")
	}
	user := c.server.userIndex[strings.ToLower(values.Get("user"))]
	if user == nil {
		return c.codePage(typed, "This user is not in the directory.")
	}
	app := c.server.apps[device.app]
	if app == nil {
		return c.codePage(typed, "The application is not there any more.")
	}
	in := device.signedIn
	in.user, in.mfa = user, true
	if err := c.server.checkRule(in); err != nil {
		return c.codePage(typed, asEntraError(err).message)
	}
	lacking := device.scopes.lacking(app, c.server.consented(app, user))
	if len(lacking) > 0 && values.Get("consent") != "accept" {
		return c.consentPage(&authorization{app: app, values: values}, user, lacking)
	}
	c.server.consent(app, user, lacking)
	device.approve(c.server, user, true)
	return c.donePage("You have signed in", "You have signed in to "+app.displayName()+" on your device. You may now close this window.")
}
