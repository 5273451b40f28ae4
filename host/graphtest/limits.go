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
	// maxTokens is how many checked tokens are remembered, so that a signature is not checked again for every request.
	maxTokens = 1_000
	// maxOpenMultiparts is how many multiparts of a message may be open, that is, without their closing line, at a place in its source. The
	// time to read them doubles with each.
	maxOpenMultiparts = 10
	// maxParts is how many parts a message may have.
	maxParts = 2_000
	// maxNesting is how many messages inside messages are opened; deeper ones are attachments with nothing but their bytes.
	maxNesting = 5
	// maxFolderDepth is how deep folders may nest below the root. Exchange's own limit is 300.
	maxFolderDepth = 300
	// maxFolderName is how long a folder's display name may be, in characters. Exchange's own limit.
	maxFolderName = 255
	// maxOccurrences bounds how many occurrences of a series one calendarView walks through.
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
)
