package manifests

// Cloud is a Microsoft cloud. A tenant is in one, and tokens of one are useless in another.
type Cloud string

// The clouds. Source: https://learn.microsoft.com/graph/deployments
const (
	CloudGlobal Cloud = "global" // worldwide, GCC too
	CloudUSL4   Cloud = "us_l4"  // US Government L4 (GCC High)
	CloudUSL5   Cloud = "us_l5"  // US Government L5 (DoD)
	CloudChina  Cloud = "china"  // operated by 21Vianet
)

// Clouds are all of them.
func Clouds() []Cloud { return []Cloud{CloudGlobal, CloudUSL4, CloudUSL5, CloudChina} }

// The origins of the global cloud.
const (
	DefaultGraph     = "https://graph.microsoft.com"
	DefaultAuthority = "https://login.microsoftonline.com"
)

// Origins are those of Microsoft Graph and of the token service. For China the pages of Graph and of Entra name two token services; this
// is the one of Graph's pages.
func (c Cloud) Origins() (graph, authority string) {
	switch c {
	case CloudUSL4:
		return "https://graph.microsoft.us", "https://login.microsoftonline.us"
	case CloudUSL5:
		return "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"
	case CloudChina:
		return "https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"
	default:
		return DefaultGraph, DefaultAuthority
	}
}

func parseCloud(text string) (Cloud, *flaw) {
	return word(Clouds()...)(text)
}
