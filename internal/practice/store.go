package practice

import (
	"context"
	"strings"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

func insertPractice(ctx context.Context, tx *db.Tx, p Practice, at int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO practice_practice (id, name, name_canon, phone, street, city, region, zip, specialties, state,
			two_step_doctors, two_step_patients, max_recipients, created_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', $10, $11, $12, $13, 1)`,
		p.ID, p.Name, Canon(p.Name), p.Phone, p.Street, p.City, p.Region, p.Zip, strings.Join(p.Specialties, "\n"),
		p.TwoStepDoctors, p.TwoStepPatients, p.MaxRecipients, at)
	return err
}

func updatePractice(ctx context.Context, tx *db.Tx, p Practice) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE practice_practice
		SET name = $3, name_canon = $4, phone = $5, street = $6, city = $7, region = $8, zip = $9, specialties = $10, version = version + 1
		WHERE id = $1 AND version = $2`,
		p.ID, p.Version, p.Name, Canon(p.Name), p.Phone, p.Street, p.City, p.Region, p.Zip, strings.Join(p.Specialties, "\n"))
	return n == 1, err
}

func listPractices(ctx context.Context, r db.Reader, ids []string) ([]Practice, error) {
	in, args := db.In(1, ids)
	return db.All(ctx, r, func(row db.Row) (Practice, error) {
		var p Practice
		var specialties string
		var from int64
		err := row(&p.ID, &p.Name, &p.Phone, &p.Street, &p.City, &p.Region, &p.Zip, &specialties, &p.TwoStepDoctors, &p.TwoStepPatients, &p.MaxRecipients, &p.Version,
			&p.AccessDays, &p.RetentionDays, &from)
		if from > 0 {
			p.RetentionFrom = clock.Time(from)
		}
		if specialties != "" {
			p.Specialties = strings.Split(specialties, "\n")
		}
		return p, err
	}, `
		SELECT id, name, phone, street, city, region, zip, specialties, two_step_doctors, two_step_patients, max_recipients, version,
			COALESCE(access_days, 0), COALESCE(retention_days, 0), COALESCE(retention_from, 0)
		FROM practice_practice
		WHERE id IN `+in, args...)
}

func putProduct(ctx context.Context, tx *db.Tx, practiceID string, p Product) error {
	state := "off"
	if p.On {
		state = "on"
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO practice_product (practice_id, product, state, url)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (practice_id, product) DO UPDATE SET state = $3, url = $4`, practiceID, p.Name, state, p.URL)
	return err
}

func listProducts(ctx context.Context, r db.Reader, practiceID string) ([]Product, error) {
	return db.All(ctx, r, func(row db.Row) (Product, error) {
		var p Product
		var state string
		err := row(&p.Name, &state, &p.URL)
		p.On = state == "on"
		return p, err
	}, "SELECT product, state, url FROM practice_product WHERE practice_id = $1 ORDER BY product", practiceID)
}
