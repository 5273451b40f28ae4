// Package extract reads mail as it really is: MIME source, mostly malformed, of strangers. It gives what an analyst asks of a message, its
// indicators, its files, and its texts, each with the place that it was found in.
//
//	report, err := extract.Message(source, extract.Options{Keep: keep})
//
// # Model
//
// A message is a stream of bytes, read once from its beginning to its end, and never decoded as a whole: what is hashed and kept are the bytes
// of a part after its transfer encoding. Messages that are attached are read by the same code, to [MaxDepth]. Text is decoded by its
// charset for one purpose, to be searched; HTML is read by the tokenizer of golang.org/x/net/html, so that entities, comments and raw text
// mean what they mean to a browser.
//
// Findings are marked with a [Role] rather than left out, so that a reader can filter: the image of a newsletter is a URL as well.
//
// # Bounds
//
// Time is linear in the size of a message, and memory is bounded whatever its size: limits.go has every bound. What a bound kept from being read
// or searched stands in [Report.Cut].
//
// # Failure
//
// No message is refused. What is malformed is read as well as it can be and noted in [Report.Problems]. The only error is that of the source.
package extract
