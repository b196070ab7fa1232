package account

import (
	"time"
	_ "time/tzdata" // the program knows every zone on every machine

	"securepractice/internal/ui"
)

// DefaultZone is the time zone of those who chose none.
const DefaultZone = "America/Los_Angeles"

// Zones are the choices of a time zone: the United States and Canada first.
func Zones() []ui.Option {
	return []ui.Option{
		{Value: "America/Los_Angeles", Label: "Pacific Time (Los Angeles, Seattle, Vancouver)"}, {Value: "America/Denver", Label: "Mountain Time (Denver, Calgary)"},
		{Value: "America/Phoenix", Label: "Arizona (Phoenix)"}, {Value: "America/Chicago", Label: "Central Time (Chicago, Winnipeg)"},
		{Value: "America/New_York", Label: "Eastern Time (New York, Toronto)"}, {Value: "America/Anchorage", Label: "Alaska (Anchorage)"},
		{Value: "Pacific/Honolulu", Label: "Hawaii (Honolulu)"}, {Value: "America/Puerto_Rico", Label: "Atlantic Standard Time (Puerto Rico)"},
		{Value: "America/Halifax", Label: "Atlantic Time (Halifax)"}, {Value: "America/St_Johns", Label: "Newfoundland (St. John’s)"},
		{Value: "America/Regina", Label: "Saskatchewan (Regina)"}, {Value: "Pacific/Guam", Label: "Guam"}, {Value: "Pacific/Pago_Pago", Label: "American Samoa"},
		{Value: "America/Mexico_City", Label: "Mexico City"}, {Value: "America/Tijuana", Label: "Tijuana"}, {Value: "America/Bogota", Label: "Bogotá, Lima"},
		{Value: "America/Caracas", Label: "Caracas"}, {Value: "America/Santiago", Label: "Santiago"}, {Value: "America/Sao_Paulo", Label: "São Paulo"},
		{Value: "America/Argentina/Buenos_Aires", Label: "Buenos Aires"}, {Value: "UTC", Label: "Coordinated Universal Time"}, {Value: "Europe/London", Label: "London, Dublin, Lisbon"},
		{Value: "Europe/Paris", Label: "Paris, Berlin, Madrid, Rome"}, {Value: "Europe/Athens", Label: "Athens, Helsinki, Kyiv"}, {Value: "Europe/Istanbul", Label: "Istanbul"},
		{Value: "Africa/Cairo", Label: "Cairo"}, {Value: "Africa/Johannesburg", Label: "Johannesburg"}, {Value: "Africa/Lagos", Label: "Lagos"}, {Value: "Asia/Jerusalem", Label: "Jerusalem"},
		{Value: "Asia/Dubai", Label: "Dubai"}, {Value: "Asia/Karachi", Label: "Karachi"}, {Value: "Asia/Kolkata", Label: "Mumbai, New Delhi"}, {Value: "Asia/Bangkok", Label: "Bangkok, Jakarta"},
		{Value: "Asia/Manila", Label: "Manila"}, {Value: "Asia/Shanghai", Label: "Beijing, Hong Kong"}, {Value: "Asia/Singapore", Label: "Singapore"}, {Value: "Asia/Tokyo", Label: "Tokyo, Seoul"},
		{Value: "Australia/Perth", Label: "Perth"}, {Value: "Australia/Brisbane", Label: "Brisbane"}, {Value: "Australia/Sydney", Label: "Sydney, Melbourne"}, {Value: "Pacific/Auckland", Label: "Auckland"},
	}
}

// KnownZone says whether a form's time zone is one that can be chosen.
func KnownZone(name string) bool {
	for _, z := range Zones() {
		if z.Value == name {
			_, err := time.LoadLocation(name)
			return err == nil
		}
	}
	return false
}

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
