-- When each enrollment is planned anew: facts grow old and identities end without anybody asking.

CREATE TABLE plan_due (
    enrollment_id {uuid} NOT NULL PRIMARY KEY REFERENCES enrollments (id),
    due_at        BIGINT NOT NULL
);
CREATE INDEX plan_due_at ON plan_due (due_at);
