// Package odata reads the query options of an OData URL ($filter, $orderby, $search and name lists) so that the emulator can refuse
// what Microsoft Graph refuses and answer the rest truthfully, instead of recognising a few known strings.
//
// The model: an option's text is parsed once into a tree, checked against the types of the properties that it names, and then matched
// against records. Nothing is guessed: text that the grammar does not hold is a [SyntaxError] with the position of the fault, a property
// or a comparison that the types do not hold is a [TypeError]. Text, depth and number of nodes are bounded, so that no option can
// exhaust the reader.
//
// Strings compare without regard to case, as the mail store and the directory of Microsoft 365 compare them.
//
// Sources: OData 4.01 URL Conventions (https://docs.oasis-open.org/odata/odata/v4.01/), and for $search on messages the Keyword Query
// Language (https://learn.microsoft.com/sharepoint/dev/general-development/keyword-query-language-kql-syntax-reference).
package odata
