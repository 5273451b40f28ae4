package graphtest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// TestClientsMayWriteAtTheSameTime moves, copies, sends and deletes from several clients at once; what is left must add up.
func TestClientsMayWriteAtTheSameTime(t *testing.T) {
	n, m, _ := desk(t)
	const clients, rounds = 4, 10
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for round := range rounds {
				made := n.do(http.MethodPost, soc+"/messages", toJSON(t, object{"subject": fmt.Sprint(client, round), "toRecipients": to("soc@contoso.example")}))
				id, _ := made.json["id"].(string)
				copied := n.do(http.MethodPost, soc+"/messages/"+id+"/copy", `{"destinationId":"archive"}`)
				other, _ := copied.json["id"].(string)
				for _, a := range []answer{
					made, copied, n.do(http.MethodPost, soc+"/messages/"+id+"/send", ""), n.do(http.MethodDelete, soc+"/messages/"+other, ""),
					n.get(soc + "/messages?$top=1000"),
				} {
					if a.status >= http.StatusBadRequest {
						t.Errorf("answered %d %s", a.status, a.body)
					}
				}
			}
		})
	}
	group.Wait()
	const all = clients * rounds
	for folder, want := range map[string]int{"drafts": 0, "outbox": 0, "archive": 0, "sentitems": all, "deleteditems": all, "inbox": all + 1} {
		if _, total := n.counts(folder); int(total) != want || len(m.Messages(folder)) != want {
			t.Errorf("%s counts %v and holds %d, want %d", folder, total, len(m.Messages(folder)), want)
		}
	}
	if unread, _ := n.counts("inbox"); int(unread) != all+1 {
		t.Errorf("%v are unread", unread)
	}
}
