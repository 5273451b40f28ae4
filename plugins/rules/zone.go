package main

import (
	_ "embed"
	"strings"
	"time"
	_ "time/tzdata" // a guest has no files of the machine

	"github.com/postern-dev/postern/sdk"
)

// windowsZones has a line for each time zone of Windows: its name in lower case and the IANA zone that Unicode's CLDR (windowsZones.xml)
// gives for it without regard to a country.
//
//go:embed zones.txt
var windowsZones string

// moment reads a dateTimeTimeZone, whose zone is named as Windows or IANA does; false if it cannot be read.
//
// https://learn.microsoft.com/graph/api/resources/datetimetimezone
func moment(v *sdk.Value) (time.Time, bool) {
	zone, ok := location(string(v.GetStringBytes("timeZone")))
	if !ok {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05", string(v.GetStringBytes("dateTime")), zone)
	return at, err == nil
}

func location(name string) (*time.Location, bool) {
	if strings.EqualFold(name, "UTC") {
		return time.UTC, true
	}
	for line := range strings.Lines(windowsZones) {
		if windows, iana, _ := strings.Cut(strings.TrimSpace(line), "="); strings.EqualFold(windows, name) {
			name = iana
			break
		}
	}
	if name == "" || name == "Local" { // which LoadLocation takes for UTC and for the machine's zone
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}
