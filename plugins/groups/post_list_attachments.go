package main

import (
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// listAttachments lists the attachments of a post with their content.
//
// https://learn.microsoft.com/graph/api/post-list-attachments
func listAttachments(call *sdk.Call) error {
	for attachment, err := range attachments(call, atPost(call)) {
		if err != nil {
			return err
		}
		call.Row(attachment.Value)
	}
	call.Message("Attachments of the post: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
