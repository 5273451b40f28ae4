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
// [Server.Fault] makes requests fail, before or after their effect.
//
// Ids follow from the names that they were added under, so that the same set-up has the same ids every time.
//
// [Server.Snapshot] and [Server.Reset] take a furnished server back between tests; [Server.Save] and [WithState] keep the tenant over
// restarts. Package web shows it to a person.
//
// A mailbox of 20,000 mails of 4 kB takes some 200 MB, and pages of it come as fast as those of a small one: lists by receivedDateTime sort
// nothing. Other orders, $count and $search read every message.
//
// # What it imitates
//
//   - Entra: discovery, the key set, and client credentials with a secret. Delegated tokens are made by [Server.Token], without a
//     sign-in.
//   - Users and groups: list and get, with basic and advanced $filter.
//   - Mail: folders, messages with $filter, $orderby, $search and their rules, MIME source, attachments, and sendMail in both forms.
//   - Group mail: conversations, threads and posts, attachments of posts, replies.
//   - Events with calendarView, and Inbox rules, for reading.
//   - Paging with opaque links on the host that the client named, default and immutable ids, the Prefer header.
//   - Permissions by method and path from the table in manifests/permissions; the .Shared permissions with [Mailbox.ShareWith]; what
//     Mail.ReadBasic and Calendars.ReadBasic leave out.
//
// # What it does not imitate
//
// Everything else that Graph has is answered with 501 NotImplemented, never with a made-up success. Beside that: rules are kept and not
// run; mail is delivered at once and bounces never come; HTML is not sanitised; throttling happens only when a [Fault] says so; reading a
// user with User.ReadBasic.All shows every property; a filter that the mail store would serve slowly or refuse as too complex is served.
// Where Graph's own behaviour is not documented, the imitation takes the stricter reading.
package graphtest
