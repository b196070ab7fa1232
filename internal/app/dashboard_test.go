package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
)

// From 14 days on the dashboard says when the password expires.
func TestDashboardWarnsOfThePasswordsEnd(t *testing.T) {
	a := newApp(t)
	if _, err := a.seedPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &walker{t, a.Handler(), map[string]*http.Cookie{}}
	w.signIn(a, "/signin", 0)
	for age, want := range map[int]string{75: "", 76: "Password expires in 14 days", 78: "Password expires in 12 days", 89: "Password expires tomorrow", 90: "Password expires today"} {
		at := time.Now().Add(time.Minute - time.Duration(age)*24*time.Hour).UnixMicro()
		err := a.DB.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_at = $1", at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		page := w.do(http.MethodGet, "/", nil).Body.String()
		if strings.Contains(page, "Password expires") != (want != "") || !strings.Contains(page, want) {
			t.Errorf("a password %d days old: want %q", age, want)
		}
	}
}
