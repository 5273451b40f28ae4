// Package graph is the only way out: it turns a request that policy has allowed
// into HTTP to the connection's own Graph origin, and Graph's answer into what a
// guest may see.
//
// One request passes these stages, each a file:
//
//	url.go       template and values to a URL in which no value can change the path
//	body.go      the checked tree written anew, blobs streamed in as base64
//	limit.go     waits for the limits of the grant, the mailbox and the connection, in turn with others
//	retry.go     tries again what may be tried again
//	send.go      authorised by the connection, sent, answered within bounds
//	inflate.go   answers decompressed, with a bound on what goes in
//	guard.go     an answer that repeats the token is thrown away
//	page.go      @odata.nextLink followed on the same origin, rows merged
//	upload.go    blobs put into upload sessions, without the token
//	seal.go      links that a guest may keep but neither read nor forge
//	errors.go    Graph's refusals as codes with advice
//
// Redirects are answers of a hostile or mistaken server and are refused. A POST that
// Graph may have carried out without saying so is not sent again: the error is
// outcome_unknown. So is a DELETE that would go further when it is made again.
//
// A compressed answer is bounded twice: what comes out of it by what an answer may have, and what
// goes in by what has come out.
package graph
