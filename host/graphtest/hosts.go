package graphtest

// service is what a host of a Microsoft cloud serves.
type service uint8

const (
	anyService service = iota // a host of the emulator's own
	graphService
	loginService
	uploadService
)

// publicHosts are the hosts of the global cloud that a client of Graph calls: Graph, the token service under its two names, and the host of
// upload sessions; see https://learn.microsoft.com/graph/deployments.
func publicHosts() map[string]service {
	return map[string]service{
		"graph.microsoft.com":       graphService,
		"login.microsoftonline.com": loginService,
		"login.microsoft.com":       loginService,
		"outlook.office.com":        uploadService,
	}
}

// nationalHosts are those of the national clouds. Two pages of the documentation name two login hosts for China; both are here.
func nationalHosts() map[string]service {
	return map[string]service{
		"graph.microsoft.us":               graphService,
		"dod-graph.microsoft.us":           graphService,
		"microsoftgraph.chinacloudapi.cn":  graphService,
		"login.microsoftonline.us":         loginService,
		"login.chinacloudapi.cn":           loginService,
		"login.partner.microsoftonline.cn": loginService,
		"outlook.office365.us":             uploadService,
		"partner.outlook.cn":               uploadService,
	}
}

// outlookOf is the host of upload sessions in the cloud of a Graph host.
func outlookOf(graph string) string {
	switch graph {
	case "graph.microsoft.us", "dod-graph.microsoft.us":
		return "outlook.office365.us"
	case "microsoftgraph.chinacloudapi.cn":
		return "partner.outlook.cn"
	default:
		return "outlook.office.com"
	}
}
