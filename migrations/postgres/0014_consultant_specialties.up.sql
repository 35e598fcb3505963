-- Who knows about what.

CREATE TABLE consultant_specialties (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    specialty_id  uuid NOT NULL,
    user_id       uuid NOT NULL,
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, specialty_id) REFERENCES specialties (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX consultant_specialties_key ON consultant_specialties (org_id, specialty_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX consultant_specialties_specialty ON consultant_specialties (org_id, specialty_id);
CREATE INDEX consultant_specialties_user ON consultant_specialties (org_id, user_id);
CREATE INDEX consultant_specialties_deletion ON consultant_specialties (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
