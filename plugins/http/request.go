package main

import (
	"mime"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// linkPrefix starts a Uri that is the member next of an earlier result.
const linkPrefix = "link:"

// request makes the request that its caller writes. What may be requested at all, the host decides.
func request(call *sdk.Call) error {
	reply, err := ask(call)
	if err != nil {
		return err
	}
	headers := sdk.NewObject()
	for _, h := range reply.Headers {
		headers.Text(strings.ToLower(h.Name), h.Value)
	}
	row := sdk.NewObject().Int("statusCode", int64(reply.Status)).Nested("headers", headers).Put("body", reply.Body)
	message := "Microsoft Graph answered " + strconv.Itoa(reply.Status) + "."
	if reply.Status >= 400 {
		code := string(reply.Body.GetStringBytes("error", "code"))
		row.Text("errorCode", code)
		message = strings.TrimSuffix("Microsoft Graph refused the request with "+strconv.Itoa(reply.Status)+" "+code, " ") + "."
	}
	if reply.Next != "" {
		row.Text("next", linkPrefix+reply.Next)
		message += " There is more: give next as the Uri."
	}
	if reply.Blob != nil {
		row.Blob(reply.Blob)
	}
	call.Row(row.Value)
	call.Message(message)
	return nil
}

func ask(call *sdk.Call) (*sdk.Reply, error) {
	uri := call.String("Uri")
	if link, ok := strings.CutPrefix(uri, linkPrefix); ok {
		return call.Graph(sdk.Request{Link: link})
	}
	r := sdk.HTTPRequest{Method: call.String("Method"), URI: uri}
	var err error
	if r.Headers, err = customHeaders(call); err != nil {
		return nil, err
	}
	if r.Body, r.ContentType, err = body(call); err != nil {
		return nil, err
	}
	return call.HTTP(r)
}

// customHeaders reads the five parameters that hold "name: value" each.
func customHeaders(call *sdk.Call) (sdk.Headers, error) {
	headers := sdk.Headers{}
	seen := map[string]bool{}
	for n := 1; n <= 5; n++ {
		parameter := "CustomHeader" + strconv.Itoa(n)
		text := call.String(parameter)
		if text == "" {
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		name = strings.TrimSpace(name)
		switch {
		case !ok || name == "":
			return nil, sdk.InvalidInput(parameter, "the header is not written as name: value")
		case seen[strings.ToLower(name)]:
			return nil, sdk.InvalidInput(parameter, "the header "+name+" is given twice")
		}
		seen[strings.ToLower(name)] = true
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// body reads the body: JSON, or a text of another type.
func body(call *sdk.Call) (*sdk.Value, string, error) {
	text := call.String("Body")
	if text == "" {
		return nil, "", nil
	}
	media, parameters, err := mime.ParseMediaType(call.String("ContentType"))
	charset := strings.ToLower(parameters["charset"])
	if err != nil || charset != "" && charset != "utf-8" {
		return nil, "", sdk.InvalidInput("ContentType", "the content type is not application/json or text/…, in UTF-8")
	}
	if media != "application/json" {
		return sdk.NewObject().Text("text", text).Get("text"), media, nil
	}
	v, err := abi.Parse(new(fastjson.Parser), []byte(text), abi.MaxExchange)
	if err != nil {
		return nil, "", sdk.InvalidInput("Body", "the body is not JSON that all would read alike: "+err.Error())
	}
	return v, "", nil
}
