package account

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the list of common passwords
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// commonPasswords are the first bytes of hashes, sorted; common/main.go makes the file.
//
//go:embed common/passwords.bin
var commonPasswords []byte

const commonLen = 5 // bytes kept of each hash

// Rules are the password instructions as pages show them.
func (s *Service) Rules() ui.Rules {
	days := 0
	if s.set.MaxAge > 0 {
		days = int(s.set.MaxAge / (24 * time.Hour))
	}
	return ui.Rules{MinLength: s.set.MinPassword, Classes: !s.set.NoClasses, History: s.set.History, MaxAgeDays: days}
}

// fold is a password as it is hashed: NFKC, so that the same keys on another keyboard make the same password.
func fold(password string) string { return norm.NFKC.String(password) }

// Hash makes the stored form of a new password. Busy when too many people are at it.
func (s *Service) Hash(ctx context.Context, password string) (string, error) {
	return s.hasher.hash(ctx, fold(password))
}

// PasswordCheck is a new password with what it must not be. Field and ConfirmField are the form's names.
type PasswordCheck struct {
	Password, Confirm, Field, ConfirmField string
	Email, First, Last, Practice           string
	UserID                                 string // whose last passwords are refused; "" = nobody's
}

// CheckNewPassword refuses a new password in the words of its form, all faults at once. The costly question, whether it
// is one of the last, is asked only of a password that is right otherwise.
func (s *Service) CheckNewPassword(ctx context.Context, c PasswordCheck) error {
	f := s.faultsOf(c)
	if !slices.ContainsFunc(f, func(e fault.FieldError) bool { return e.Field == c.Field }) {
		used, err := s.usedBefore(ctx, c)
		if err != nil {
			return err
		}
		if used {
			text := "Choose a password that is not one of your last " + strconv.Itoa(s.set.History) + " passwords"
			f = append(fault.Fields{{Field: c.Field, Text: text}}, f...)
		}
	}
	return f.Err()
}

// faultsOf is what can be said of a new password without comparing it with earlier ones.
func (s *Service) faultsOf(c PasswordCheck) (f fault.Fields) {
	if c.Password == "" {
		f.Add(c.Field, "Enter a password")
	} else {
		for _, sentence := range s.refusals(c) {
			f.Add(c.Field, sentence)
		}
	}
	if c.Confirm != c.Password {
		f.Add(c.ConfirmField, "Re-enter the same password")
	}
	return f
}

// refusals are what is wrong with a password, a sentence each.
func (s *Service) refusals(c PasswordCheck) (lacks []string) {
	p := fold(c.Password)
	n := utf8.RuneCountInString(p)
	if n < s.set.MinPassword {
		lacks = append(lacks, "Password must be at least "+strconv.Itoa(s.set.MinPassword)+" characters")
	}
	if n > s.set.MaxPassword {
		lacks = append(lacks, "Password must be "+strconv.Itoa(s.set.MaxPassword)+" characters or fewer")
	}
	if !s.set.NoClasses {
		lacks = append(lacks, missingClasses(p)...)
	}
	switch {
	case len(lacks) > 0: // the rest is asked of a password that is right so far
	case own(p, c):
		lacks = append(lacks, "Choose a password without your name, your email address or your practice's name")
	case common(p):
		lacks = append(lacks, "This password is on a list of common passwords. Choose another.")
	}
	return lacks
}

func missingClasses(p string) (lacks []string) {
	var lower, upper, number, special bool
	for _, r := range p {
		switch {
		case unicode.IsLower(r):
			lower = true
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsDigit(r):
			number = true
		case !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r):
			special = true
		}
	}
	for _, c := range []struct {
		has  bool
		name string
	}{{lower, "a lower case letter"}, {upper, "an upper case letter"}, {number, "a number"}, {special, "a special character"}} {
		if !c.has {
			lacks = append(lacks, "Password must contain "+c.name)
		}
	}
	return lacks
}

// common says whether a password is commonly used, also when only a few figures or signs were put around it.
func common(p string) bool {
	p = strings.ToLower(p)
	core := strings.TrimFunc(p, func(r rune) bool { return !unicode.IsLetter(r) })
	return listed(p) || utf8.RuneCountInString(p)-utf8.RuneCountInString(core) <= 5 && listed(core)
}

func listed(p string) bool {
	sum := sha256.Sum256([]byte(p))
	n := len(commonPasswords) / commonLen
	i := sort.Search(n, func(i int) bool {
		return bytes.Compare(commonPasswords[i*commonLen:(i+1)*commonLen], sum[:commonLen]) >= 0
	})
	return i < n && bytes.Equal(commonPasswords[i*commonLen:(i+1)*commonLen], sum[:commonLen])
}

// own says whether a password holds a word of the person's name, address or practice. Words of up to three letters are
// in too many others.
func own(p string, c PasswordCheck) bool {
	p = strings.ToLower(p)
	local, _, _ := strings.Cut(c.Email, "@")
	apart := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.M, r) }
	words := []string{local, c.First, c.Last}
	for _, text := range []string{local, c.First, c.Last, c.Practice} {
		words = append(words, strings.FieldsFunc(fold(text), apart)...)
	}
	for _, w := range words {
		if w = strings.ToLower(fold(w)); utf8.RuneCountInString(w) >= 4 && strings.Contains(p, w) {
			return true
		}
	}
	return false
}

func (s *Service) usedBefore(ctx context.Context, c PasswordCheck) (bool, error) {
	if c.UserID == "" || s.set.History < 1 {
		return false, nil
	}
	old, err := listPasswords(ctx, s.o.DB, c.UserID, s.set.History)
	if err != nil {
		return false, fmt.Errorf("read earlier passwords: %w", err)
	}
	for _, hash := range old {
		same, err := s.hasher.matches(ctx, fold(c.Password), hash)
		if err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// expired says whether a password set then must be changed now.
func (s *Service) expired(setAt int64, now int64) bool {
	return s.set.MaxAge > 0 && setAt > 0 && now-setAt > s.set.MaxAge.Microseconds()
}
