package practice_test

import (
	"context"
	"testing"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// Each switch turns by itself, for the manager's own practice alone, and the same again writes nothing.
func TestSetTwoStep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		own, other := w.made(t, "Harbor Point"), w.made(t, "Eastlake")
		manager := dana
		manager.PracticeID = own.ID
		set := func(by actor.Actor, g practice.Group, on bool) error {
			return d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.SetTwoStep(ctx, tx, by, g, on) })
		}
		for range 2 {
			if err := set(manager, practice.Patients, false); err != nil {
				t.Fatal(err)
			}
		}
		if p, o := w.find(t, own.ID), w.find(t, other.ID); p.TwoStepPatients || !p.TwoStepDoctors || !o.TwoStepPatients || p.Version != own.Version {
			t.Errorf("own %+v, other %+v", p, o)
		}
		n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM audit_event WHERE action = 'practice.edited' AND subject_id = $1 AND practice_id = $1", own.ID)
		if err != nil || n != 1 {
			t.Errorf("%d lines in the trail: %v", n, err)
		}
		member := manager
		member.Manager = false
		for name, by := range map[string]actor.Actor{"member": member, "support": support, "visitor": {}, "no practice": dana} {
			if err := set(by, practice.Doctors, false); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := set(manager, "staff", false); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown group: %v", err)
		}
		if err := set(manager, practice.Doctors, false); err != nil || w.find(t, own.ID).TwoStepDoctors {
			t.Errorf("doctors: %v", err)
		}
	})
}
