package account

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// EmailFormat is what every form says of an address that cannot be one.
const EmailFormat = "Enter an email address in the right format, like name@example.org"

// CanonEmail gives the one form in which addresses are compared: NFC, lower case, the domain in ASCII. ok is false for
// what cannot be an address (RFC 5321: 64 octets before the @, 254 in all; quoted local parts are not taken).
func CanonEmail(s string) (canon string, ok bool) {
	s = norm.NFC.String(strings.TrimSpace(s))
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return "", false
	}
	local := strings.ToLower(s[:at])
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", false
	}
	for _, r := range local {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"(),:;<>@[\]`, r) {
			return "", false
		}
	}
	domain, err := idna.Lookup.ToASCII(strings.ToLower(s[at+1:]))
	if err != nil || !named(domain) || len(local)+1+len(domain) > 254 {
		return "", false
	}
	return local + "@" + domain, true
}

// named says whether a domain in ASCII is a name of two labels or more, none empty or too long (RFC 1035, 2.3.4); the
// last is no number, so that it is no bare IP address.
func named(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return false
		}
	}
	return len(labels) > 1 && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// TidyEmail is the address as it is stored and written to: trimmed, otherwise as typed.
func TidyEmail(s string) string { return strings.TrimSpace(s) }

// MaskEmail shows whose mailbox to look into without showing the address: "r***@example.org".
func MaskEmail(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "***"
	}
	first := []rune(s[:at])[0]
	return string(first) + "***" + s[at:]
}
