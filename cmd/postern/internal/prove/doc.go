// Package prove lets a day pass in a moment, with everything that goes wrong in it, and counts what a trigger lost and what it handed over
// twice.
//
// What is proved is the real thing: the plugin's module in its sandbox, the host, the runner of triggers and their store in an SQLite
// file. Made up are the mails, the time, the trouble, and Microsoft Graph, which is package graphtest.
//
//   - Mails come over the day, many of them in bursts within one second. Two of a hundred become visible late, by up to five minutes; some come to
//     another folder and are moved in later; some are moved out, and some of these back; some are changed, some deleted.
//   - Graph forgets what changed, answers 429 for minutes, is out of order for longer, and at any time fails or breaks off now and then.
//   - The host dies at random steps: before or after a request, a change of the store, or a record at the sink. What dies is left as it is,
//     and a new host opens the same files.
//
// Beside it the same day is gone through by the plain cursor that others use: what was received after the newest that was seen.
//
// # What counts
//
// A mail counts if it could be seen: it was visible in the folder from before the start of a run that succeeded until after its end. One
// that came and was deleted between two runs is nobody's loss. Three quiet hours after the day let what came last be found, the hourly
// sweep for what was moved in included.
//
// A record counts as repeated when the sink got another one of the same mail before. The sink takes what it is given and sorts nothing out; as a
// webhook that answers GET would, it can tell what it has.
package prove
