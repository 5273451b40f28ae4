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
// ([Server.AddGroup]), or take a small furnished tenant ([Server.AddSampleTenant]) or a made-up one of any size ([Server.Generate]).
// [Mailbox.AddFolders] and [Mailbox.AddMbox] load mail from files. It listens on a free port of 127.0.0.1 with TLS, and
// its own certificate authority is known to [Server.Client] only; [Server.RoundTripper] serves without a socket. Clients reach Graph below
// {URL}/v1.0 and the token service below {URL}/{tenant}. What arrived is in [Server.Journal], what was sent in [Server.Delivered].
// [Server.Fault] makes requests fail, before or after their effect; a [Weather], which a scenario file may hold, does so by rules, turns on
// Graph's throttling limits and delays what arrives. docs/emulate.md explains the file. A [Clock] moves time, and [WithProxy] lets programs
// come that know Microsoft's own addresses only.
//
// Ids follow from the names that they were added under, so that the same set-up has the same ids every time.
//
// [Server.Snapshot] and [Server.Reset] take a furnished server back between tests; [Server.Save] and [WithState] keep the tenant over
// restarts: all that users, groups, mailboxes, calendars, applications, policies and subscriptions hold, and mail on its way. Not kept are
// the journal, the weather, open upload sessions, codes and tokens of the token service (applications ask for new ones), notifications
// that wait for their endpoint, messages of [Mailbox.AddLateEML] that have not arrived, and what delta queries still have to tell: a delta
// token that had seen all of it goes on, any other has expired. Package web shows the tenant to a person.
//
// A mailbox of 20,000 mails of 4 kB takes some 200 MB, and pages of it come as fast as those of a small one: lists by receivedDateTime sort
// nothing. Other orders, $count and $search read every message.
//
// # What it imitates
//
//   - Entra: discovery for the directory, its domains, common and organizations; the key set; client credentials with a secret, a
//     certificate or a federated token; authorization codes with PKCE, id tokens, refresh tokens, device codes, admin consent; managed
//     identities. People sign in on plain pages; [Server.SignInAs], [Server.ApproveDevice] or a login_hint do it in their place, and
//     [Server.Consent], [Server.SetSignIn] and [Server.RevokeSignIns] decide what comes of it. [Server.Token] makes a token without all
//     that. Refusals have Entra's form and AADSTS codes.
//   - Users and groups: list, get and $count with basic and advanced $filter, $orderby, $search and $expand; members, owners and
//     memberships with nested groups and casts; people. What a permission does not show of them is null. Nothing of them is written.
//   - Mail: folders to any depth with search folders, well-known names and display names in the mailbox's language; messages with $filter,
//     $orderby, $search and their rules; drafts, move, copy, delete in its stages, send, replies and forwards that stay in their
//     conversation; sendMail as JSON and MIME with delivery inside the tenant, to groups too, and bounces; If-Match; MIME source.
//   - Attachments of the three kinds, nested to any depth within bounds, with their raw content; upload sessions on a second host name
//     that refuse a token ([WithUploadHost]).
//   - Inbox rules, which run on mail that is sent or comes with [Mailbox.Receive]; mailbox settings with automatic replies;
//     translateExchangeIds; of the beta version, reportMessage and reading users, which are as in v1.0 there.
//   - Group mail: conversations, threads and posts, read and written under both forms of path, with attachments, extended properties
//     and what a reply answers; forwards; locked threads; mail to the group's address and copies to its subscribers; posts that are seen
//     late ([Post.Delay], [Group.DelayPosts]).
//   - Calendars and events of users and groups: read and written, with calendarView, instances, exceptions, invitations, responses,
//     cancellations, and time zones by both their names.
//   - Changes: delta of a folder's messages and of folders, with what is awkward about it by [WithDelta], [Server.ExpireDeltaTokens] and
//     [Mailbox.AddLateEML]; subscriptions to mail, events and group conversations, whose endpoints are called in the background
//     ([WithNotifications]), with lost, doubled and late notifications ([Server.DisturbNotifications]) and lifecycle events
//     ([Server.SendLifecycleEvent]).
//   - Batches, of v1.0 and beta: each request in one takes the whole way of a request that came by itself.
//   - Paging with opaque links on the host that the client named, default and immutable ids, the Prefer header.
//   - Throttling by the documented limits, if the weather turns them on; errors of gateways, broken connections and damaged answers.
//   - What the front of Graph takes and refuses: compressed bodies, 411, 413, 415, preflight requests, hosts with one service each.
//   - Permissions by method and path from the table in manifests/permissions; the .Shared permissions with [Mailbox.ShareWith]; what
//     Mail.ReadBasic and Calendars.ReadBasic leave out; who may read in a group; policies that restrict an application to mailboxes
//     ([Server.RestrictApp]). Where the table and other sources disagree on app-only requests, [RefuseApps] is the switch.
//
// # What it does not imitate
//
// Everything else that Graph has is answered with 501 NotImplemented, never with a made-up success. Where Graph's own behaviour is not
// documented, the imitation takes the stricter reading. In particular:
//
//   - Entra: no passwords, signing out, on-behalf-of and implicit flows, personal accounts, version 1.0 endpoints, claims challenges, or
//     resources beside Graph; every user counts as an administrator where one is needed; a used assertion is refused, which Entra is not
//     known to do. Its codes and refresh tokens can be guessed: the emulator keeps nothing secret.
//   - Directory: users and groups are not written; members of groups are users and groups only, and memberships are never hidden. Of
//     relationships inside others, only the items of attachments and their attachments are expanded.
//   - Mail: delivered before its request is answered unless [WithDeliveryDelay] says otherwise; rules and automatic replies do not see what
//     [Mailbox.AddEML] puts into a mailbox; extended properties of messages and MIME in replies are not taken; HTML is not sanitised; a
//     filter that the mail store would serve slowly or refuse as too complex is served; the limits of Exchange on sending are not kept.
//   - Calendars: one for each user and group; no meeting messages of their own type, and no iCalendar part in the mail about a meeting; a
//     changed occurrence does not reach the attendees; If-Match is not looked at.
//   - Notifications: none of users and groups, none with resource data; the limits of subscriptions are not kept.
//   - Throttling: the four requests at once are counted for each mailbox and application, and not inside a batch, whose requests are
//     carried out one after the other.
package graphtest
