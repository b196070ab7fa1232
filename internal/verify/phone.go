package verify

import (
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Wrong phone numbers, in the words of every form.
const (
	PhoneMissing = "Enter a phone number or a cell phone number"
	PhoneFormat  = "Enter a phone number in the right format, like (206) 555-0142"
)

// ParsePhone reads a number as people write it and gives it in E.164. Numbers of the first country among the settings
// need no country code. It refuses countries that were not chosen (also those that share a code with one that was),
// premium and shared-cost numbers, extensions, and what cannot be a number: texts and calls cost money.
func (s *Service) ParsePhone(text string) (e164 string, ok bool) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "tel:")
	if len(text) > 40 || strings.ContainsFunc(text, notDialled) {
		return "", false
	}
	n, err := phonenumbers.Parse(text, s.set.Countries[0])
	if err != nil || n.GetExtension() != "" {
		return "", false
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.UAN, phonenumbers.VOICEMAIL:
		return "", false
	}
	// Numbers kept for examples (555-01xx) pass the length and shape check but are assigned to nobody.
	if !s.served(countryOf(n)) && !example(n) || !phonenumbers.IsPossibleNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

// notDialled says whether a character has no place in a number as people write it. The library would look for a number
// inside any text.
func notDialled(r rune) bool {
	return !unicode.IsDigit(r) && !strings.ContainsRune("+()-./ \u00a0\u2010\u2011\u2012\u2013", r)
}

// served says whether codes may be sent to a country.
func (s *Service) served(country string) bool { return slices.Contains(s.set.Countries, country) }

// countryOf is the country of a number (ISO 3166-1 alpha-2), "" when there is none; the territories count as the United
// States.
func countryOf(n *phonenumbers.PhoneNumber) string {
	switch c := phonenumbers.GetRegionCodeForNumber(n); c {
	case "PR", "VI", "GU", "AS", "MP":
		return "US"
	case "ZZ":
		return ""
	default:
		return c
	}
}

// country is that of a number on file.
func country(e164 string) string {
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	return countryOf(n)
}

// example says whether a number is one of those reserved for examples: 555-0100 to 555-0199 of any area under +1.
func example(n *phonenumbers.PhoneNumber) bool {
	national := phonenumbers.GetNationalSignificantNumber(n)
	return n.GetCountryCode() == 1 && len(national) == 10 && national[0] >= '2' && national[3:8] == "55501"
}

// ShowPhone writes a number the way it is read aloud: "(206) 555-0142", "+44 20 7946 0958". What is no number stays as it is.
func ShowPhone(e164 string) string {
	if len(e164) != 12 || !strings.HasPrefix(e164, "+1") {
		if n, err := phonenumbers.Parse(e164, ""); err == nil {
			return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
		}
		return e164
	}
	return "(" + e164[2:5] + ") " + e164[5:8] + "-" + e164[8:]
}

// Ending is the last two digits, all that is shown of a number to someone who has not proved it.
func Ending(e164 string) string {
	if len(e164) < 4 {
		return ""
	}
	return e164[len(e164)-2:]
}

// Phones are the numbers on file of a subject, in E.164; empty ones are absent.
type Phones struct {
	Phone   string // the office's; a patient's home phone
	Cell    string
	Patient bool
}

// Method is one way to get a code.
type Method struct {
	Value string // the form's value
	Label string
	To    string
	Call  bool
}

// Methods lists the ways that the numbers on file allow. Texts go to cell phones only.
func Methods(p Phones) []Method {
	var m []Method
	if p.Phone != "" {
		whose := "practice phone"
		if p.Patient {
			whose = "phone"
		}
		m = append(m, Method{"call_phone", "Make a call to your " + whose + " ending " + Ending(p.Phone), p.Phone, true})
	}
	if p.Cell != "" {
		m = append(m,
			Method{"call_cell", "Make a call to your mobile phone ending " + Ending(p.Cell), p.Cell, true},
			Method{"text_cell", "Send a text to your mobile phone ending " + Ending(p.Cell), p.Cell, false})
	}
	return m
}

func methodOf(p Phones, value string) (Method, bool) {
	for _, m := range Methods(p) {
		if m.Value == value {
			return m, true
		}
	}
	return Method{}, false
}
