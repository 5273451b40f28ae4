package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// listMail is mail.poll by hand: the messages that container_id names, or the newest of each folder, as a trigger would hand them over. Nothing is kept.
// A message that cannot be read is a row that says why.
func listMail(call *sdk.Call, s *settings) error {
	messages := named(call.String("container_id"))
	if len(messages) == 0 {
		var err error
		if messages, err = s.newest(call); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(messages, together) {
		fetched, err := s.message.fetch(call, chunk)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(fetched, atOnce) {
			if err := s.message.fetchSources(call, some); err != nil {
				return err
			}
			for i := range some {
				record, err := s.message.listed(call, &some[i])
				if err != nil {
					return err
				}
				call.Record(some[i].id, record)
			}
		}
	}
	call.Message("Messages: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

// listed is the record of a message that was asked for by hand.
func (s *messageSettings) listed(call *sdk.Call, f *fetched) (sdk.Object, error) {
	record, _, err := s.record(call, f)
	switch {
	case err == nil:
		return record.Text("time", string(f.message.Body.GetStringBytes("receivedDateTime"))), nil
	case isolated(err):
		return s.lost(f.listed, &failing{tries: 1, since: call.Now()}, err), nil
	default:
		return record, err
	}
}

// named are the messages of a list of ids.
func named(ids string) (messages []listed) {
	for id := range strings.SplitSeq(ids, ",") {
		if id = strings.TrimSpace(id); id != "" {
			messages = append(messages, listed{id: id})
		}
	}
	return messages
}

// newest lists the newest messages of all folders together, in the order of ingest_manner.
func (s *settings) newest(call *sdk.Call) ([]listed, error) {
	count := s.laterRun
	if call.Has("container_count") {
		count = call.Int("container_count")
	}
	var messages []listed
	for _, folder := range s.folders {
		found, err := s.listFolder(call, folder, count)
		if err != nil {
			return nil, err
		}
		messages = append(messages, found...)
	}
	slices.SortStableFunc(messages, func(a, b listed) int { return b.at.Compare(a.at) })
	messages = messages[:min(len(messages), count)]
	if !s.latest {
		slices.Reverse(messages)
	}
	return messages, nil
}

// listFolder lists the newest messages of a folder, the newest first.
func (s *settings) listFolder(call *sdk.Call, name string, count int) ([]listed, error) {
	id, err := outlook.Folders{Call: call, Capability: "mail.ingest", User: s.user}.Resolve(name, s.lookUp)
	if err != nil {
		return nil, err
	}
	query := sdk.Query{"$select": listFields, "$orderby": "receivedDateTime desc", "$top": strconv.Itoa(min(count, longPage))}
	var bounds []string
	for _, bound := range []struct{ parameter, comparison string }{{"start_time", " ge "}, {"end_time", " le "}} {
		if call.Has(bound.parameter) {
			at := time.UnixMilli(int64(call.Value(bound.parameter).GetFloat64())).UTC()
			bounds = append(bounds, "receivedDateTime"+bound.comparison+at.Format(time.RFC3339Nano))
		}
	}
	if len(bounds) > 0 {
		query["$filter"] = strings.Join(bounds, " and ")
	}
	var messages []listed
	for item, err := range call.List(sdk.Request{
		Capability: "mail.ingest",
		Path:       "/users/{user}/mailFolders/{folder}/messages",
		Params:     sdk.Params{"user": s.user, "folder": id},
		Query:      query,
		Headers:    outlook.Prefer(),
	}, count) {
		if err != nil {
			return nil, err
		}
		at, err := timeOf(item, "receivedDateTime")
		if err != nil {
			return nil, err
		}
		messages = append(messages, listed{id: idOf(item), at: at})
	}
	return messages, nil
}
