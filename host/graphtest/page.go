package graphtest

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// submitScript sends the form of the return page without a click.
const submitScript = "document.forms[0].submit()"

// parsePages prepares what people see of the token service: plain forms, so that a test can fill them in.
func parsePages() (*template.Template, error) { return template.New("").Parse(pageSource) }

const pageSource = `
{{define "head"}}<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.}}</title><meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 sans-serif;max-width:30em;margin:3em auto;padding:0 1em}
button{display:block;margin:.5em 0;padding:.5em 1em;font:inherit}</style>
</head><body><h1>{{.}}</h1>{{end}}
{{define "hidden"}}{{range .}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}{{end}}
{{define "users"}}{{range .}}<button name="user" value="{{.UserPrincipalName}}">{{.DisplayName}} ({{.UserPrincipalName}})</button>
{{end}}{{end}}

{{define "sign-in"}}{{template "head" "Pick an account"}}
<p>{{.App}} asks you to sign in. This is an imitation of Microsoft Entra: there are no passwords.</p>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
<form method="post">{{template "hidden" .Hidden}}{{template "users" .Users}}</form>
<form method="post">{{template "hidden" .Hidden}}<label>Another account <input name="user" required></label><button>Next</button></form>
<form method="post">{{template "hidden" .Hidden}}<button name="cancel" value="1">Cancel</button></form>
</body></html>{{end}}

{{define "consent"}}{{template "head" "Permissions requested"}}
<p>{{.App}} would like to do this{{if .For}} as {{.For}}{{else}} for the whole organisation{{end}}:</p>
<ul>{{range .Permissions}}<li>{{.}}</li>{{end}}</ul>
<form method="post">{{template "hidden" .Hidden}}
<button name="consent" value="accept">Accept</button><button name="consent" value="decline">Cancel</button></form>
</body></html>{{end}}

{{define "code"}}{{template "head" "Enter code"}}
<p>Enter the code displayed on your app or device, and choose who signs in.</p>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
<form method="post"><label>Code <input name="user_code" value="{{.Code}}" autocomplete="off" required></label>
{{template "users" .Users}}<button name="cancel" value="1">Cancel</button></form>
</body></html>{{end}}

{{define "return"}}{{template "head" "Signing in"}}
<form method="post" action="{{.Action}}">{{template "hidden" .Hidden}}<noscript><button>Continue</button></noscript></form>
<script>` + submitScript + `</script>
</body></html>{{end}}

{{define "message"}}{{template "head" .Title}}
<p>{{.Text}}</p>
</body></html>{{end}}
`

// A hiddenField is a hidden field of a form.
type hiddenField struct{ Name, Value string }

// A listedUser is a user as a page shows one. It is a copy, because pages are written after the server's state was given back.
type listedUser struct{ UserPrincipalName, DisplayName string }

type signInPage struct {
	App, Problem string
	Hidden       []hiddenField
	Users        []listedUser
}

type consentPage struct {
	App, For    string
	Permissions []string
	Hidden      []hiddenField
}

type codePage struct {
	Code, Problem string
	Users         []listedUser
}

type returnPage struct {
	Action string
	Hidden []hiddenField
}

type messagePage struct{ Title, Text string }

// single takes the first value of each parameter, in the order of their names.
func single(values url.Values) []hiddenField {
	var fields []hiddenField
	for name := range values {
		fields = append(fields, hiddenField{name, values.Get(name)})
	}
	slices.SortFunc(fields, func(a, b hiddenField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// carried are the parameters that a page carries to the next, without the answers to earlier pages.
func carried(values url.Values, without ...string) []hiddenField {
	return slices.DeleteFunc(single(values), func(f hiddenField) bool { return slices.Contains(without, f.Name) })
}

func (c *entraCall) signInPage(a *authorization, problem string) func() {
	page := signInPage{a.app.displayName(), problem, carried(a.values, "user", "consent", "cancel"), c.listedUsers()}
	return func() { c.showPage(http.StatusOK, "sign-in", page) }
}

func (c *entraCall) consentPage(a *authorization, user *User, permissions []string) func() {
	page := consentPage{a.app.displayName(), user.UserPrincipalName, permissions, carried(a.values, "consent", "cancel")}
	return func() { c.showPage(http.StatusOK, "consent", page) }
}

func (c *entraCall) adminPage(a *authorization, permissions []string) func() {
	page := consentPage{a.app.displayName(), "", permissions, carried(a.values, "consent")}
	return func() { c.showPage(http.StatusOK, "consent", page) }
}

func (c *entraCall) codePage(code, problem string) func() {
	page := codePage{code, problem, c.listedUsers()}
	return func() { c.showPage(http.StatusOK, "code", page) }
}

func (c *entraCall) donePage(title, text string) func() {
	return func() { c.showPage(http.StatusOK, "message", messagePage{title, text}) }
}

// errorPage shows a refusal to the person at the browser, where there is no client that could be told.
func (c *entraCall) errorPage(e *entraError) {
	c.showPage(e.status(), "message", messagePage{"Sorry, but we're having trouble signing you in.", c.errorBody(e).Description})
}

func (c *entraCall) listedUsers() []listedUser {
	users := c.server.userList
	listed := make([]listedUser, min(len(users), maxListedUsers))
	for i := range listed {
		listed[i] = listedUser{users[i].UserPrincipalName, users[i].DisplayName}
	}
	return listed
}

func (c *entraCall) showPage(status int, name string, data any) {
	pages, err := c.server.pages()
	if err != nil {
		status = http.StatusInternalServerError
	}
	sum := sha256.Sum256([]byte(submitScript))
	h := c.writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy",
		"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'; "+
			"script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	c.writer.WriteHeader(status)
	if err != nil {
		return
	}
	_ = pages.ExecuteTemplate(c.writer, name, data) // a client that went away needs no answer
}
