package account

import (
	"cmp"
	_ "embed" // the names of the time zones
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the program knows every zone on every machine

	"securepractice/internal/ui"
)

// DefaultZone is the time zone of those who chose none.
const DefaultZone = "America/Los_Angeles"

// zoneNames are the zones of the IANA time zone database, one a line: its zone.tab (public domain).
//
//go:embed zones.txt
var zoneNames string

// Zones are the choices of a time zone: those of the United States and Canada first, then all others by their city.
func Zones() []ui.Option {
	near := []ui.Option{
		{Value: "America/Los_Angeles", Label: "Pacific Time (Los Angeles, Seattle, Vancouver)"}, {Value: "America/Denver", Label: "Mountain Time (Denver, Calgary)"},
		{Value: "America/Phoenix", Label: "Arizona (Phoenix)"}, {Value: "America/Chicago", Label: "Central Time (Chicago, Winnipeg)"},
		{Value: "America/New_York", Label: "Eastern Time (New York, Toronto)"}, {Value: "America/Anchorage", Label: "Alaska (Anchorage)"},
		{Value: "Pacific/Honolulu", Label: "Hawaii (Honolulu)"}, {Value: "America/Puerto_Rico", Label: "Atlantic Standard Time (Puerto Rico)"},
		{Value: "America/Halifax", Label: "Atlantic Time (Halifax)"}, {Value: "America/St_Johns", Label: "Newfoundland (St. John’s)"},
		{Value: "America/Regina", Label: "Saskatchewan (Regina)"}, {Value: "Pacific/Guam", Label: "Guam"}, {Value: "Pacific/Pago_Pago", Label: "American Samoa"},
	}
	far := []ui.Option{{Value: "UTC", Label: "Coordinated Universal Time (UTC)"}}
	for name := range strings.FieldsSeq(zoneNames) {
		if !slices.ContainsFunc(near, func(o ui.Option) bool { return o.Value == name }) {
			far = append(far, ui.Option{Value: name, Label: zoneLabel(name)})
		}
	}
	slices.SortFunc(far, func(a, b ui.Option) int { return cmp.Compare(a.Label, b.Label) })
	return append(near, far...)
}

// zoneLabel puts the city first, where people look and where typing in the list finds it: "Oslo (Europe)".
func zoneLabel(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, "_", " "), "/")
	last := len(parts) - 1
	label := parts[last]
	if last > 1 {
		label += ", " + strings.Join(parts[1:last], ", ")
	}
	return label + " (" + parts[0] + ")"
}

// zones keeps those that were asked for: the standard library reads a file each time.
var zones sync.Map // name → *time.Location

// Location is the time zone of a name; nil when there is none of that name.
func Location(name string) *time.Location {
	if name == "" || name == "Local" { // both mean this machine's own zone to LoadLocation
		return nil
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	zones.Store(name, loc)
	return loc
}

// KnownZone says whether a name is a time zone: one of Zones, or another name of one ("US/Pacific").
func KnownZone(name string) bool { return Location(name) != nil }

// Specialties are those the American Dental Association recognises, and general practice.
func Specialties() []ui.Option {
	var o []ui.Option
	for _, s := range []string{"General dentistry", "Dental anesthesiology", "Dental public health", "Endodontics", "Oral and maxillofacial pathology",
		"Oral and maxillofacial radiology", "Oral and maxillofacial surgery", "Oral medicine", "Orofacial pain", "Orthodontics", "Pediatric dentistry", "Periodontics", "Prosthodontics"} {
		o = append(o, ui.Option{Value: s, Label: s})
	}
	return o
}

// KnownSpecialties keeps what can be chosen of what a form sent.
func KnownSpecialties(chosen []string) []string {
	var known []string
	for _, o := range Specialties() {
		for _, c := range chosen {
			if c == o.Value {
				known = append(known, c)
				break
			}
		}
	}
	return known
}
