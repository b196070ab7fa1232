package mail

import (
	"context"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"securepractice/internal/actor"
)

// commonDomains are where many people have their mail. An address at one of them is never doubted.
var commonDomains = []string{
	"gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com", "aol.com", "comcast.net", "verizon.net", "sbcglobal.net",
	"bellsouth.net", "protonmail.com", "fastmail.com", "email.com", "mail.com", "ymail.com", "gmx.com", "live.com", "msn.com", "me.com", "mac.com",
	"att.net", "cox.net", "charter.net", "earthlink.net", "optonline.net", "proton.me", "zoho.com", "hey.com", "yahoo.co.uk", "hotmail.co.uk",
}

// leastEdited is how long the first label of a domain must be before one wrong letter makes it resemble another: short
// names are one letter apart by chance.
const leastEdited = 5

// meant is the address that one may have been meant to be: at the domain of one of the actor's contacts or at a common
// mail domain, which this one resembles. Empty when there is nothing to ask.
func (s *Service) meant(ctx context.Context, by actor.Actor, address string) (string, error) {
	people, err := s.contacts(ctx, by, "")
	if err != nil {
		return "", err
	}
	domains := make([]string, 0, len(people)+len(commonDomains))
	for _, c := range people {
		domains = append(domains, domainOf(c.Email))
	}
	at := strings.LastIndexByte(address, '@')
	if domain, found := lookalike(domainOf(address), append(domains, commonDomains...)); found && at > 0 {
		return address[:at+1] + domain, nil
	}
	return "", nil
}

func domainOf(address string) string {
	return strings.ToLower(strings.TrimSpace(address[strings.LastIndexByte(address, '@')+1:]))
}

// lookalike finds the known domain that a domain resembles without being it: the same to the eye, or one letter left out,
// added, wrong, or two swapped.
func lookalike(domain string, known []string) (string, bool) {
	domain = readable(domain)
	for _, k := range known {
		if readable(k) == domain {
			return "", false
		}
	}
	shape := skeleton(domain)
	for _, k := range known {
		if k = readable(k); k != "" && skeleton(k) == shape {
			return k, true
		}
	}
	for _, k := range known {
		k = readable(k)
		if label, _, _ := strings.Cut(k, "."); len(label) >= leastEdited && oneEdit([]rune(domain), []rune(k)) {
			return k, true
		}
	}
	return "", false
}

// readable is a domain as people read it: an internationalized one in its own letters.
func readable(domain string) string {
	if u, err := idna.ToUnicode(strings.ToLower(strings.TrimSpace(domain))); err == nil {
		return u
	}
	return strings.ToLower(domain)
}

// sameShape are letters that look like Latin ones, in Cyrillic, Greek, Armenian and elsewhere, and figures like letters.
var sameShape = strings.NewReplacer(
	"а", "a", "ɑ", "a", "α", "a", "ь", "b", "с", "c", "ϲ", "c", "ԁ", "d", "е", "e", "ҽ", "e", "ɡ", "g", "һ", "h", "հ", "h", "і", "i", "ı", "i", "ι", "i",
	"ј", "j", "κ", "k", "к", "k", "ӏ", "l", "ⅼ", "l", "м", "m", "ո", "n", "п", "n", "о", "o", "ο", "o", "օ", "o", "р", "p", "ρ", "p", "ԛ", "q",
	"г", "r", "ѕ", "s", "т", "t", "τ", "t", "υ", "u", "ս", "u", "ν", "v", "ѵ", "v", "ԝ", "w", "ш", "w", "х", "x", "χ", "x", "у", "y", "γ", "y",
	"ø", "o", "ł", "l", "đ", "d", "0", "o", "1", "l", "rn", "m", "vv", "w", "cl", "d",
)

// skeleton reduces a domain to what the eye sees of it: no accents, one letter for all of the same shape.
func skeleton(domain string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(domain) {
		if r < 0x300 || r > 0x36f { // the accents that NFKD takes off
			b.WriteRune(r)
		}
	}
	return sameShape.Replace(sameShape.Replace(b.String()))
}

// oneEdit says whether two texts differ by one letter left out, added, wrong, or two neighbours swapped.
func oneEdit(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return string(a[i:]) == string(b[i+1:])
	}
	if i == len(a) {
		return false
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && string(a[i+2:]) == string(b[i+2:])
	return swapped || string(a[i+1:]) == string(b[i+1:])
}
