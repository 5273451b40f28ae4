package graphtest

import (
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // so that every machine knows the same zones
)

// A zone is a time zone under the name that a client used for it.
type zone struct {
	name     string
	location *time.Location
}

// findZone finds a zone by its IANA or its Windows name, the two kinds that Graph takes; an empty name is UTC. See
// https://learn.microsoft.com/graph/api/resources/datetimetimezone.
func findZone(name string) (zone, error) {
	iana := name
	if found, ok := windowsZone(name); ok {
		iana = found
	}
	location, err := time.LoadLocation(iana)
	if err != nil || location == time.Local {
		return zone{}, errTimeZone(name)
	}
	if name == "" {
		name = "UTC"
	}
	return zone{name, location}, nil
}

func zoneOf(location *time.Location) zone { return zone{location.String(), location} }

func errTimeZone(name string) *problem {
	return refuse(http.StatusBadRequest, "TimeZoneNotSupportedException",
		"A valid TimeZone value must be specified. The following TimeZone value is not supported: '%s'.", name)
}

// in writes the time in a zone, as a dateTimeTimeZone.
func (d dateTime) in(z zone) object {
	return object{
		{"dateTime", time.Time(d).In(z.location).Format("2006-01-02T15:04:05.0000000")},
		{"timeZone", z.name},
	}
}

// windowsZone gives the IANA name of a Windows zone: the one that Unicode's CLDR (windowsZones.xml) gives without regard to a country.
// Windows names are matched without regard to case.
func windowsZone(name string) (iana string, ok bool) {
	switch strings.ToLower(name) {
	case "afghanistan standard time":
		return "Asia/Kabul", true
	case "alaskan standard time":
		return "America/Anchorage", true
	case "aleutian standard time":
		return "America/Adak", true
	case "altai standard time":
		return "Asia/Barnaul", true
	case "arab standard time":
		return "Asia/Riyadh", true
	case "arabian standard time":
		return "Asia/Dubai", true
	case "arabic standard time":
		return "Asia/Baghdad", true
	case "argentina standard time":
		return "America/Buenos_Aires", true
	case "astrakhan standard time":
		return "Europe/Astrakhan", true
	case "atlantic standard time":
		return "America/Halifax", true
	case "aus central standard time":
		return "Australia/Darwin", true
	case "aus central w. standard time":
		return "Australia/Eucla", true
	case "aus eastern standard time":
		return "Australia/Sydney", true
	case "azerbaijan standard time":
		return "Asia/Baku", true
	case "azores standard time":
		return "Atlantic/Azores", true
	case "bahia standard time":
		return "America/Bahia", true
	case "bangladesh standard time":
		return "Asia/Dhaka", true
	case "belarus standard time":
		return "Europe/Minsk", true
	case "bougainville standard time":
		return "Pacific/Bougainville", true
	case "canada central standard time":
		return "America/Regina", true
	case "cape verde standard time":
		return "Atlantic/Cape_Verde", true
	case "caucasus standard time":
		return "Asia/Yerevan", true
	case "cen. australia standard time":
		return "Australia/Adelaide", true
	case "central america standard time":
		return "America/Guatemala", true
	case "central asia standard time":
		return "Asia/Bishkek", true
	case "central brazilian standard time":
		return "America/Cuiaba", true
	case "central europe standard time":
		return "Europe/Budapest", true
	case "central european standard time":
		return "Europe/Warsaw", true
	case "central pacific standard time":
		return "Pacific/Guadalcanal", true
	case "central standard time":
		return "America/Chicago", true
	case "central standard time (mexico)":
		return "America/Mexico_City", true
	case "chatham islands standard time":
		return "Pacific/Chatham", true
	case "china standard time":
		return "Asia/Shanghai", true
	case "cuba standard time":
		return "America/Havana", true
	case "dateline standard time":
		return "Etc/GMT+12", true
	case "e. africa standard time":
		return "Africa/Nairobi", true
	case "e. australia standard time":
		return "Australia/Brisbane", true
	case "e. europe standard time":
		return "Europe/Chisinau", true
	case "e. south america standard time":
		return "America/Sao_Paulo", true
	case "easter island standard time":
		return "Pacific/Easter", true
	case "eastern standard time":
		return "America/New_York", true
	case "eastern standard time (mexico)":
		return "America/Cancun", true
	case "egypt standard time":
		return "Africa/Cairo", true
	case "ekaterinburg standard time":
		return "Asia/Yekaterinburg", true
	case "fiji standard time":
		return "Pacific/Fiji", true
	case "fle standard time":
		return "Europe/Kiev", true
	case "georgian standard time":
		return "Asia/Tbilisi", true
	case "gmt standard time":
		return "Europe/London", true
	case "greenland standard time":
		return "America/Godthab", true
	case "greenwich standard time":
		return "Atlantic/Reykjavik", true
	case "gtb standard time":
		return "Europe/Bucharest", true
	case "haiti standard time":
		return "America/Port-au-Prince", true
	case "hawaiian standard time":
		return "Pacific/Honolulu", true
	case "india standard time":
		return "Asia/Calcutta", true
	case "iran standard time":
		return "Asia/Tehran", true
	case "israel standard time":
		return "Asia/Jerusalem", true
	case "jordan standard time":
		return "Asia/Amman", true
	case "kaliningrad standard time":
		return "Europe/Kaliningrad", true
	case "korea standard time":
		return "Asia/Seoul", true
	case "libya standard time":
		return "Africa/Tripoli", true
	case "line islands standard time":
		return "Pacific/Kiritimati", true
	case "lord howe standard time":
		return "Australia/Lord_Howe", true
	case "magadan standard time":
		return "Asia/Magadan", true
	case "magallanes standard time":
		return "America/Punta_Arenas", true
	case "marquesas standard time":
		return "Pacific/Marquesas", true
	case "mauritius standard time":
		return "Indian/Mauritius", true
	case "middle east standard time":
		return "Asia/Beirut", true
	case "montevideo standard time":
		return "America/Montevideo", true
	case "morocco standard time":
		return "Africa/Casablanca", true
	case "mountain standard time":
		return "America/Denver", true
	case "mountain standard time (mexico)":
		return "America/Mazatlan", true
	case "myanmar standard time":
		return "Asia/Rangoon", true
	case "n. central asia standard time":
		return "Asia/Novosibirsk", true
	case "namibia standard time":
		return "Africa/Windhoek", true
	case "nepal standard time":
		return "Asia/Katmandu", true
	case "new zealand standard time":
		return "Pacific/Auckland", true
	case "newfoundland standard time":
		return "America/St_Johns", true
	case "norfolk standard time":
		return "Pacific/Norfolk", true
	case "north asia east standard time":
		return "Asia/Irkutsk", true
	case "north asia standard time":
		return "Asia/Krasnoyarsk", true
	case "north korea standard time":
		return "Asia/Pyongyang", true
	case "omsk standard time":
		return "Asia/Omsk", true
	case "pacific sa standard time":
		return "America/Santiago", true
	case "pacific standard time":
		return "America/Los_Angeles", true
	case "pacific standard time (mexico)":
		return "America/Tijuana", true
	case "pakistan standard time":
		return "Asia/Karachi", true
	case "paraguay standard time":
		return "America/Asuncion", true
	case "qyzylorda standard time":
		return "Asia/Qyzylorda", true
	case "romance standard time":
		return "Europe/Paris", true
	case "russia time zone 10":
		return "Asia/Srednekolymsk", true
	case "russia time zone 11":
		return "Asia/Kamchatka", true
	case "russia time zone 3":
		return "Europe/Samara", true
	case "russian standard time":
		return "Europe/Moscow", true
	case "sa eastern standard time":
		return "America/Cayenne", true
	case "sa pacific standard time":
		return "America/Bogota", true
	case "sa western standard time":
		return "America/La_Paz", true
	case "saint pierre standard time":
		return "America/Miquelon", true
	case "sakhalin standard time":
		return "Asia/Sakhalin", true
	case "samoa standard time":
		return "Pacific/Apia", true
	case "sao tome standard time":
		return "Africa/Sao_Tome", true
	case "saratov standard time":
		return "Europe/Saratov", true
	case "se asia standard time":
		return "Asia/Bangkok", true
	case "singapore standard time":
		return "Asia/Singapore", true
	case "south africa standard time":
		return "Africa/Johannesburg", true
	case "south sudan standard time":
		return "Africa/Juba", true
	case "sri lanka standard time":
		return "Asia/Colombo", true
	case "sudan standard time":
		return "Africa/Khartoum", true
	case "syria standard time":
		return "Asia/Damascus", true
	case "taipei standard time":
		return "Asia/Taipei", true
	case "tasmania standard time":
		return "Australia/Hobart", true
	case "tocantins standard time":
		return "America/Araguaina", true
	case "tokyo standard time":
		return "Asia/Tokyo", true
	case "tomsk standard time":
		return "Asia/Tomsk", true
	case "tonga standard time":
		return "Pacific/Tongatapu", true
	case "transbaikal standard time":
		return "Asia/Chita", true
	case "turkey standard time":
		return "Europe/Istanbul", true
	case "turks and caicos standard time":
		return "America/Grand_Turk", true
	case "ulaanbaatar standard time":
		return "Asia/Ulaanbaatar", true
	case "us eastern standard time":
		return "America/Indianapolis", true
	case "us mountain standard time":
		return "America/Phoenix", true
	case "utc+12":
		return "Etc/GMT-12", true
	case "utc+13":
		return "Etc/GMT-13", true
	case "utc-02":
		return "Etc/GMT+2", true
	case "utc-08":
		return "Etc/GMT+8", true
	case "utc-09":
		return "Etc/GMT+9", true
	case "utc-11":
		return "Etc/GMT+11", true
	case "venezuela standard time":
		return "America/Caracas", true
	case "vladivostok standard time":
		return "Asia/Vladivostok", true
	case "volgograd standard time":
		return "Europe/Volgograd", true
	case "w. australia standard time":
		return "Australia/Perth", true
	case "w. central africa standard time":
		return "Africa/Lagos", true
	case "w. europe standard time":
		return "Europe/Berlin", true
	case "w. mongolia standard time":
		return "Asia/Hovd", true
	case "west asia standard time":
		return "Asia/Tashkent", true
	case "west bank standard time":
		return "Asia/Hebron", true
	case "west pacific standard time":
		return "Pacific/Port_Moresby", true
	case "yakutsk standard time":
		return "Asia/Yakutsk", true
	case "yukon standard time":
		return "America/Whitehorse", true
	}
	return "", false
}
