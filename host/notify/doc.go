// Package notify has Microsoft Graph tell when something has changed, so that a trigger runs at once instead of when it is due.
//
//	Keeper                Graph                     Receiver                  trigger
//	  │ POST /subscriptions  │                         │                         │
//	  ├─────────────────────►│ POST ?validationToken=… │                         │
//	  │                      ├────────────────────────►│ 200, the token          │
//	  │◄─────────────────────┤ 201, id                 │                         │
//	  │ wake: for what came before                     │                         │
//	  ├────────────────────────────────────────────────┼────────────────────────►│ polls
//	  │                      │ POST {id, clientState}  │                         │
//	  │                      ├────────────────────────►│ 202; wake               │
//	  │                      │                         ├────────────────────────►│ polls
//	  │ PATCH /subscriptions/{id}, at half of its life, and when Graph asks for it
//	  ├─────────────────────►│                         │                         │
//	  │ DELETE /subscriptions/{id}, at the end
//	  ├─────────────────────►│                         │                         │
//
// Nothing depends on it. Of a notification no more is used than whose it is; what has changed, the poll finds, which comes at its time
// whether or not anybody was told. So a notification may get lost, come twice, late, or from somebody else: a forged one costs at
// most a poll, and to forge one takes a random path and 256 random bits.
//
// Sources: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks and
// https://learn.microsoft.com/graph/change-notifications-lifecycle-events
package notify
