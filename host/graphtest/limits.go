package graphtest

import "time"

const (
	// maxRequestBody is the largest body that Graph reads, in bytes; above it the answer is 413. Graph's documentation says "4 MB".
	maxRequestBody = 4 << 20
	// maxMessageSize is the largest MIME message that a mailbox takes, in bytes: Exchange Online's own ceiling.
	maxMessageSize = 150 << 20
	// maxPathSegments is how many segments a request path may have; the longest path of Graph that is imitated has nine.
	maxPathSegments = 64
	// maxChanges is how many changes of a folder are remembered for delta queries. Graph says only that its memory is bounded; see
	// https://learn.microsoft.com/graph/delta-query-overview#token-duration.
	maxChanges = 10_000
	// mostTracked is how many messages a delta query with $filter goes through at first; see https://learn.microsoft.com/graph/api/message-delta.
	mostTracked = 5_000
	// deltaLifetime is how long a delta token is good for. Graph fixes seven days for the directory and nothing for mail.
	deltaLifetime = 7 * 24 * time.Hour
	// maxSubscriptions is how many subscriptions a mailbox or another resource may have, over all applications.
	maxSubscriptions = 1_000
	// maxClientState is the longest clientState of a subscription; see https://learn.microsoft.com/graph/api/resources/subscription.
	maxClientState = 128
	// maxNotificationURL is the longest address of an endpoint, and the longest resource of a subscription, in bytes.
	maxNotificationURL = 2_048
	// maxPendingNotifications is how many notifications wait for the endpoint of a subscription; more are lost.
	maxPendingNotifications = 1_000
	// maxEndpointAnswer is how many bytes of an endpoint's answer are read.
	maxEndpointAnswer = 64 << 10
	// validationTimeout is how long an endpoint has to repeat the validation token, and notificationTimeout to take a notification; see
	// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks.
	validationTimeout   = 10 * time.Second
	notificationTimeout = 3 * time.Second
	// A notification that was not taken comes again after firstPause, and then after pauses of twice the length up to longestPause, for
	// retryPeriod in all. Graph documents the last of these only.
	firstPause   = 30 * time.Second
	longestPause = 30 * time.Minute
	retryPeriod  = 4 * time.Hour
	// maxBatch is how many requests a batch may hold; see https://learn.microsoft.com/graph/json-batching.
	maxBatch = 20
	// maxJournal is how many received requests the journal keeps; the oldest are dropped.
	maxJournal = 10_000
	// maxJournalBytes is how many bytes of request bodies the journal keeps.
	maxJournalBytes = 64 << 20
	// maxShownBody is how many bytes of a body Received.Redacted leaves.
	maxShownBody = 64 << 10
	// headerTimeout is how long a client may take to send the header of a request.
	headerTimeout = 10 * time.Second
	// preflightLifetime is how long a browser may remember what other origins are allowed.
	preflightLifetime = 10 * time.Minute
	// maxTokens is how many checked tokens are remembered, so that a signature is not checked again for every request.
	maxTokens = 1_000
	// maxOpenMultiparts is how many multiparts of a message may be open, that is, without their closing line, at a place in its source. The
	// time to read them doubles with each.
	maxOpenMultiparts = 10
	// maxParts is how many parts a message may have.
	maxParts = 2_000
	// maxNesting is how many messages inside messages are opened; deeper ones are attachments with nothing but their bytes.
	maxNesting = 5
	// maxAttachments is how many attachments an item may have: Exchange's own limit.
	maxAttachments = 250
	// minUpload and maxUpload bound the size of a file that is attached through an upload session, in bytes. Graph's documentation says 3 MB
	// to 150 MB; below the one it refuses with ErrorAttachmentSizeShouldNotBeLessThanMinimumSize.
	minUpload = 3_000_000
	maxUpload = 150 << 20
	// maxUploads is how many upload sessions may be open.
	maxUploads = 1_000
	// maxUploadBytes is how many bytes the open upload sessions hold in all.
	maxUploadBytes = 512 << 20
	// uploadLifetime is how long an upload session stays open. Outlook's sessions say about a day.
	uploadLifetime = 24 * time.Hour
	// maxViewDays is the longest window that a calendarView is asked for: Graph's own limit.
	maxViewDays = 1825
	// maxEvents is how many events a calendar holds.
	maxEvents = 20_000
	// maxAttendees is how many attendees an event may have: Exchange Online's own limit.
	maxAttendees = 500
	// maxFolderDepth is how deep folders may nest below the root. Exchange's own limit is 300.
	maxFolderDepth = 300
	// maxFolderName is how long a folder's display name may be, in characters. Exchange's own limit.
	maxFolderName = 255
	// maxOccurrences bounds how many steps of its pattern a series is followed: a daily one for 27 years.
	maxOccurrences = 10_000
	// maxPassedOn is how many forwarded and redirected mails the rules of one mailbox make of one mail.
	maxPassedOn = 10
	// maxRules is how many Inbox rules a mailbox takes. Exchange's own quota is 256 KB of rules.
	maxRules = 500
	// maxTranslated is how many ids one translateExchangeIds takes; see https://learn.microsoft.com/graph/api/user-translateexchangeids.
	maxTranslated = 1_000
	// maxRecipients is how many recipients a message may have in all. Exchange Online's default.
	maxRecipients = 500
	// previewLength is the length of bodyPreview in characters.
	previewLength = 255
	// tokenLifetime is how long an access token of the token endpoint is good for; Entra's default is 60 to 90 minutes, and it says 3599 s.
	tokenLifetime = 3599 * time.Second
	// maxForm is the largest form that the token service reads, in bytes. An assertion with its certificates is the largest thing in one.
	maxForm = 256 << 10
	// maxAssertion is the longest client assertion, in bytes.
	maxAssertion = 64 << 10
	// maxScopes is how many scopes a request may name.
	maxScopes = 200
	// maxRedirectURI is the longest redirect URI that Entra registers, in characters.
	maxRedirectURI = 256
	// maxParameter is the longest state or nonce, in bytes.
	maxParameter = 8 << 10
	// maxDescription is the longest description of a refusal, in bytes. It quotes what was sent, and may travel in a header.
	maxDescription = 1 << 10
	// maxGrants is how many authorization codes, refresh tokens, device codes and used assertions are remembered, of each kind. The oldest
	// are forgotten, and are then as good as unknown.
	maxGrants = 10_000
	// maxListedUsers is how many users the page for signing in lists; others can be typed.
	maxListedUsers = 50
	// codeLifetime is how long an authorization code is good for.
	codeLifetime = 10 * time.Minute
	// refreshLifetime is how long a refresh token is good for. Each use gives a new one, with a new life.
	refreshLifetime = 90 * 24 * time.Hour
	// deviceLifetime is how long a device code is good for.
	deviceLifetime = 15 * time.Minute
	// deviceInterval is how long a device waits between two questions.
	deviceInterval = 5 * time.Second
	// clockSkew is how far the clock of a client may be from the server's.
	clockSkew = 5 * time.Minute
)

const (
	// maxWeatherFile is the longest scenario file, and maxWeatherLine its longest line, in bytes: the TOML parser's time grows with the
	// square of the parts of a dotted key, and a key is in one line.
	maxWeatherFile = 64 << 10
	maxWeatherLine = 1 << 10
	// maxFaults is how many faults, and how many delays, a weather has.
	maxFaults = 200
	// maxFaultPath and maxFaultBody are the longest path template and body of a fault, in bytes.
	maxFaultPath = 512
	maxFaultBody = 32 << 10
	// maxCount is the largest count of requests in a weather.
	maxCount = 1_000_000
	// maxLatency is how long the weather holds an answer back at most.
	maxLatency = 5 * time.Minute
	// maxDropped is how long a client that does not give up waits for an answer that was dropped, before its connection is closed.
	maxDropped = 2 * time.Minute
	// maxRetryAfter is the longest wait that a fault asks for.
	maxRetryAfter = 24 * time.Hour
	// maxDelay is the longest that a mail is held back.
	maxDelay = 24 * time.Hour
	// maxStep is how far a request moves a virtual clock at most.
	maxStep = 24 * time.Hour
	// maxDrained is how many bytes of a body that is too large are still read, so that the client reads the refusal before its connection
	// is closed.
	maxDrained = 32 << 20
)
