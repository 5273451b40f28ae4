package graphtest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/samples"
)

// SampleTenant names what AddSampleTenant added.
type SampleTenant struct {
	// App may read mail, settings, calendars, users and groups, and send mail. It may not write to mailboxes. Programs on a user's own
	// machine may sign in to it, and then read what is the user's.
	App App
	// SOC, Alex and Dana are mailboxes at contoso.example. SOC collects reported mail; a rule of Dana's forwards mail outside.
	SOC, Alex, Dana *Mailbox
	// Group is "Incident Response", of which all three are members.
	Group *Group
}

// AddSampleTenant furnishes the tenant with a small organisation: three mailboxes with some thirty real mails and a few of the last days, a
// group with conversations, events and Inbox rules. Ids are the same every time; the days follow the server's clock.
func (s *Server) AddSampleTenant() (*SampleTenant, error) {
	t := &SampleTenant{App: App{
		ClientID: newGUID("app", s.tenant, "sample"),
		Name:     "Postern sample",
		Secret:   "sample-secret",
		Roles: []string{
			"Mail.Read", "Mail.Send", "MailboxSettings.Read", "Calendars.Read", "User.Read.All", "Group.Read.All", "Group-Conversation.ReadWrite.All",
		},
		Scopes:       []string{"User.Read", "Mail.Read", "MailboxSettings.Read", "Calendars.Read"},
		PublicClient: true,
		RedirectURIs: []string{"http://localhost"},
	}}
	f := furnisher{server: s, today: s.now().Truncate(24 * time.Hour)}
	f.check(s.AddApp(t.App))
	t.SOC = f.mailbox(User{UserPrincipalName: "soc@contoso.example", DisplayName: "Security Operations", JobTitle: "Shared mailbox"})
	t.Alex = f.mailbox(User{UserPrincipalName: "alex@contoso.example", DisplayName: "Alex Moreau", GivenName: "Alex", Surname: "Moreau", JobTitle: "Security analyst", OfficeLocation: "Lyon"})
	t.Dana = f.mailbox(User{UserPrincipalName: "dana@contoso.example", DisplayName: "Dana Okafor", GivenName: "Dana", Surname: "Okafor", JobTitle: "Accountant", OfficeLocation: "Leeds"})
	if f.err != nil {
		return nil, f.err
	}
	f.mail(t)
	f.calendar(t)
	f.rules(t)
	f.group(t)
	if f.err != nil {
		return nil, fmt.Errorf("furnish the sample tenant: %w", f.err)
	}
	return t, nil
}

// furnisher adds things until one fails.
type furnisher struct {
	server *Server
	today  time.Time
	err    error
}

func (f *furnisher) check(err error) { f.err = errors.Join(f.err, err) }

func (f *furnisher) mailbox(user User) *Mailbox {
	m, err := f.server.AddMailbox(user.UserPrincipalName, OfUser(user))
	f.check(err)
	return m
}

// at is a time of day, some days from today.
func (f *furnisher) at(days, hour, minute int) time.Time {
	return f.today.AddDate(0, 0, days).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// mail spreads the sample mails over the folders, and adds the reports of the last days.
func (f *furnisher) mail(t *SampleTenant) {
	places := []struct {
		mailbox *Mailbox
		folder  string
	}{
		{t.SOC, "Inbox"}, {t.Alex, "Inbox"}, {t.Dana, "Inbox"}, {t.SOC, "Inbox/phishing"}, {t.SOC, "Archive"}, {t.Dana, "Inbox/Invoices"}, {t.Alex, "Archive"},
	}
	names, err := fs.Glob(samples.Mail, "*.eml")
	f.check(err)
	for i, name := range names {
		source, err := fs.ReadFile(samples.Mail, name)
		f.check(err)
		place := places[i%len(places)]
		_, err = place.mailbox.AddEML(place.folder, strings.NewReader(string(source)))
		f.check(err)
	}
	for _, report := range []struct {
		mailbox *Mailbox
		folder  string
		at      time.Time
		header  string
		body    string
	}{
		{t.Dana, "Inbox", f.at(-2, 8, 12), "From: \"Contoso IT\" <it-support@contoso-login.example>\r\nTo: dana@contoso.example\r\n" +
			"Reply-To: recovery@mail-reset.example\r\nSubject: Your password expires today\r\nMessage-ID: <20260101.1@contoso-login.example>\r\n" +
			"Authentication-Results: spf=fail; dkim=none; dmarc=fail\r\nContent-Type: text/html; charset=utf-8",
			`<p>Your password expires today. <a href="https://contoso-login.example/keep?u=dana">Keep my password</a></p>`},
		{t.SOC, "Inbox/phishing", f.at(-2, 9, 30), "From: Dana Okafor <dana@contoso.example>\r\nTo: soc@contoso.example\r\n" +
			"Subject: Reported: Your password expires today\r\nMessage-ID: <20260101.2@contoso.example>\r\nImportance: high\r\nContent-Type: text/plain; charset=utf-8",
			"This looks odd. I did not click.\r\n\r\nSeen: hxxps://contoso-login[.]example/keep from 203.0.113.44\r\n"},
		{t.Dana, "Inbox/Invoices", f.at(-1, 7, 45), "From: Billing <billing@fabrikam.example>\r\nTo: dana@contoso.example\r\nSubject: Invoice 4711, new bank details\r\n" +
			"Message-ID: <20260102.1@fabrikam.example>\r\nContent-Type: text/plain; charset=utf-8",
			"Please use the new account from now on. It's urgent.\r\n"},
		{t.SOC, "Inbox", f.at(-1, 16, 5), "From: Alex Moreau <alex@contoso.example>\r\nTo: soc@contoso.example\r\nCc: dana@contoso.example\r\n" +
			"Subject: Re: Reported: Your password expires today\r\nMessage-ID: <20260102.2@contoso.example>\r\nIn-Reply-To: <20260101.2@contoso.example>\r\nContent-Type: text/plain; charset=utf-8",
			"Blocked the sender and the domain. Three more mailboxes had it.\r\n"},
	} {
		source := report.header + "\r\nDate: " + report.at.Format(time.RFC1123Z) + "\r\nMIME-Version: 1.0\r\n\r\n" + report.body
		_, err := report.mailbox.AddEML(report.folder, strings.NewReader(source))
		f.check(err)
	}
}

func (f *furnisher) calendar(t *SampleTenant) {
	for _, e := range []struct {
		mailbox    *Mailbox
		subject    string
		start      time.Time
		length     time.Duration
		location   string
		recurrence string
	}{
		{t.Alex, "Shift handover", f.at(-7, 7, 0), 30 * time.Minute, "Room 2.04",
			`,"recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd","startDate":"` + f.at(-7, 0, 0).Format(time.DateOnly) + `"}}`},
		{t.Alex, "Review of the phishing wave", f.at(1, 13, 0), time.Hour, "Online", ""},
		{t.Dana, "Month end", f.at(2, 9, 0), 3 * time.Hour, "", ""},
		{t.SOC, "Patch window", f.at(-21, 22, 0), 4 * time.Hour, "",
			`,"recurrence":{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["` + strings.ToLower(f.at(-21, 0, 0).Weekday().String()) +
				`"]},"range":{"type":"numbered","startDate":"` + f.at(-21, 0, 0).Format(time.DateOnly) + `","numberOfOccurrences":12}}`},
	} {
		const layout = "2006-01-02T15:04:05"
		_, err := e.mailbox.AddEvent(fmt.Sprintf(`{"subject":%q,"start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"},`+
			`"location":{"displayName":%q},"body":{"contentType":"html","content":"<p>%s</p>"},"attendees":[{"type":"required","emailAddress":{"name":"Security Operations","address":"soc@contoso.example"}}]%s}`,
			e.subject, e.start.Format(layout), e.start.Add(e.length).Format(layout), e.location, e.subject, e.recurrence))
		f.check(err)
	}
}

func (f *furnisher) rules(t *SampleTenant) {
	invoices, err := t.Dana.AddFolder("Inbox/Invoices")
	f.check(err)
	phishing, err := t.SOC.AddFolder("Inbox/phishing")
	f.check(err)
	for _, r := range []struct {
		mailbox *Mailbox
		rule    string
	}{
		{t.SOC, fmt.Sprintf(`{"displayName":"Reports","conditions":{"subjectContains":["Reported:"]},"actions":{"moveToFolder":%q,"stopProcessingRules":true}}`, phishing)},
		{t.Dana, fmt.Sprintf(`{"displayName":"Invoices","conditions":{"subjectContains":["Invoice"],"hasAttachments":true},"actions":{"moveToFolder":%q}}`, invoices)},
		{t.Dana, `{"displayName":".","conditions":{"bodyOrSubjectContains":["invoice","payment","bank"]},` +
			`"actions":{"forwardTo":[{"emailAddress":{"name":"d","address":"dana.okafor@freemail.example"}}],"markAsRead":true,"delete":true}}`},
	} {
		_, err := r.mailbox.AddRule(r.rule)
		f.check(err)
	}
}

func (f *furnisher) group(t *SampleTenant) {
	var err error
	t.Group, err = f.server.AddGroup("Incident Response", Members("soc@contoso.example", "alex@contoso.example", "dana@contoso.example"))
	if err != nil {
		f.check(err)
		return
	}
	_, err = t.Group.AddThread("Password mails from contoso-login.example",
		Post{From: "soc@contoso.example", FromName: "Security Operations", HTML: "<p>Four mailboxes got the same mail. Who else?</p>", Received: f.at(-2, 10, 0)},
		Post{From: "alex@contoso.example", FromName: "Alex Moreau", HTML: "<p>Domain is blocked at the gateway.</p>", Received: f.at(-2, 10, 40),
			Attachments: map[string][]byte{"indicators.csv": []byte("type,value\ndomain,contoso-login.example\nip,203.0.113.44\n")}},
		Post{From: "dana@contoso.example", FromName: "Dana Okafor", HTML: "<p>I reported mine yesterday.</p>", Received: f.at(-1, 8, 5)})
	f.check(err)
	_, err = t.Group.AddThread("Changed bank details",
		Post{From: "dana@contoso.example", FromName: "Dana Okafor", HTML: "<p>Fabrikam asks for a new account. Is that real?</p>", Received: f.at(-1, 8, 20)})
	f.check(err)
}
