package graphtest

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// An upload session takes a file too large for one request, piece by piece, on the host of Outlook. Its address needs no token and takes
// none: it is a secret of its own. See https://learn.microsoft.com/graph/outlook-large-attachments.
type uploadSession struct {
	id      string
	token   string
	host    string // that the address names, without a port
	size    int
	file    *attachment // without its bytes
	bytes   []byte      // what arrived so far
	expires time.Time
	path    string // of the item: Users('…')/Messages('…')
	// item finds what the file will hang on; nil if it is gone.
	item func() *holder
}

// uploads are the open sessions by id. Server.mu guards them.
type uploads struct {
	sessions map[string]*uploadSession
	bytes    int // that all of them hold
	opened   int // how many were ever opened; numbers their ids
}

// drop ends a session.
func (u *uploads) drop(s *uploadSession) {
	u.bytes -= len(s.bytes)
	delete(u.sessions, s.id)
}

// sweep ends the sessions that are over.
func (u *uploads) sweep(now time.Time) {
	for _, s := range u.sessions {
		if !now.Before(s.expires) {
			u.drop(s)
		}
	}
}

// WithUploadHost names the host of upload addresses, without a port, and adds it to the server's certificate. Graph's are on another host
// than Graph itself, and so are the emulator's. Without the option, a client that asks for localhost gets 127.0.0.1, and one that asks for
// a loopback address gets localhost, which every machine knows without a name server. For any other name it is that name with outlook.
// before it, which must lead to the server too; for any other address there is no second host. The hosts of Microsoft's clouds have Outlook's.
func WithUploadHost(host string) Option {
	return func(s *settings) {
		s.uploadHost = host
		s.hosts = append(s.hosts, host)
	}
}

// UploadHost is the host, with its port, of the upload addresses for a client that asks for the server by its URL.
func (s *Server) UploadHost() string { return s.uploadHost(strings.TrimPrefix(s.URL, "https://")) }

// uploadHost is the host, with its port, of the upload addresses for a client that asked for a host.
func (s *Server) uploadHost(requested string) string {
	name, port, err := net.SplitHostPort(requested)
	if err != nil {
		name, port = strings.Trim(requested, "[]"), ""
	}
	ip := net.ParseIP(name)
	other := "outlook." + name
	switch {
	case s.uploadsOn != "":
		other = s.uploadsOn
	case strings.EqualFold(name, "localhost"):
		other = "127.0.0.1"
	case ip.IsLoopback():
		other = "localhost"
	case ip != nil:
		other = name
	case s.cloud[strings.ToLower(name)] == graphService:
		other = outlookOf(strings.ToLower(name))
	}
	if port != "" {
		return net.JoinHostPort(other, port)
	}
	if strings.Contains(other, ":") {
		return "[" + other + "]"
	}
	return other
}

// withUploadHosts adds to the names of a certificate those that upload addresses have by them.
func withUploadHosts(hosts []string) []string {
	all := slices.Clone(hosts)
	for _, host := range hosts {
		if net.ParseIP(host) == nil && !strings.EqualFold(host, "localhost") {
			all = append(all, "outlook."+host)
		}
	}
	return all
}

// createUploadSession opens a session. See https://learn.microsoft.com/graph/api/attachment-createuploadsession.
func createUploadSession(c *call) (*reply, error) {
	h, err := c.holder()
	if err != nil {
		return nil, err
	}
	file, size, err := c.announcedFile()
	if err != nil {
		return nil, err
	}
	if h.mayAdd != nil {
		return nil, h.mayAdd
	}
	u := &c.server.uploads
	u.sweep(c.now)
	if len(u.sessions) >= maxUploads {
		return nil, refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "%d upload sessions are open already.", maxUploads)
	}
	u.opened++
	opened := &uploadSession{
		id:      newID(idAttachment, "upload", strconv.Itoa(u.opened)),
		token:   rand.Text(),
		size:    size,
		file:    file,
		expires: c.now.Add(uploadLifetime).Truncate(time.Second),
		path:    h.path,
		item:    h.again,
	}
	host := c.server.uploadHost(c.request.Host)
	opened.host = hostName(host)
	u.sessions[opened.id] = opened
	body := append(object{
		{"@odata.context", origin(c.request) + "/v1.0/$metadata#microsoft.graph.uploadSession"},
		{"uploadUrl", fmt.Sprintf("https://%s/api/gv1.0/%s/AttachmentSessions('%s')?authtoken=%s", host, opened.path, opened.id, opened.token)},
	}, opened.state()...)
	return &reply{status: http.StatusCreated, body: encode(nil, body, time.UTC)}, nil
}

// announcedFile reads the file that a session is for.
func (c *call) announcedFile() (*attachment, int, error) {
	if err := c.wantJSON(); err != nil {
		return nil, 0, err
	}
	parameters, err := c.types.DecodeAction("[]attachment", "createUploadSession", c.body)
	if err != nil {
		return nil, 0, bodyProblem(err)
	}
	item, _ := parameters["AttachmentItem"].(schema.Object)
	a := &attachment{}
	a.name, _ = item["name"].(string)
	a.contentType, _ = item["contentType"].(string)
	a.contentID, _ = item["contentId"].(string)
	a.inline, _ = item["isInline"].(bool)
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	size, sized := item["size"].(int64)
	switch {
	case a.name == "" || !sized || item["attachmentType"] == nil:
		return nil, 0, errRequired("an AttachmentItem needs attachmentType, name and size")
	case item["attachmentType"] != "file":
		return nil, 0, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "An upload session is for a file: attachmentType must be 'file'.")
	case size < minUpload:
		return nil, 0, refuse(http.StatusBadRequest, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
			"Attachment size must be greater than the minimum size.")
	case size > maxUpload:
		return nil, 0, refuse(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
	}
	return a, int(size), nil
}

// state is what a session tells of itself.
func (s *uploadSession) state() object {
	return object{
		{"expirationDateTime", s.expires},
		{"nextExpectedRanges", []any{strconv.Itoa(len(s.bytes)) + "-"}},
	}
}

// isUpload reports whether a path is one of Outlook's own interface, to which upload addresses lead.
func isUpload(segments []string) bool {
	return len(segments) > 1 && strings.EqualFold(segments[0], "api")
}

// upload answers a request to an upload address.
func (s *Server) upload(header http.Header, r *http.Request, segments []string) (*reply, error) {
	if r.Header.Get("Authorization") != "" {
		return nil, refuse(http.StatusUnauthorized, "InvalidAuthenticationToken",
			"The upload address is authorised by itself and takes no token: send no Authorization header.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads.sweep(s.now())
	_, id, _ := functionKey(segments[len(segments)-1])
	session := s.uploads.sessions[id]
	if session == nil || !strings.EqualFold(session.host, hostName(r.Host)) {
		return nil, errItemNotFound()
	}
	if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("authtoken")), []byte(session.token)) != 1 {
		return nil, refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "The authtoken of the upload address is missing or wrong.")
	}
	switch r.Method {
	case http.MethodGet:
		return &reply{status: http.StatusOK, body: encode(nil, session.state(), time.UTC)}, nil
	case http.MethodDelete:
		s.uploads.drop(session)
		return &reply{status: http.StatusNoContent}, nil
	case http.MethodPut:
		return s.takePiece(session, header, r)
	}
	p := refuse(http.StatusMethodNotAllowed, "BadRequest", "Specified HTTP method is not allowed for the request target.")
	p.header = http.Header{"Allow": {"DELETE, GET, PUT"}}
	return nil, p
}

// takePiece adds a piece to the file; the last one hangs the file on its item.
func (s *Server) takePiece(session *uploadSession, header http.Header, r *http.Request) (*reply, error) {
	piece, err := readBody(r.Body, maxRequestBody)
	if errors.Is(err, errBodyTooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "A piece of an upload has at most %d bytes.", maxRequestBody)
	}
	if err != nil {
		return nil, err
	}
	at, ok := parseContentRange(r.Header.Get("Content-Range"))
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "InvalidContentRange", "Invalid Content-Range header: it must be 'bytes {first}-{last}/{size}'.")
	case at.size != session.size:
		return nil, refuse(http.StatusBadRequest, "InvalidContentRange",
			"The size in the Content-Range header is not the %d bytes of the session.", session.size)
	case at.last-at.first+1 != len(piece):
		return nil, refuse(http.StatusBadRequest, "InvalidContentRange", "The Content-Range header length does not match the provided number of bytes.")
	case at.first != len(session.bytes):
		return nil, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidContentRange", "The next expected range is '%d-'.", len(session.bytes))
	case s.uploads.bytes+len(piece) > maxUploadBytes:
		return nil, refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "The open upload sessions hold %d bytes already.", s.uploads.bytes)
	}
	session.bytes = append(session.bytes, piece...)
	s.uploads.bytes += len(piece)
	if len(session.bytes) < session.size {
		return &reply{status: http.StatusOK, body: encode(nil, session.state(), time.UTC)}, nil
	}
	item := session.item()
	session.file.bytes = session.bytes
	s.uploads.drop(session)
	if item == nil {
		return nil, errItemNotFound()
	}
	stored, err := item.add(session.file)
	if err != nil {
		return nil, err
	}
	header.Set("Location", fmt.Sprintf("https://%s/api/gv1.0/%s/Attachments('%s')", r.Host, session.path, stored.record.id))
	return &reply{status: http.StatusCreated}, nil
}

// contentRange is a range of bytes of a file; first and last are counted from 0.
type contentRange struct{ first, last, size int }

// parseContentRange reads a Content-Range header of RFC 9110, section 14.4, in which range and size must be known and fit each other.
func parseContentRange(text string) (contentRange, bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	span, size, hasSize := strings.Cut(rest, "/")
	first, last, hasLast := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !hasSize || !hasLast {
		return contentRange{}, false
	}
	var numbers [3]int
	for i, digits := range []string{first, last, size} {
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return contentRange{}, false
		}
		numbers[i] = int(n)
	}
	r := contentRange{numbers[0], numbers[1], numbers[2]}
	return r, r.first <= r.last && r.last < r.size
}
