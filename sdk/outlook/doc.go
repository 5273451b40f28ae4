// Package outlook is what plugins for mailboxes and calendars share: folders found by their paths, ids of both kinds, and writes whose
// outcome is looked up before it is called unknown. It imports the SDK only, and an action that uses it makes no request that its
// manifest does not list.
//
//	folders := outlook.Folders{Call: call, Capability: "mail.search", User: call.String("email_address")}
//	id, err := folders.Resolve(call.String("folder"), call.Bool("get_folder_id"))
//
//	message := outlook.NewItem(call, sdk.Params{"user": user, "message": call.String("id")})
//	reply, err := message.Do(sdk.Request{Capability: "mail.read", Path: "/users/{user}/messages/{message}"})
//
// # Requests
//
// Looking folders up takes three requests, which the capability must have:
//
//	GET /users/{user}/mailFolders
//	GET /users/{user}/mailFolders/{folder}
//	GET /users/{user}/mailFolders/{folder}/childFolders
package outlook
