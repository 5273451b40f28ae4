// Package graphtest is Microsoft Graph and the Entra token service in memory, as net/http/httptest is a web server: for tests of programs
// that talk to Graph, for trying them out without a tenant, and for demonstrations.
//
// It exists because a fake that says yes to everything proves nothing. So it refuses what Graph refuses: a request whose token lacks the
// permission for its method and path, a property that the type does not have, a combination of query options that the mail store does
// not serve, an id that was cut or lower-cased, an application where a signed-in user is needed. Each refusal has Graph's status and
// Graph's error envelope.
//
// # Model
//
// A [Server] is one tenant. It starts empty; tests add applications ([Server.AddApp]), mailboxes ([Server.AddMailbox]) and groups
// ([Server.AddGroup]), or take a small furnished tenant ([Server.AddSampleTenant]). It listens on a free port of 127.0.0.1 with TLS, and
// its own certificate authority is known to [Server.Client] only; [Server.RoundTripper] serves without a socket. Clients reach Graph below
// {URL}/v1.0 and the token service below {URL}/{tenant}. What arrived is in [Server.Journal], what was sent in [Server.Delivered].
// [Server.Fault] makes requests fail, before or after their effect.
//
// Ids follow from the names that they were added under, so that the same set-up has the same ids every time.
//
// # What it imitates
//
//   - Entra: discovery, the key set, and client credentials with a secret. Delegated tokens are made by [Server.Token], without a
//     sign-in.
//   - Users and groups: list, get and $count with basic and advanced $filter, $orderby, $search and $expand; members, owners and
//     memberships with nested groups and casts; people. What a permission does not show of them is null. Nothing of them is written.
//   - Mail: folders to any depth with search folders, well-known names and display names in the mailbox's language; messages with $filter,
//     $orderby, $search and their rules; drafts, move, copy, delete in its stages, send, replies and forwards that stay in their
//     conversation; sendMail as JSON and MIME with delivery inside the tenant, to groups too, and bounces; If-Match; MIME source and
//     attachments.
//   - Inbox rules, which run on mail that is sent or comes with [Mailbox.Receive]; mailbox settings with automatic replies;
//     translateExchangeIds; reportMessage of the beta version.
//   - Group mail: conversations, threads and posts, read and written under both forms of path, with attachments, extended properties
//     and what a reply answers; forwards; locked threads; mail to the group's address and copies to its subscribers; posts that are seen
//     late ([Post.Delay], [Group.DelayPosts]).
//   - Attachments of the three kinds on messages, events and posts, raw and expanded; adding and deleting them on drafts and events, and
//     upload sessions for large ones, on a second host (see [WithUploadHost]).
//   - The calendars of users and groups: events, series with their exceptions, calendarView, and time zones by IANA and Windows names.
//     Meetings: invitations, updates and cancellations, by mail and in the calendars of attendees in the tenant, and their answers.
//   - Paging with opaque links on the host that the client named, default and immutable ids, the Prefer header.
//   - Permissions by method and path from the table in manifests/permissions; the .Shared permissions with [Mailbox.ShareWith]; what
//     Mail.ReadBasic and Calendars.ReadBasic leave out; who may read in a group; policies that restrict an application to mailboxes
//     ([Server.RestrictApp]). Where the table and other sources disagree on app-only requests, [RefuseApps] is the switch.
//
// # What it does not imitate
//
// Everything else that Graph has is answered with 501 NotImplemented, never with a made-up success. Beside that: mail is delivered
// before its request is answered unless [WithDeliveryDelay] says otherwise; rules and automatic replies do not see what [Mailbox.AddEML]
// puts into a mailbox; extended properties of messages and MIME in replies are not taken; HTML is not sanitised; throttling happens only
// when a [Fault] says so; members of groups are users and groups only, and memberships are never hidden; of relationships that are
// expanded inside others only items and their attachments are; a filter that the mail store would serve slowly or refuse as too complex
// is served.
// Users and groups have one calendar each. Mails about meetings are plain messages without an iCalendar part, groups send none, and an
// occurrence that differs is shown in its organizer's calendar only. A message whose attachments are changed gets a source of the
// emulator's making.
// Where Graph's own behaviour is not documented, the imitation takes the stricter reading.
package graphtest
